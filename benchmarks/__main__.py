"""Run the benchmark: `python -m benchmarks`."""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

import click

from benchmarks import programs
from benchmarks.brokers import BASELINE, KINDS, Kind, baseline_kind
from benchmarks.ground import FULL, QUICK, standing_ground
from benchmarks.machine import this_machine, touch_memory
from benchmarks.processes import RunFailedError, output_of
from benchmarks.report import markdown, marks, write_into
from benchmarks.results import Found, Results
from benchmarks.row import Row, Sample
from benchmarks.rows import ROWS, SECTIONS
from kafkalite_conformance.reference_broker import KAFKA_TOOLS_VERSION


@click.command()
@click.option("--quick", is_flag=True, help="Small counts, one run each: shows that everything works.")
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="Measure this row; may be repeated.")
@click.option(
    "--section", type=click.Choice(SECTIONS), default="broker", show_default=True, help="Part of the table to measure."
)
@click.option("--brokers", default=",".join(KINDS), show_default=True, help="Brokers to measure, with commas between.")
@click.option(
    "--baseline",
    type=click.Path(exists=True, path_type=Path),
    help="Checkout of an earlier kafkalite, with its .venv, to measure as well.",
)
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each row, in place of its own number.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for the brokers' data.  [default: temporary]")
@click.option("--write", "page", type=click.Path(exists=True, path_type=Path), help="Page that takes the table.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File that takes every sample.")
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    section: str,
    brokers: str,
    baseline: Path | None,
    runs: int | None,
    scratch: Path | None,
    page: Path | None,
    json_file: Path | None,
) -> None:
    """Measure kafkalite beside its peers and print the table."""
    if baseline is not None:
        KINDS[BASELINE] = baseline_kind(baseline.resolve())
        brokers = f"{brokers},{BASELINE}"
    names = [name.strip() for name in brokers.split(",")]
    if unknown := sorted(set(names) - set(KINDS)):
        raise click.UsageError(f"No such broker: {', '.join(unknown)}. There are {', '.join(KINDS)}.")
    if page is not None and only:
        raise click.UsageError("--write wants the whole table, and --only measures a part of it.")
    if page is not None and marks(section)[0] not in page.read_text():
        raise click.UsageError(f"{page} has no line {marks(section)[0]}.")
    signal.signal(signal.SIGTERM, _interrupt)
    # An installed package has cached bytecode; so must a checkout, even if the environment turns it off.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    # Every server and client ends with this process (see `ServerProcess`), and the data with the folder.
    with tempfile.TemporaryDirectory(prefix="kafkalite-bench-", dir=scratch, ignore_cleanup_errors=True) as folder:
        results = Results(machine=this_machine(Path(folder)), quick=quick)
        kinds = _present([KINDS[name] for name in KINDS if name in names], results)
        try:
            for row in [row for row in ROWS.values() if (row.name in only if only else row.section == section)]:
                results.found += _measured(row, kinds, Path(folder), quick=quick, runs=runs)
                if json_file is not None:
                    results.write(json_file)
        except KeyboardInterrupt:
            print(markdown(results))
            raise
    print(markdown(results))
    if page is not None:
        write_into(page, markdown(results), section)
    if results.failures:
        sys.exit(1)


def _present(kinds: Sequence[Kind], results: Results) -> list[Kind]:
    """Build what is to be built, and leave out the peers that cannot run here."""
    present: list[Kind] = []
    for kind in kinds:
        _say(f"preparing {kind.title}")
        try:
            kind.prepare()
        except programs.MissingToolError as missing:
            results.absent[kind.name] = str(missing)
        else:
            results.versions[kind.name] = kind.version()
            present.append(kind)
    with suppress(programs.MissingToolError):
        results.versions["librdkafka"] = output_of([str(programs.rdkafka_load()), "version"]).strip()
    results.versions["ProducerPerformance"] = f"kafka-tools {KAFKA_TOOLS_VERSION}"
    return present


def _measured(row: Row, kinds: Sequence[Kind], folder: Path, *, quick: bool, runs: int | None) -> list[Found]:
    """Measure a row on all brokers in turn: A B C, C B A, and so on, so that drift of the machine affects all alike."""
    count = runs or (1 if quick else row.runs)
    kinds = [kind for kind in kinds if row.brokers is None or kind.name in row.brokers]
    setup = row.setup()
    samples: dict[str, list[Sample]] = {kind.name: [] for kind in kinds}
    failures: dict[str, str] = {}
    with ExitStack() as stack:
        grounds = {
            kind.name: stack.enter_context(standing_ground(kind, folder, QUICK if quick else FULL, setup))
            for kind in kinds
        }
        for run in range(-row.warm_ups, count):
            for kind in kinds if run % 2 == 0 else reversed(kinds):
                if kind.name in failures:
                    continue
                ground = grounds[kind.name]
                ground.runs, ground.run = count, max(run, 0)
                touch_memory()
                try:
                    sample = row.measure(ground)
                except (RunFailedError, programs.MissingToolError) as problem:
                    failures[kind.name] = str(problem).strip().rstrip(".")
                    _say(f"{row.name} on {kind.name} failed: {failures[kind.name]}")
                    continue
                if run >= 0:
                    samples[kind.name].append(sample)
                    _say(f"{row.name} on {kind.name}, {run + 1} of {count}: {_short(row, sample)}")
    return [
        Found(row=row.name, broker=name, failure=failures[name])
        if name in failures
        else Found(row=row.name, broker=name, samples=tuple(found))
        for name, found in samples.items()
    ]


def _short(row: Row, sample: Sample) -> str:
    return ", ".join(f"{measure.key} {measure.shown(sample[measure.key])} {measure.unit}" for measure in row.measures)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

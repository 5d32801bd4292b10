"""Run the benchmark: `python -m benchmarks`."""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click

from benchmarks import programs
from benchmarks.brokers import KINDS, Kind
from benchmarks.ground import FULL, QUICK, standing_ground
from benchmarks.machine import this_machine
from benchmarks.processes import RunFailedError, output_of
from benchmarks.report import BEGIN, markdown, write_into
from benchmarks.results import Found, Results
from benchmarks.rows import ROWS, Row, Sample
from kafkalite_conformance.reference_broker import KAFKA_TOOLS_VERSION


@click.command()
@click.option("--quick", is_flag=True, help="Small counts, one run each: shows that everything works.")
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="Measure this row; may be repeated.")
@click.option("--brokers", default=",".join(KINDS), show_default=True, help="Brokers to measure, with commas between.")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each row, in place of its own number.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for the brokers' data.  [default: temporary]")
@click.option("--write", "page", type=click.Path(exists=True, path_type=Path), help="Page that takes the table.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File that takes every sample.")
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    brokers: str,
    runs: int | None,
    scratch: Path | None,
    page: Path | None,
    json_file: Path | None,
) -> None:
    """Measure kafkalite beside its peers and print the table."""
    names = [name.strip() for name in brokers.split(",")]
    if unknown := sorted(set(names) - set(KINDS)):
        raise click.UsageError(f"No such broker: {', '.join(unknown)}. There are {', '.join(KINDS)}.")
    if page is not None and only:
        raise click.UsageError("--write wants the whole table, and --only measures a part of it.")
    if page is not None and BEGIN not in page.read_text():
        raise click.UsageError(f"{page} has no line {BEGIN}.")
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
            for row in [ROWS[name] for name in ROWS if not only or name in only]:
                for kind in kinds:
                    results.found.append(_found(row, kind, Path(folder), quick=quick, runs=runs))
                    if json_file is not None:
                        results.write(json_file)
        except KeyboardInterrupt:
            print(markdown(results))
            raise
    print(markdown(results))
    if page is not None:
        write_into(page, markdown(results))
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


def _found(row: Row, kind: Kind, folder: Path, *, quick: bool, runs: int | None) -> Found:
    count = runs or (1 if quick else row.runs)
    samples: list[Sample] = []
    try:
        with standing_ground(kind, folder, QUICK if quick else FULL) as ground:
            ground.runs = count
            for _ in range(row.warm_ups):
                row.measure(ground)
            for ground.run in range(count):
                samples.append(row.measure(ground))
                _say(f"{row.name} on {kind.name}, {ground.run + 1} of {count}: {_short(row, samples[-1])}")
    except (RunFailedError, programs.MissingToolError) as problem:
        failure = str(problem).strip().rstrip(".")
        _say(f"{row.name} on {kind.name} failed: {failure}")
        return Found(row=row.name, broker=kind.name, failure=failure)
    return Found(row=row.name, broker=kind.name, samples=tuple(samples))


def _short(row: Row, sample: Sample) -> str:
    return ", ".join(f"{measure.key} {measure.shown(sample[measure.key])} {measure.unit}" for measure in row.measures)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

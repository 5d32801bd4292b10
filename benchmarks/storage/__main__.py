"""Run the storage benchmark: `python -m benchmarks.storage`."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from benchmarks import programs
from benchmarks.brokers import KINDS, Kind
from benchmarks.machine import this_machine
from benchmarks.processes import RunFailedError
from benchmarks.report import marks, write_into
from benchmarks.storage.appending import append
from benchmarks.storage.bench import Bench, settle
from benchmarks.storage.committing import commit
from benchmarks.storage.lines import Line, Table
from benchmarks.storage.looking_up import look_up
from benchmarks.storage.partitions import partitions
from benchmarks.storage.reading import read
from benchmarks.storage.restarting import restart
from benchmarks.storage.streaming import stream

#: `partitions` first: a file system without a journal makes files slowly for minutes after others were removed.
EXPERIMENTS: Final[dict[str, Callable[[Bench], list[Line]]]] = {
    "partitions": partitions,
    "append": append,
    "read": read,
    "look-up": look_up,
    "commit": commit,
    "restart": restart,
    "stream": stream,
}
_BROKERS: Final = ("kafkalite", "kafka")


@click.command()
@click.option("--quick", is_flag=True, help="Small counts: shows that everything works.")
@click.option("--only", multiple=True, type=click.Choice(list(EXPERIMENTS)), help="Only this one; may be repeated.")
@click.option("--brokers", default=",".join(_BROKERS), show_default=True, help="Brokers to start, with commas between.")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each experiment.  [default: 3, 1 when quick]")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for the data.  [default: temporary]")
@click.option("--write", "page", type=click.Path(exists=True, path_type=Path), help="Page that takes the table.")
def main(
    *, quick: bool, only: tuple[str, ...], brokers: str, runs: int | None, scratch: Path | None, page: Path | None
) -> None:
    """Measure the log beside what the disk allows and beside Kafka, and print the table."""
    names = [name.strip() for name in brokers.split(",")]
    if unknown := sorted(set(names) - set(_BROKERS)):
        raise click.UsageError(f"No such broker: {', '.join(unknown)}. There are {', '.join(_BROKERS)}.")
    if page is not None and only:
        raise click.UsageError("--write wants the whole table, and --only measures a part of it.")
    if page is not None and marks()[0] not in page.read_text():
        raise click.UsageError(f"{page} has no line {marks()[0]}.")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafkalite-storage-", dir=scratch, ignore_cleanup_errors=True) as folder:
        machine = this_machine(Path(folder))
        gaps: list[str] = []
        kinds = _present([KINDS[name] for name in _BROKERS if name in names], gaps)
        lines: list[Line] = []
        for name in [name for name in EXPERIMENTS if not only or name in only]:
            # Everything is kept until the end, for the same reason as above.
            (Path(folder) / name).mkdir()
            bench = Bench(
                folder=Path(folder) / name, quick=quick, runs=runs or (1 if quick else 3), brokers=kinds, gaps=gaps
            )
            try:
                lines += EXPERIMENTS[name](bench)
            except (RunFailedError, programs.MissingToolError) as problem:
                gaps.append(f"{name}: {problem}")
            settle()
        versions = {kind.title: kind.version() for kind in kinds}
        generated = Table(machine=machine, quick=quick, versions=versions, lines=lines, gaps=gaps).markdown()
    print(generated)
    if page is not None:
        write_into(page, generated)
    if gaps:
        sys.exit(1)


def _present(kinds: list[Kind], gaps: list[str]) -> list[Kind]:
    present: list[Kind] = []
    for kind in kinds:
        try:
            kind.prepare()
        except programs.MissingToolError as missing:
            gaps.append(f"{kind.title}: {missing}")
        else:
            present.append(kind)
    return present


if __name__ == "__main__":
    main()

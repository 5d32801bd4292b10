"""Run the same fifty tests on kafkalite and on its peers: `python -m benchmarks.stand_ins`."""

import os
import sys
import tempfile
from pathlib import Path

import click

from benchmarks import programs
from benchmarks.machine import this_machine
from benchmarks.processes import RunFailedError
from benchmarks.report import marks, write_into
from benchmarks.stand_ins.running import Run, run_once
from benchmarks.stand_ins.stand_in import STAND_INS, StandIn
from benchmarks.stand_ins.table import markdown


@click.command()
@click.option("--on", default=",".join(STAND_INS), show_default=True, help="Stand-ins, with commas between.")
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, help="Runs on each of them.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for data and logs.  [default: temporary]")
@click.option("--write", "page", type=click.Path(exists=True, path_type=Path), help="Page that takes the tables.")
def main(*, on: str, runs: int, scratch: Path | None, page: Path | None) -> None:
    """Run the suite on each stand-in in turn, and print seconds and failures."""
    names = [name.strip() for name in on.split(",")]
    if unknown := sorted(set(names) - set(STAND_INS)):
        raise click.UsageError(f"No such stand-in: {', '.join(unknown)}. There are {', '.join(STAND_INS)}.")
    if page is not None and marks()[0] not in page.read_text():
        raise click.UsageError(f"{page} has no line {marks()[0]}.")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafkalite-stand-ins-", dir=scratch, ignore_cleanup_errors=True) as folder:
        machine = this_machine(Path(folder))
        absent: dict[str, str] = {}
        present = _present([STAND_INS[name] for name in STAND_INS if name in names], absent)
        done: dict[str, list[Run]] = {stand_in.name: [] for stand_in in present}
        # Interleaved, so that other load on the machine affects all of them alike; the first round warms the caches.
        for number in range(runs + 1):
            for stand_in in present:
                try:
                    run = run_once(stand_in, Path(folder) / f"{stand_in.name}-{number}")
                except RunFailedError as problem:
                    absent[stand_in.name] = str(problem)
                    continue
                _say(stand_in, run, "warm-up" if number == 0 else f"{number} of {runs}")
                if number:
                    done[stand_in.name].append(run)
    found = {name: of for name, of in done.items() if of}
    generated = markdown(machine, {name: STAND_INS[name].version() for name in found}, found, absent)
    print(generated)
    if page is not None:
        write_into(page, generated)
    if absent:
        sys.exit(1)


def _present(stand_ins: list[StandIn], absent: dict[str, str]) -> list[StandIn]:
    """Build what is to be built, and leave out those that cannot run here."""
    present: list[StandIn] = []
    for stand_in in stand_ins:
        try:
            stand_in.prepare()
        except programs.MissingToolError as missing:
            absent[stand_in.name] = str(missing)
        else:
            present.append(stand_in)
    return present


def _say(stand_in: StandIn, run: Run, which: str) -> None:
    line = f"{stand_in.name}, {which}: {run.whole_s:.1f} s, {len(run.failed)} of {len(run.tests)} failed"
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Profile kafkalite under one row: `python -m benchmarks.profile_serve produce-small`.

Prints where the time went; `--output` keeps the profile for another viewer. Numbers under a profiler are no results.
"""

import pstats
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import click

from benchmarks.brokers import KINDS, spawn_kafkalite
from benchmarks.ground import FULL, QUICK, standing_ground
from benchmarks.rows import ROWS

_PROFILABLE: Final = [name for name in ROWS if name not in {"start", "memory"}]


@click.command()
@click.argument("row", type=click.Choice(_PROFILABLE))
@click.option("--full", is_flag=True, help="The counts of a full run; quick ones otherwise.")
@click.option("--sort", default="tottime", show_default=True, type=click.Choice(["tottime", "cumtime", "ncalls"]))
@click.option("--lines", default=40, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="File that takes the profile.")
def main(*, row: str, full: bool, sort: str, lines: int, output: Path | None) -> None:
    """Run one row against kafkalite under cProfile."""
    with tempfile.TemporaryDirectory(prefix="kafkalite-profile-") as folder:
        profile = (output or Path(folder) / "profile").resolve()
        python = (sys.executable, "-m", "cProfile", "-o", str(profile))
        kind = replace(KINDS["kafkalite"], spawn=partial(spawn_kafkalite, python=python))
        with standing_ground(kind, Path(folder), FULL if full else QUICK, ROWS[row].setup()) as ground:
            print(ROWS[row].measure(ground))
            ground.server.stop()  # the profile is written at a clean end only
        pstats.Stats(str(profile)).sort_stats(sort).print_stats(lines)


if __name__ == "__main__":
    main()

"""Output of commands: tables for people, JSON for programs, notes and progress on the standard error stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import click

if TYPE_CHECKING:
    from rich.table import Table

_UNBOUNDED: Final = 10_000


def print_json(value: object) -> None:
    """Print one JSON document; dataclasses become objects with the names of their fields."""
    click.echo(json.dumps(plain(value), indent=2))


def print_json_line(value: object) -> None:
    """Print one JSON document on one line, at once."""
    click.echo(json.dumps(plain(value)))
    sys.stdout.flush()


def plain(value: object) -> Any:
    """Turn dataclasses, also inside lists, into what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [plain(part) for part in cast("Sequence[object]", value)]
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; a column whose name begins with `>` holds numbers, None is shown as `-`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    return made


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or a sentence where there are no rows."""
    listed = list(rows)
    if not listed:
        click.echo(empty)
        return
    from rich.console import Console

    # A file or a pipe has no width: a line is a row there.
    console = Console() if sys.stdout.isatty() else Console(width=_UNBOUNDED)
    with console.capture() as capture:
        console.print(table(columns, listed))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def note(text: str) -> None:
    """Print a note to the standard error stream."""
    click.echo(text, err=True)


@contextmanager
def progress(what: str, total: int | None, *, shown: bool) -> Generator[Callable[[int], None]]:
    """Yield a function that adds to a progress bar; total is None if it is not known."""
    if not shown:
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def someone_watches() -> bool:
    """Return whether the standard error stream is a terminal."""
    return sys.stderr.isatty()

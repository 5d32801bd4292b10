"""A bar on the standard error stream for work that takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


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

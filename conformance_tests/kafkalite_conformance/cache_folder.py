"""Where the suite keeps what is costly to make: jars, compiled drivers, class-data archives."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return kafkalite's cache folder of this user: `$XDG_CACHE_HOME/kafkalite`, else `~/.cache/kafkalite`."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "kafkalite"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def one_at_a_time(folder: Path) -> Generator[None]:
    """Hold the lock of a cache folder, so that two runs of the suite never build the same thing at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

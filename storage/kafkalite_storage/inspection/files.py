"""A file system that can only be read."""

import os
from pathlib import Path
from typing import Protocol

from kafkalite_storage.files.filesystem import Readable


class ReadableFiles(Protocol):
    """The reading part of a file system. Every method may raise OSError."""

    def open(self, path: str) -> Readable:
        """Open a file for reading."""
        ...

    def read(self, path: str) -> bytes:
        """Return the whole content of a file."""
        ...

    def list(self, path: str) -> list[str]:
        """Return the names in a directory; raises FileNotFoundError or NotADirectoryError for anything else."""
        ...


class ReadOnlyFile:
    """A file of the operating system, opened for reading."""

    __slots__ = ("_fd",)

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def size(self) -> int:
        """Return the size in bytes."""
        return os.fstat(self._fd).st_size

    def read_at(self, position: int, size: int) -> bytes:
        """Read a range."""
        parts: list[bytes] = []
        while size > 0 and (part := os.pread(self._fd, size, position)):
            parts.append(part)
            position += len(part)
            size -= len(part)
        return b"".join(parts)


class ReadOnlyFiles:
    """The files of the operating system."""

    def open(self, path: str) -> ReadOnlyFile:
        """Open a file for reading."""
        return ReadOnlyFile(path)

    def read(self, path: str) -> bytes:
        """Read a whole file."""
        return Path(path).read_bytes()

    def list(self, path: str) -> list[str]:
        """List names."""
        return os.listdir(path)  # noqa: PTH208  # names are wanted, not Path objects


def is_directory(files: ReadableFiles, path: str) -> bool:
    """Return whether a path is a directory that can be listed."""
    try:
        files.list(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def read_if_there(files: ReadableFiles, path: str) -> bytes | None:
    """Return the content of a file, or None where there is none."""
    try:
        return files.read(path)
    except FileNotFoundError:
        return None

"""A file system in memory, for tests and for brokers that do not persist data.

Files are cloned without copying what they hold: what two of them hold is kept once, and never changed again.
"""

import errno
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from kafkalite_wire.schema import Buffer

#: Up to this size bytes are copied instead of shared: each shared piece makes reads a little slower.
_MOST_COPIED: Final = 64 * 1024


class MemoryFile:
    """The content of one file; names may come and go while it is referred to.

    It consists of pieces that other files may have too, and are therefore left alone, and of its own bytes behind them.
    """

    __slots__ = ("_begin", "_own", "_shared", "_starts")

    def __init__(self, content: bytes | bytearray = b"") -> None:
        self._own = bytearray(content)
        #: Where its own bytes begin.
        self._begin = 0
        self._shared: tuple[bytearray, ...] = ()
        self._starts: tuple[int, ...] = ()

    @property
    def content(self) -> bytearray:
        """All bytes, which may be changed."""
        self._own_all()
        return self._own

    def clone(self) -> "MemoryFile":
        """Return an independent file with the same content."""
        if len(self._own) > _MOST_COPIED:
            self._shared += (self._own,)
            self._starts += (self._begin,)
            self._begin += len(self._own)
            self._own = bytearray()
        clone = MemoryFile(self._own)
        clone._begin, clone._shared, clone._starts = self._begin, self._shared, self._starts
        return clone

    def size(self) -> int:
        """Return the size in bytes."""
        return self._begin + len(self._own)

    def append(self, parts: Sequence[Buffer], size: int) -> None:  # noqa: ARG002  # memory needs no size to check
        """Add the parts at the end."""
        for part in parts:
            self._own += part

    def read_at(self, position: int, size: int) -> bytes:
        """Copy a range."""
        position -= self._begin
        if position >= 0:
            return bytes(self._own[position : position + size])
        return self._read_shared(position + self._begin, size)

    def _read_shared(self, position: int, size: int) -> bytes:
        parts: list[bytearray] = []
        number = bisect_right(self._starts, position) - 1
        pieces = (*self._shared, self._own)
        starts = (*self._starts, self._begin)
        end = min(position + size, self.size())
        while position < end:
            at = position - starts[number]
            part = pieces[number][at : at + end - position]
            parts.append(part)
            position += len(part)
            number += 1
        return b"".join(parts)

    def truncate(self, size: int) -> None:
        """Cut the content."""
        if size < self._begin:
            self._own_all()
        del self._own[size - self._begin :]

    def rewrite(self, position: int, content: Buffer) -> None:
        """Write over a part of the content."""
        if position < self._begin:
            self._own_all()
        position -= self._begin
        self._own[position : position + len(content)] = content

    def _own_all(self) -> None:
        """Copy what is shared, so that it can be changed."""
        if self._shared:
            self._own = bytearray(self._read_shared(0, self.size()))
            self._begin, self._shared, self._starts = 0, (), ()

    def sync(self) -> None:
        """Do nothing."""

    def fileno(self) -> int:
        """Raise OSError: there is no descriptor."""
        raise OSError(errno.ENOTSUP, "a file in memory has no descriptor")


class _Directory(dict[str, "MemoryFile | _Directory"]):
    """The entries of a directory by name."""


class MemoryFileSystem:
    """A tree of files."""

    def __init__(self) -> None:
        self._root = _Directory()
        self._locked: set[str] = set()

    @property
    def files(self) -> dict[str, MemoryFile]:
        """All files by path."""
        return {path: node for path, node in _walk(self._root, "") if isinstance(node, MemoryFile)}

    @property
    def directories(self) -> set[str]:
        """The paths of all directories."""
        return {path for path, node in _walk(self._root, "") if isinstance(node, _Directory)}

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        """Return the file, made if it must be."""
        file = self._find(path)
        if isinstance(file, MemoryFile):
            return file
        if not create:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        made = MemoryFile()
        self._put(path, made)
        return made

    def read(self, path: str) -> bytes:
        """Return the content."""
        file = self.open(path)
        return file.read_at(0, file.size())

    def rewrite(self, path: str, position: int, content: Buffer) -> None:
        """Write over a part of the content."""
        self.open(path).rewrite(position, content)

    def replace(self, path: str, content: bytes, *, sync: bool = True) -> None:  # noqa: ARG002  # nothing to sync
        """Replace the file; readers of the old one keep it."""
        self._put(path, MemoryFile(content))

    def link(self, old: str, new: str) -> None:
        """Add a second name for the file."""
        self._put(new, self.open(old))

    def clone(self, old: str, new: str) -> bool:
        """Make a file that shares its content with the other; always possible."""
        self._put(new, self.open(old).clone())
        return True

    def copy(self, old: str, new: str) -> None:
        """Clone."""
        self.clone(old, new)

    def exists(self, path: str) -> bool:
        """Return whether the name is taken."""
        return self._find(path) is not None

    def list(self, path: str) -> list[str]:
        """List the names directly below."""
        return list(self._directory(path))

    def make_directory(self, path: str) -> None:
        """Make it and its parents."""
        directory = self._root
        for name in path.split("/"):
            if name:
                node = directory.setdefault(name, _Directory())
                if not isinstance(node, _Directory):
                    raise FileExistsError(errno.EEXIST, "a file has that name", path)
                directory = node

    def rename(self, old: str, new: str) -> None:
        """Move a file, or a directory with what is below it."""
        node = self._find(old)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        self._put(new, node)
        if new != old:
            self._take(old)

    def remove(self, path: str) -> None:
        """Forget the name."""
        self._take(path)

    def remove_directory(self, path: str) -> None:
        """Forget the directory and all below."""
        self._directory(path)
        self._take(path)

    def sync_directory(self, path: str) -> None:
        """Do nothing."""

    def sync_all(self, path: str) -> None:
        """Raise OSError, so that tests which track syncs see each file."""
        raise OSError(errno.ENOTSUP, "memory is no disk", path)

    def lock(self, path: str) -> "MemoryLock | None":
        """Lock by name."""
        if path in self._locked:
            return None
        self._locked.add(path)
        return MemoryLock(self._locked, path)

    def _find(self, path: str) -> MemoryFile | _Directory | None:
        node: MemoryFile | _Directory | None = self._root
        for name in path.split("/"):
            if name:
                if not isinstance(node, _Directory):
                    return None
                node = node.get(name)
        return node

    def _directory(self, path: str) -> _Directory:
        node = self._find(path)
        if not isinstance(node, _Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        return node

    def _put(self, path: str, node: MemoryFile | _Directory) -> None:
        above, _, name = path.rpartition("/")
        self._directory(above)[name] = node

    def _take(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        directory = self._find(above)
        if isinstance(directory, _Directory):
            directory.pop(name, None)


def _walk(directory: _Directory, path: str) -> Iterator[tuple[str, MemoryFile | _Directory]]:
    yield path, directory
    for name, node in directory.items():
        if isinstance(node, _Directory):
            yield from _walk(node, f"{path}/{name}")
        else:
            yield f"{path}/{name}", node


class MemoryLock:
    """A lock on a name."""

    def __init__(self, locked: set[str], path: str) -> None:
        self._locked = locked
        self._path = path

    def release(self) -> None:
        """Free the name."""
        self._locked.discard(self._path)

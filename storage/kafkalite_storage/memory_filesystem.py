"""A file system in memory, for tests and for brokers that need not remember."""

import errno
from collections.abc import Sequence

from kafkalite_wire.crc import Buffer


class MemoryFile:
    """The content of one file; names may come and go while it is referred to."""

    __slots__ = ("content",)

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)

    def size(self) -> int:
        """Return the size in bytes."""
        return len(self.content)

    def append(self, parts: Sequence[Buffer], size: int) -> None:  # noqa: ARG002  # memory needs no size to check
        """Add the parts at the end."""
        for part in parts:
            self.content += part

    def read_at(self, position: int, size: int) -> bytes:
        """Copy a range."""
        return bytes(self.content[position : position + size])

    def truncate(self, size: int) -> None:
        """Cut the content."""
        del self.content[size:]

    def sync(self) -> None:
        """Do nothing: memory is as safe as it gets."""

    def fileno(self) -> int:
        """Refuse: there is no descriptor."""
        raise OSError(errno.ENOTSUP, "a file in memory has no descriptor")


class MemoryFileSystem:
    """Files by path in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, MemoryFile] = {}
        self.directories: set[str] = set()
        self.locked: set[str] = set()

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        """Return the file, made if it must be."""
        file = self.files.get(path)
        if file is None:
            if not create:
                raise FileNotFoundError(errno.ENOENT, "no such file", path)
            self._require_parent(path)
            file = self.files[path] = MemoryFile()
        return file

    def read(self, path: str) -> bytes:
        """Return the content."""
        return bytes(self.open(path).content)

    def rewrite(self, path: str, position: int, content: Buffer) -> None:
        """Write over a part of the content."""
        self.open(path).content[position : position + len(content)] = content

    def replace(self, path: str, content: bytes, *, sync: bool = True) -> None:  # noqa: ARG002  # nothing to sync
        """Give the name a new file; readers of the old one keep it."""
        self._require_parent(path)
        self.files[path] = MemoryFile(content)

    def exists(self, path: str) -> bool:
        """Tell whether the name is taken."""
        return path in self.files or path in self.directories

    def list(self, path: str) -> list[str]:
        """List the names directly below."""
        if path not in self.directories:
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        start = f"{path}/"
        below = (name[len(start) :] for name in (*self.files, *self.directories) if name.startswith(start))
        return [name for name in below if "/" not in name]

    def make_directory(self, path: str) -> None:
        """Make it and its parents."""
        parts = path.split("/")
        self.directories.update("/".join(parts[: end + 1]) for end in range(len(parts)))

    def rename(self, old: str, new: str) -> None:
        """Move a file, or a directory with what is below it."""
        if old in self.files:
            self.files[new] = self.files.pop(old)
            return
        if old not in self.directories:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        for path in [path for path in list(self.files) if path.startswith(f"{old}/")]:
            self.files[new + path[len(old) :]] = self.files.pop(path)
        moved = {path for path in self.directories if path == old or path.startswith(f"{old}/")}
        self.directories = (self.directories - moved) | {new + path[len(old) :] for path in moved}

    def remove(self, path: str) -> None:
        """Forget the name."""
        self.files.pop(path, None)

    def remove_directory(self, path: str) -> None:
        """Forget the directory and all below."""
        for file in [file for file in list(self.files) if file.startswith(f"{path}/")]:
            del self.files[file]
        self.directories = {name for name in self.directories if name != path and not name.startswith(f"{path}/")}

    def sync_directory(self, path: str) -> None:
        """Do nothing."""

    def sync_all(self, path: str) -> None:
        """Refuse: those who keep track of syncs (in tests) see each file."""
        raise OSError(errno.ENOTSUP, "memory is no disk", path)

    def lock(self, path: str) -> "MemoryLock | None":
        """Lock by name."""
        if path in self.locked:
            return None
        self.locked.add(path)
        return MemoryLock(self, path)

    def _require_parent(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent not in self.directories:
            raise FileNotFoundError(errno.ENOENT, "no such directory", parent)


class MemoryLock:
    """A lock on a name."""

    def __init__(self, fs: MemoryFileSystem, path: str) -> None:
        self._fs = fs
        self._path = path

    def release(self) -> None:
        """Free the name."""
        self._fs.locked.discard(self._path)

"""The file system interface of storage, and the one of the operating system.

Everything that storage does to disks passes through the two protocols here, so that tests can keep files in
memory or crash after any operation. Paths are plain strings with `/`.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from kafkalite_wire.schema import Buffer

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; the directory is then unguarded.
    fcntl = None  # type: ignore[assignment]  # a missing module is what the check at its only use looks for


class Readable(Protocol):
    """A file as its readers see it."""

    def size(self) -> int:
        """Return the size in bytes."""
        ...

    def read_at(self, position: int, size: int) -> bytes:
        """Read size bytes, fewer only at the end of the file."""
        ...


class File(Readable, Protocol):
    """An open file. It is closed with the last reference to it, so that readers outlive a deletion."""

    def append(self, parts: Sequence[Buffer], size: int) -> None:
        """Write all parts at the end, of size bytes together; raises OSError after a short write."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to size bytes."""
        ...

    def sync(self) -> None:
        """Sync the content to the disk."""
        ...

    def fileno(self) -> int:
        """Return the descriptor for `sendfile`; raises OSError where there is none."""
        ...


class Lock(Protocol):
    """Ownership of a lock file."""

    def release(self) -> None:
        """Unlock it."""
        ...


class FileSystem(Protocol):
    """Files and directories by path. Every method may raise OSError."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open a file for reading and appending; with create, make it if it is missing."""
        ...

    def read(self, path: str) -> bytes:
        """Return the whole content of a file."""
        ...

    def rewrite(self, path: str, position: int, content: Buffer) -> None:
        """Overwrite a part of a file, also with equal bytes, so that the next sync writes it to the disk."""
        ...

    def replace(self, path: str, content: bytes, *, sync: bool = True) -> None:
        """Replace the content of a file atomically."""
        ...

    def link(self, old: str, new: str) -> None:
        """Link a file that is not written to any more. The new name must be free."""
        ...

    def clone(self, old: str, new: str) -> bool:
        """Clone a file of any size at once; return False where the file system cannot. The new name must be free."""
        ...

    def copy(self, old: str, new: str) -> None:
        """Copy a file. The copy is independent of the original. The new name must be free."""
        ...

    def exists(self, path: str) -> bool:
        """Return whether a file or directory is there."""
        ...

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, in any order."""
        ...

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents; one that exists is fine."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Move a file or directory."""
        ...

    def remove(self, path: str) -> None:
        """Delete a file; one that is missing is fine."""
        ...

    def remove_directory(self, path: str) -> None:
        """Delete a directory with all that it holds."""
        ...

    def sync_directory(self, path: str) -> None:
        """Sync the names in a directory to the disk."""
        ...

    def sync_all(self, path: str) -> None:
        """Sync the whole disk that holds a directory. Raises OSError where that is not possible."""
        ...

    def lock(self, path: str) -> Lock | None:
        """Lock a file for this process; return None if another process has it."""
        ...


class OsFile:
    """A file of the operating system."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __del__(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def size(self) -> int:
        """Return the size in bytes."""
        return os.fstat(self._fd).st_size

    def append(self, parts: Sequence[Buffer], size: int) -> None:
        """Write all parts with one gathered write."""
        written = os.writev(self._fd, parts)
        if written != size:
            raise OSError(f"wrote {written} of {size} bytes")

    def read_at(self, position: int, size: int) -> bytes:
        """Read a range."""
        data = os.pread(self._fd, size, position)
        if len(data) < size and data:
            return self._read_rest(data, position, size)
        return data

    def _read_rest(self, data: bytes, position: int, size: int) -> bytes:
        while len(data) < size:  # Linux reads at most 2 GiB at a time
            more = os.pread(self._fd, size - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    def truncate(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """Sync data and the metadata that is needed to read it."""
        _sync_data(self._fd)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd


_READ_PIECE: Final = 1024 * 1024
#: A smaller file is read and written: cloning it is not faster.
_SMALL_COPY: Final = 64 * 1024
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FICLONE: Final = 0x40049409
_CANNOT_CLONE: Final = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS}
_CANNOT_LINK: Final = {errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK, errno.ENOSYS}
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class OsLock:
    """An advisory lock that the kernel drops with the process."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Unlock; the file stays, as Kafka leaves it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class OsFileSystem:
    """The files of the operating system.

    Strings go to the system as they are: taking a path apart into a Path costs as much as the call, ten thousand
    partitions make eighty thousand calls, and what is wanted is the system's own behaviour.
    """

    def open(self, path: str, *, create: bool = False) -> OsFile:
        """Open for reading and appending."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        return OsFile(os.open(path, flags, 0o644))

    def read(self, path: str) -> bytes:
        """Read a whole file."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts: list[bytes] = []
            while part := os.read(fd, _READ_PIECE):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(fd)

    def rewrite(self, path: str, position: int, content: Buffer) -> None:
        """Write through a new descriptor: Linux appends all writes to one that was opened with O_APPEND."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            rest = memoryview(content)
            while rest:
                written = os.pwrite(fd, rest, position)
                position += written
                rest = rest[written:]
        finally:
            os.close(fd)

    def replace(self, path: str, content: bytes, *, sync: bool = True) -> None:
        """Write beside and rename over, as Kafka does with its checkpoints."""
        beside = f"{path}.tmp"
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(fd, rest) :]
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)  # noqa: PTH105
        if sync:
            self.sync_directory(path.rpartition("/")[0] or ".")

    def link(self, old: str, new: str) -> None:
        """Make a hard link, or a copy where the file system has none."""
        try:
            os.link(old, new)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            self.copy(old, new)

    def clone(self, old: str, new: str) -> bool:
        """Share the blocks of the file until either is written to (Linux: Btrfs, XFS and others)."""
        if sys.platform != "linux":
            return False
        from fcntl import ioctl

        source = os.open(old, os.O_RDONLY | os.O_CLOEXEC)
        try:
            target = os.open(new, _NEW, 0o644)
            try:
                ioctl(target, _FICLONE, source)
            except OSError as error:
                os.unlink(new)  # noqa: PTH108
                if error.errno not in _CANNOT_CLONE:
                    raise
                return False
            finally:
                os.close(target)
        finally:
            os.close(source)
        return True

    def copy(self, old: str, new: str) -> None:
        """Clone a large file if possible, or copy the bytes."""
        source = os.open(old, os.O_RDONLY | os.O_CLOEXEC)
        try:
            piece = os.read(source, _SMALL_COPY)
            if len(piece) == _SMALL_COPY and self.clone(old, new):
                return
            target = os.open(new, _NEW, 0o644)
            try:
                while piece:
                    rest = memoryview(piece)
                    while rest:
                        rest = rest[os.write(target, rest) :]
                    piece = os.read(source, _READ_PIECE)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def exists(self, path: str) -> bool:
        """Return whether the path exists."""
        return os.access(path, os.F_OK)

    def list(self, path: str) -> list[str]:
        """List names."""
        return os.listdir(path)  # noqa: PTH208

    def make_directory(self, path: str) -> None:
        """Make the directory and its parents."""
        try:
            os.mkdir(path)  # noqa: PTH102
        except FileExistsError:
            if not os.path.isdir(path):  # noqa: PTH112
                raise
        except FileNotFoundError:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103

    def rename(self, old: str, new: str) -> None:
        """Rename atomically."""
        os.replace(old, new)  # noqa: PTH105

    def remove(self, path: str) -> None:
        """Unlink; open files stay readable."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108

    def remove_directory(self, path: str) -> None:
        """Remove the tree."""
        import shutil  # seldom used, and slow to import

        shutil.rmtree(path)

    def sync_directory(self, path: str) -> None:
        """Sync the directory's entries; systems that cannot open a directory sync them on their own."""
        with contextlib.suppress(PermissionError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def sync_all(self, path: str) -> None:
        """Sync the file system below a path with one call (Linux)."""
        import ctypes  # slow to import, and only brokers of many partitions come here

        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            raise OSError(errno.ENOTSUP, "no syncfs on this system", path)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.syncfs(fd) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
        finally:
            os.close(fd)

    def lock(self, path: str) -> OsLock | None:
        """Lock without waiting."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return None
        return OsLock(fd)

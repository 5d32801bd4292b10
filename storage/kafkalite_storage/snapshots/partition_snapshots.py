"""The images of partitions that a data directory has: of one that has not changed there is one, however many need it.

So a snapshot costs what has changed since the one before, and to go back to it costs what has changed since then. A
fork begins with images of the directory that it comes from, and makes of them what is used in it.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from kafkalite_storage.files.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import Fingerprint
from kafkalite_storage.partition_directories import size_of_logs
from kafkalite_storage.snapshots.log_snapshot import SnapshotTarget, copy_closed_directory, is_small

#: The directory below a data directory in which its images are. No partition can have such a name.
SNAPSHOTS: Final = ".snapshots"
#: In it, while it is being made, the directory of a partition.
_MAKING: Final = "making"


@dataclass(slots=True, eq=False)
class PartitionSnapshot:
    """The directory of a partition as it was at a moment; removed when no snapshot needs it.

    That of a small partition is held in memory until it is needed, which most never are.
    """

    fs: FileSystem
    path: str
    # Forks run in threads of their own. A long read of the files must not block the count.
    _users: int = 0
    _counting: Lock = field(default_factory=Lock)
    _reading: Lock = field(default_factory=Lock)

    def use(self) -> None:
        """Add a user, until `Images.release`."""
        with self._counting:
            self._users += 1

    def release(self) -> bool:
        """Remove a user; return whether none is left."""
        with self._counting:
            self._users -= 1
            return self._users <= 0

    @contextmanager
    def files(self) -> Generator[FileSystem]:
        """Return where its files are, to be read until the block ends."""
        with self._reading:
            fs = self.fs
            if not isinstance(fs, OsFileSystem):
                yield fs
                return
        yield fs  # nothing becomes of files on a disk as long as they are needed, and to copy them may take long

    def clone(self, fs: FileSystem, directory: str) -> None:
        """Make a partition's directory of it, which may be opened; raises OSError."""
        with self._reading:
            if self.fs is not fs:
                self._write_to(fs)
        with self.files():
            fs.make_directory(directory)
            copy_closed_directory(fs, self.path, SnapshotTarget(fs, fs, directory), quickly=False)

    def size(self) -> int:
        """Return the bytes of its records; raises OSError."""
        with self.files() as fs:
            return size_of_logs(fs, self.path)

    def _write_to(self, fs: FileSystem) -> None:
        """Leave the memory: what is needed once is needed again, and then most of its files are only linked."""
        if fs.exists(self.path):  # it could not be written as a whole
            fs.remove_directory(self.path)
        fs.make_directory(self.path)
        copy_closed_directory(self.fs, self.path, SnapshotTarget(self.fs, fs, self.path), quickly=False)
        self.fs.remove_directory(self.path)
        self.fs = fs


class Images:
    """Knows of which partitions the image is still what the partition is now. Methods raise OSError."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        self._memory = MemoryFileSystem()
        self._root = root
        self._path = f"{root}/{SNAPSHOTS}/partitions"
        self._made = 0
        #: The image that is as a partition was when it had a mark; without one, when it was put in place, or is still.
        self._current: dict[str, tuple[PartitionSnapshot, Fingerprint | None]] = {}

    def current(self, name: str, mark: Fingerprint | None) -> PartitionSnapshot | None:
        """Return the image that is as a partition is now, if there is one; without a mark nobody has opened it."""
        image, known = self._current.get(name, (None, None))
        return image if mark == known else None

    def make(self, name: str, write: Callable[[SnapshotTarget], Fingerprint | None]) -> PartitionSnapshot:
        """Make an image of a partition as it is now; ``write`` does it, and returns the mark."""
        self._made += 1
        fs = self._memory if is_small(self._fs, f"{self._root}/{name}") else self._fs
        image = PartitionSnapshot(fs, f"{self._path}/{name}.{self._made}")
        try:
            fs.make_directory(image.path)
            mark = write(SnapshotTarget(self._fs, fs, image.path))
        except BaseException:
            self._remove(image)
            raise
        self._set(name, image, mark)
        return image

    def holds(self, name: str) -> bool:
        """Return whether a snapshot holds the content of a partition that nothing has opened yet."""
        return self.current(name, None) is not None

    def size(self, name: str) -> int:
        """Return the bytes of the records that it holds."""
        image = self.current(name, None)
        return 0 if image is None else image.size()

    def place(self, name: str, path: str) -> None:
        """Make the partition's directory from its snapshot, all at once: one that lacks files would be believed."""
        image = self.current(name, None)
        if image is None:
            return
        making = f"{self._root}/{SNAPSHOTS}/{_MAKING}"
        if self._fs.exists(making):
            self._fs.remove_directory(making)
        image.clone(self._fs, making)
        self._fs.rename(making, path)

    def opened(self, name: str, mark: Fingerprint) -> None:
        """Learn the mark of a partition that was put in place and is opened now, as it was."""
        image, known = self._current.get(name, (None, None))
        if image is not None and known is None:
            self._current[name] = image, mark

    def forget(self, name: str) -> None:
        """Note that a partition has changed, or is gone."""
        known = self._current.pop(name, None)
        if known is not None:
            self.release(known[0])

    def put_in_place(self, partitions: Mapping[str, PartitionSnapshot]) -> None:
        """Note that the directory consists of what these images hold, none of it opened yet.

        A partition that has no directory there gets it from its image when it is first used.
        """
        for name in tuple(self._current):
            if name not in partitions:
                self.forget(name)
        for name, image in partitions.items():
            self._set(name, image, None)

    def release(self, image: PartitionSnapshot) -> None:
        """Need an image no more."""
        if image.release():
            self._remove(image)

    def close(self) -> None:
        """Need no image any more."""
        for name in tuple(self._current):
            self.forget(name)

    def _set(self, name: str, image: PartitionSnapshot, mark: Fingerprint | None) -> None:
        image.use()
        self.forget(name)
        self._current[name] = image, mark

    def _remove(self, image: PartitionSnapshot) -> None:
        if image.fs.exists(image.path):
            image.fs.remove_directory(image.path)

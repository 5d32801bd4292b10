"""The snapshots of partitions in a data directory. All snapshots of the directory share that of an unchanged partition.

So a snapshot costs what has changed since the one before, and a restore what has changed since the snapshot. A fork
begins with the snapshots of the directory that it comes from, and makes a partition's directory at its first use.
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

#: The directory below a data directory that holds its snapshots. No partition can have such a name.
SNAPSHOTS: Final = ".snapshots"
#: Name of a partition's directory below it while it is being made.
_MAKING: Final = "making"


@dataclass(slots=True, eq=False)
class PartitionSnapshot:
    """The directory of a partition at one moment; removed when no snapshot uses it.

    That of a small partition is held in memory until it is cloned, which most never are.
    """

    fs: FileSystem
    path: str
    # Forks run in threads of their own. A long read of the files must not block the count.
    _users: int = 0
    _counting: Lock = field(default_factory=Lock)
    _reading: Lock = field(default_factory=Lock)

    def use(self) -> None:
        """Add a user, until `PartitionSnapshots.release`."""
        with self._counting:
            self._users += 1

    def release(self) -> bool:
        """Remove a user; return whether none is left."""
        with self._counting:
            self._users -= 1
            return self._users <= 0

    @contextmanager
    def files(self) -> Generator[FileSystem]:
        """Yield the file system that holds the files, which stay readable until the block ends."""
        with self._reading:
            fs = self.fs
            if not isinstance(fs, OsFileSystem):
                yield fs
                return
        yield fs  # files on a disk stay while there is a user; copying them may take long, so no lock is held

    def clone(self, fs: FileSystem, directory: str) -> None:
        """Write the directory of a partition, ready to be opened. Raises OSError."""
        with self._reading:
            if self.fs is not fs:
                self._write_to(fs)
        with self.files():
            fs.make_directory(directory)
            copy_closed_directory(fs, self.path, SnapshotTarget(fs, fs, directory), quickly=False)

    def size(self) -> int:
        """Return the size of the records in bytes. Raises OSError."""
        with self.files() as fs:
            return size_of_logs(fs, self.path)

    def _write_to(self, fs: FileSystem) -> None:
        """Move from memory to disk: what was cloned once is cloned again, then by linking most of its files."""
        if fs.exists(self.path):  # an earlier attempt failed half-way
            fs.remove_directory(self.path)
        fs.make_directory(self.path)
        copy_closed_directory(self.fs, self.path, SnapshotTarget(self.fs, fs, self.path), quickly=False)
        self.fs.remove_directory(self.path)
        self.fs = fs


class PartitionSnapshots:
    """The snapshots of partitions in one data directory, and which of them are up to date. Methods raise OSError."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        self._memory = MemoryFileSystem()
        self._root = root
        self._path = f"{root}/{SNAPSHOTS}/partitions"
        self._made = 0
        #: The newest snapshot of each partition, and the fingerprint of its log then; None while the log is unopened.
        self._current: dict[str, tuple[PartitionSnapshot, Fingerprint | None]] = {}

    def current(self, name: str, mark: Fingerprint | None) -> PartitionSnapshot | None:
        """Return the snapshot that equals the partition now, if any. Pass None as the mark of an unopened log."""
        snapshot, known = self._current.get(name, (None, None))
        return snapshot if mark == known else None

    def make(self, name: str, write: Callable[[SnapshotTarget], Fingerprint | None]) -> PartitionSnapshot:
        """Make a snapshot of a partition; ``write`` writes it and returns the fingerprint of the log."""
        self._made += 1
        fs = self._memory if is_small(self._fs, f"{self._root}/{name}") else self._fs
        snapshot = PartitionSnapshot(fs, f"{self._path}/{name}.{self._made}")
        try:
            fs.make_directory(snapshot.path)
            mark = write(SnapshotTarget(self._fs, fs, snapshot.path))
        except BaseException:
            self._remove(snapshot)
            raise
        self._set(name, snapshot, mark)
        return snapshot

    def holds(self, name: str) -> bool:
        """Return whether a snapshot has the content of a partition whose log is unopened."""
        return self.current(name, None) is not None

    def size(self, name: str) -> int:
        """Return the size of the snapshot's records in bytes."""
        snapshot = self.current(name, None)
        return 0 if snapshot is None else snapshot.size()

    def place(self, name: str, path: str) -> None:
        """Make the partition's directory from its snapshot atomically: one that lacks files would be trusted."""
        snapshot = self.current(name, None)
        if snapshot is None:
            return
        making = f"{self._root}/{SNAPSHOTS}/{_MAKING}"
        if self._fs.exists(making):
            self._fs.remove_directory(making)
        snapshot.clone(self._fs, making)
        self._fs.rename(making, path)

    def opened(self, name: str, fingerprint: Fingerprint) -> None:
        """Note the fingerprint of a partition that has just been opened and is unchanged since its snapshot."""
        snapshot, known = self._current.get(name, (None, None))
        if snapshot is not None and known is None:
            self._current[name] = snapshot, fingerprint

    def forget(self, name: str) -> None:
        """Note that a partition has changed, or is gone."""
        known = self._current.pop(name, None)
        if known is not None:
            self.release(known[0])

    def put_in_place(self, partitions: Mapping[str, PartitionSnapshot]) -> None:
        """Note that the directory now has the content of these snapshots, with no log open.

        A partition without a directory gets one from its snapshot at its first use.
        """
        for name in tuple(self._current):
            if name not in partitions:
                self.forget(name)
        for name, snapshot in partitions.items():
            self._set(name, snapshot, None)

    def release(self, snapshot: PartitionSnapshot) -> None:
        """Drop one use of a snapshot; remove it after the last."""
        if snapshot.release():
            self._remove(snapshot)

    def close(self) -> None:
        """Drop all snapshots."""
        for name in tuple(self._current):
            self.forget(name)

    def _set(self, name: str, snapshot: PartitionSnapshot, mark: Fingerprint | None) -> None:
        snapshot.use()
        self.forget(name)
        self._current[name] = snapshot, mark

    def _remove(self, snapshot: PartitionSnapshot) -> None:
        if snapshot.fs.exists(snapshot.path):
            snapshot.fs.remove_directory(snapshot.path)

"""Snapshots of a data directory at one moment, to be restored, or forked to start another broker.

They are stored below the directory itself, so that they are on the same file system. While one exists, Apache Kafka
refuses the directory. The next start removes what a killed process left.
"""

import os
from collections.abc import Mapping
from typing import Final

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOG_START_OFFSETS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    TopicPartition,
)
from kafkalite_storage.files.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.partition_directories import DELETED
from kafkalite_storage.snapshots.partition_snapshots import PartitionSnapshot, PartitionSnapshots

#: Files that are only ever replaced as a whole, so that a snapshot may link them.
KEPT_FILES: Final = (META_PROPERTIES, CLEANER_OFFSETS, "replication-offset-checkpoint", "bootstrap.checkpoint")
#: All files directly in a data directory that belong to its content.
ROOT_FILES: Final = (*KEPT_FILES, RECOVERY_POINTS, LOG_START_OFFSETS, CLEAN_SHUTDOWN)

_PIECE: Final = 1024 * 1024


def is_of_partition(name: str) -> bool:
    """Return whether a name is that of a partition's directory, including one that waits for its deletion."""
    return name.rpartition("-")[2].isdecimal() or name.endswith(DELETED)


class DirectorySnapshot:
    """A data directory as if it had been closed in order at one moment: its own files, and snapshots of its partitions.

    It stays until `remove`; any number of directories may be made from it. Raises StorageFailure.
    """

    def __init__(
        self,
        fs: FileSystem,
        path: str,
        partitions: Mapping[str, PartitionSnapshot],
        snapshots: PartitionSnapshots,
        ends: Mapping[TopicPartition, int],
    ) -> None:
        self.filesystem = fs
        self.path = path
        self.partitions = dict(partitions)
        #: End offsets of the partitions.
        self.ends = ends
        self._snapshots = snapshots
        for partition in self.partitions.values():
            partition.use()

    def again(self, path: str) -> "DirectorySnapshot":
        """Make another snapshot of the same content, which stays when this one is removed."""
        with storage_failures(path):
            self.clone_files(path)
            return DirectorySnapshot(self.filesystem, path, self.partitions, self._snapshots, self.ends)

    def clone_files(self, path: str) -> None:
        """Link the files of the data directory itself into another one. Raises OSError."""
        fs = self.filesystem
        fs.make_directory(path)
        for name in fs.list(self.path):
            fs.link(f"{self.path}/{name}", f"{path}/{name}")

    def clone_partition(self, name: str, path: str) -> None:
        """Clone one partition into another data directory. Raises OSError."""
        self.partitions[name].clone(self.filesystem, f"{path}/{name}")

    def remove(self) -> None:
        """Remove the snapshot, if it is still there."""
        with storage_failures(self.path):
            for partition in self.partitions.values():
                self._snapshots.release(partition)
            self.partitions.clear()
            if self.filesystem.exists(self.path):
                self.filesystem.remove_directory(self.path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the data directory, and sync it; the copy shares no file with the original.

        May run in a thread of its own. Raises FileExistsError if the path is not empty, and StorageFailure.
        """
        target, disk = os.fspath(path).rstrip("/"), OsFileSystem()
        if disk.exists(target) and disk.list(target):
            raise FileExistsError(f"{target} is not empty")
        with storage_failures(target):
            for name, partition in self.partitions.items():
                with partition.files() as fs:
                    _save(fs, partition.path, disk, f"{target}/{name}")
            _save(self.filesystem, self.path, disk, target)


def _save(fs: FileSystem, source: str, disk: OsFileSystem, target: str) -> None:
    disk.make_directory(target)
    for name in fs.list(source):
        if isinstance(fs, OsFileSystem):
            disk.copy(f"{source}/{name}", f"{target}/{name}")
            disk.open(f"{target}/{name}").sync()
        else:
            file, copy = fs.open(f"{source}/{name}"), disk.open(f"{target}/{name}", create=True)
            position = 0
            while piece := file.read_at(position, _PIECE):
                copy.append((piece,), len(piece))
                position += len(piece)
            copy.sync()
    disk.sync_directory(target)

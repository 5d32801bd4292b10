"""Images of data directories: what is kept, as it is at one moment, to come back to or to start another broker from.

They lie below the directory itself, so that they are on the same file system. While one is there, Apache Kafka refuses
the directory, and our own next start removes what a killed process left.
"""

import os
from typing import Final

from kafkalite_storage.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOG_START_OFFSETS,
    META_PROPERTIES,
    RECOVERY_POINTS,
)
from kafkalite_storage.errors import storage_failures
from kafkalite_storage.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.log_image import image_closed_directory
from kafkalite_storage.partition_directories import DELETED

#: The directory below a data directory in which everything here happens. No partition can have such a name.
SNAPSHOTS: Final = ".snapshots"
#: Checkpoints of Kafka's that it replaces as a whole, as all of these are: so they may be linked.
KEPT_FILES: Final = (META_PROPERTIES, CLEANER_OFFSETS, "replication-offset-checkpoint", "bootstrap.checkpoint")
#: All files of a data directory that belong to what is kept in it.
ROOT_FILES: Final = (*KEPT_FILES, RECOVERY_POINTS, LOG_START_OFFSETS, CLEAN_SHUTDOWN)

_PIECE: Final = 1024 * 1024


def is_of_partition(name: str) -> bool:
    """Tell whether a name in a data directory is that of a partition's directory, be it one that is being deleted."""
    return name.rpartition("-")[2].isdecimal() or name.endswith(DELETED)


class DirectoryImage:
    """A data directory that was closed in order, and that nobody opens. Raises StorageFailure.

    Whoever made it removes it; until then all may be made from it that is wanted.
    """

    def __init__(self, fs: FileSystem, path: str) -> None:
        self.filesystem = fs
        self.path = path

    def clone(self, path: str) -> None:
        """Make a data directory of the same content, on the same file system, that may be opened."""
        with storage_failures(path):
            clone_directory(self.filesystem, self.path, path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a data directory of the same content anywhere on the machine, and sync it; it shares no file.

        Raises FileExistsError if anything is there.
        """
        target, disk = os.fspath(path).rstrip("/"), OsFileSystem()
        if disk.exists(target) and disk.list(target):
            raise FileExistsError(f"{target} is not empty")
        with storage_failures(target):
            _save(self.filesystem, self.path, disk, target)

    def remove(self) -> None:
        """Remove the image; nothing happens if it is gone."""
        with storage_failures(self.path):
            if self.filesystem.exists(self.path):
                self.filesystem.remove_directory(self.path)


def clone_directory(fs: FileSystem, source: str, target: str) -> None:
    """Clone a directory that was closed in order; raises OSError."""
    fs.make_directory(target)
    for name in fs.list(source):
        if not is_of_partition(name):
            fs.link(f"{source}/{name}", f"{target}/{name}")
            continue
        fs.make_directory(f"{target}/{name}")
        image_closed_directory(fs, f"{source}/{name}", f"{target}/{name}", quickly=False)


def _save(fs: FileSystem, source: str, disk: OsFileSystem, target: str) -> None:
    disk.make_directory(target)
    for name in fs.list(source):
        if is_of_partition(name):
            _save(fs, f"{source}/{name}", disk, f"{target}/{name}")
        elif isinstance(fs, OsFileSystem):
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

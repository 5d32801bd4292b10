"""Replace the content of a data directory with a snapshot, so that a killed process leaves either the old or the new.

The new content is prepared in a directory of its own. Renaming that directory commits the swap: from then on a start
completes it. The old content is moved out, then the new content is moved in; the name of the prepared directory says
how far this got. Partitions that are unchanged since the snapshot stay in place, as do the directory itself, its lock
and files that are not the broker's. Nothing is synced: this survives a kill, not a power cut.
"""

from collections.abc import Collection, Mapping
from typing import Final

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.checkpoints import CLEAN_SHUTDOWN, RECOVERY_POINTS, TopicPartition, encode_offsets
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.snapshots.directory_snapshot import ROOT_FILES, DirectorySnapshot, is_of_partition
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS

_READY: Final = "ready"
#: Names of the new content while the old content is moved out, and while the new content is moved in.
_MOVING_OUT: Final = "moving-out"
_MOVING_IN: Final = "moving-in"
_REPLACED: Final = "replaced"
#: A file with the names of the partitions that stay, one a line.
_STAYING: Final = "staying"


def prepare(
    snapshot: DirectorySnapshot, root: str, staying: Collection[str], recovery_points: Mapping[TopicPartition, int]
) -> None:
    """Prepare the content that a swap moves in; the directory itself stays as it is.

    ``staying`` are the partitions that are unchanged since the snapshot, ``recovery_points`` the offsets from which
    logs are checked if the process is killed after the swap. Raises StorageFailure.
    """
    fs, below = snapshot.filesystem, f"{root}/{SNAPSHOTS}"
    ready = f"{below}/{_READY}"
    with storage_failures(ready):
        if fs.exists(ready):
            fs.remove_directory(ready)
        snapshot.clone_files(ready)
        fs.replace(f"{ready}/{RECOVERY_POINTS}", encode_offsets(recovery_points), sync=False)
        fs.remove(f"{ready}/{CLEAN_SHUTDOWN}")
        for name in snapshot.partitions:
            if name not in staying:
                snapshot.clone_partition(name, ready)
        fs.replace(f"{below}/{_STAYING}", "\n".join(staying).encode(), sync=False)


def swap(fs: FileSystem, root: str) -> None:
    """Swap the content of a data directory, whose logs are closed, with what was prepared. Raises OSError.

    The old content stays until `remove_replaced`, because removing it may take longer than the swap.
    """
    remove_replaced(fs, root)
    below = f"{root}/{SNAPSHOTS}"
    fs.rename(f"{below}/{_READY}", f"{below}/{_MOVING_OUT}")
    _complete(fs, root)


def remove_replaced(fs: FileSystem, root: str) -> None:
    """Remove the content that the last swap replaced. Raises OSError."""
    replaced = f"{root}/{SNAPSHOTS}/{_REPLACED}"
    if fs.exists(replaced):
        fs.remove_directory(replaced)


def clear(fs: FileSystem, root: str) -> None:
    """Complete a swap that was committed, and remove all snapshots. Raises OSError."""
    below = f"{root}/{SNAPSHOTS}"
    if fs.exists(below):
        _complete(fs, root)
        fs.remove_directory(below)


def _complete(fs: FileSystem, root: str) -> None:
    below = f"{root}/{SNAPSHOTS}"
    if fs.exists(f"{below}/{_MOVING_OUT}"):
        staying = frozenset(fs.read(f"{below}/{_STAYING}").decode().splitlines())
        fs.make_directory(f"{below}/{_REPLACED}")
        for name in fs.list(root):
            if name in ROOT_FILES or (is_of_partition(name) and name not in staying):
                fs.rename(f"{root}/{name}", f"{below}/{_REPLACED}/{name}")
        fs.rename(f"{below}/{_MOVING_OUT}", f"{below}/{_MOVING_IN}")
    if fs.exists(f"{below}/{_MOVING_IN}"):
        for name in fs.list(f"{below}/{_MOVING_IN}"):
            fs.rename(f"{below}/{_MOVING_IN}/{name}", f"{root}/{name}")
        fs.remove_directory(f"{below}/{_MOVING_IN}")

"""Exchange what is in a data directory for an image of it, so that a process that is killed leaves the old or the new.

The new content is made ready in a directory of its own. Giving that another name decides the exchange: from then on a
start completes it. What was there is moved out, what is new is moved in, and where the new content is tells how far
that came. Partitions that are as in the image stay in place, and so do the directory itself with its lock and whatever
in it is not the broker's. Nothing is synced: this outlives a kill, not a power cut.
"""

from collections.abc import Collection, Mapping
from typing import Final

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.checkpoints import CLEAN_SHUTDOWN, RECOVERY_POINTS, TopicPartition, encode_offsets
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.snapshots.directory_snapshot import ROOT_FILES, DirectorySnapshot, is_of_partition
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS

_READY: Final = "ready"
#: The new content while the old one is being moved out, and while it is being moved in itself.
_MOVING_OUT: Final = "moving-out"
_MOVING_IN: Final = "moving-in"
_REPLACED: Final = "replaced"
#: Names the directories of partitions that stay, one a line.
_STAYING: Final = "staying"


def prepare(
    image: DirectorySnapshot, root: str, staying: Collection[str], recovery_points: Mapping[TopicPartition, int]
) -> None:
    """Make ready what an exchange will move in; nothing has changed yet.

    ``staying`` are partitions in place that are as in the image, ``recovery_points`` from where on all must be checked
    if the process is killed after the exchange. Raises StorageFailure.
    """
    fs, below = image.filesystem, f"{root}/{SNAPSHOTS}"
    ready = f"{below}/{_READY}"
    with storage_failures(ready):
        if fs.exists(ready):
            fs.remove_directory(ready)
        image.clone_files(ready)
        fs.replace(f"{ready}/{RECOVERY_POINTS}", encode_offsets(recovery_points), sync=False)
        fs.remove(f"{ready}/{CLEAN_SHUTDOWN}")
        for name in image.partitions:
            if name not in staying:
                image.clone_partition(name, ready)
        fs.replace(f"{below}/{_STAYING}", "\n".join(staying).encode(), sync=False)


def exchange(fs: FileSystem, root: str) -> None:
    """Exchange the content of a data directory that is not open for what was prepared; raises OSError.

    The old content is there until `remove_replaced`, because to remove it may take longer than the exchange.
    """
    remove_replaced(fs, root)
    below = f"{root}/{SNAPSHOTS}"
    fs.rename(f"{below}/{_READY}", f"{below}/{_MOVING_OUT}")
    _complete(fs, root)


def remove_replaced(fs: FileSystem, root: str) -> None:
    """Remove what the last exchange has taken out; raises OSError."""
    replaced = f"{root}/{SNAPSHOTS}/{_REPLACED}"
    if fs.exists(replaced):
        fs.remove_directory(replaced)


def clear(fs: FileSystem, root: str) -> None:
    """Remove all images, after an exchange that was decided has been completed; raises OSError."""
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

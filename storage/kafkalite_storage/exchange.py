"""Exchange what is in a data directory for an image of it, so that a process that is killed leaves the old or the new.

The new content is made ready in a directory of its own. Giving that another name decides the exchange: from then on a
start completes it. What was there is moved out, what is new is moved in, and where the new content is tells how far
that came. The directory itself and its lock stay, and so does whatever in it is not the broker's. Nothing is synced:
this outlives a kill, not a power cut.
"""

from typing import Final

from kafkalite_storage.directory_image import ROOT_FILES, SNAPSHOTS, DirectoryImage, is_of_partition
from kafkalite_storage.filesystem import FileSystem

_READY: Final = "ready"
#: The new content while the old one is being moved out, and while it is being moved in itself.
_MOVING_OUT: Final = "moving-out"
_MOVING_IN: Final = "moving-in"
_REPLACED: Final = "replaced"


def prepare(image: DirectoryImage, root: str) -> None:
    """Make ready what an exchange will move in; nothing has changed yet. Raises StorageFailure."""
    ready = f"{root}/{SNAPSHOTS}/{_READY}"
    DirectoryImage(image.filesystem, ready).remove()
    image.clone(ready)


def exchange(fs: FileSystem, root: str) -> None:
    """Exchange the content of a data directory that nobody has open for what was prepared; raises OSError.

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
        fs.make_directory(f"{below}/{_REPLACED}")
        for name in fs.list(root):
            if name in ROOT_FILES or is_of_partition(name):
                fs.rename(f"{root}/{name}", f"{below}/{_REPLACED}/{name}")
        fs.rename(f"{below}/{_MOVING_OUT}", f"{below}/{_MOVING_IN}")
    if fs.exists(f"{below}/{_MOVING_IN}"):
        for name in fs.list(f"{below}/{_MOVING_IN}"):
            fs.rename(f"{below}/{_MOVING_IN}/{name}", f"{root}/{name}")
        fs.remove_directory(f"{below}/{_MOVING_IN}")

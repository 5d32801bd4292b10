"""Images of partitions: copies that are as a log would be if it had been closed in order just now.

Nothing is changed in the log itself, which may go on at once. A file that nobody will ever write to again, as the log
file of a closed segment, is linked; whatever may grow or be cut is copied, so that no two directories share it.
"""

from typing import Final

from kafkalite_storage.checkpoints import LEADER_EPOCHS, encode_epochs
from kafkalite_storage.filesystem import FileSystem
from kafkalite_storage.indexes import OffsetIndex, TimeIndex
from kafkalite_storage.leader_epochs import LeaderEpochs
from kafkalite_storage.producer_snapshot import encode_snapshot
from kafkalite_storage.producer_state import ProducerStates
from kafkalite_storage.segment import Segment
from kafkalite_storage.segment_files import file_name

#: A log file that may grow and is larger is not copied where that takes time: its segment is closed, and then linked.
#: A roll waits for the disk to write a name, which takes about as long as copying this much.
MOST_COPIED: Final = 8 * 1024 * 1024

_LOG: Final = ".log"
_INDEXES: Final = (".index", ".timeindex", ".txnindex")
_SNAPSHOT: Final = ".snapshot"
#: Files that are on their way to somewhere else.
_PASSING: Final = (".tmp", ".cleaned", ".swap", ".deleted")


def image_closed_segment(fs: FileSystem, segment: Segment, target: str) -> None:
    """Make the image of a segment that is not written to any more."""
    fs.link(segment.name, f"{target}/{file_name(segment.base_offset, _LOG)}")
    _copy_indexes(fs, segment, target)


def image_active_segment(fs: FileSystem, segment: Segment, target: str) -> bool:
    """Make the image of a segment that is written to; False, and nothing is made, where copying it would take long."""
    log_file = f"{target}/{file_name(segment.base_offset, _LOG)}"
    if not _copy_quickly(fs, segment.name, segment.size, log_file):
        return False
    _copy_indexes(fs, segment, target)
    _seal(fs, segment, target)
    return True


def _copy_quickly(fs: FileSystem, log_file: str, size: int, target: str) -> bool:
    if size > MOST_COPIED:
        return fs.clone(log_file, target)
    fs.copy(log_file, target)
    return True


def _copy_indexes(fs: FileSystem, segment: Segment, target: str) -> None:
    # Those of closed segments are not linked either: one that turns out to be damaged is made anew in its place.
    for suffix in _INDEXES:
        source = segment.path_of(suffix)
        if fs.exists(source):
            fs.copy(source, f"{target}/{file_name(segment.base_offset, suffix)}")


def _seal(fs: FileSystem, segment: Segment, target: str) -> None:
    """Complete the image's indexes as :meth:`Segment.seal` does those of a segment that is closed."""
    OffsetIndex(fs, f"{target}/{file_name(segment.base_offset, '.index')}").make_file()
    times = TimeIndex(fs, f"{target}/{file_name(segment.base_offset, '.timeindex')}")
    times.make_file()
    if segment.size > 0 and segment.max_timestamp is not None:
        times.maybe_append(segment.max_timestamp, segment.max_timestamp_offset - segment.base_offset)


def image_state(fs: FileSystem, epochs: LeaderEpochs, producers: ProducerStates, target: str) -> None:
    """Write what a log knows in memory: its leader epochs, and its producers at its end."""
    write_new(fs, f"{target}/{LEADER_EPOCHS}", encode_epochs(epochs.entries))
    if producers.end_offset:
        write_new(fs, f"{target}/{file_name(producers.end_offset, _SNAPSHOT)}", encode_snapshot(producers))


def image_other_files(fs: FileSystem, source: str, target: str) -> None:
    """Link what is beside the segments: the topic's id, snapshots of metadata, what a recovery set aside."""
    for name in fs.list(source):
        is_made_anew = name == LEADER_EPOCHS or name.endswith((_LOG, *_INDEXES, _SNAPSHOT))
        if not is_made_anew and not name.endswith(_PASSING):
            fs.link(f"{source}/{name}", f"{target}/{name}")


def image_closed_directory(fs: FileSystem, source: str, target: str, *, quickly: bool) -> bool:
    """Make the image of a log that was closed in order and not opened since.

    If it is to be made quickly and copying the last segment would take long, nothing is made: False.
    """
    names = sorted(name for name in fs.list(source) if not name.endswith(_PASSING))
    last = max((name for name in names if name.endswith(_LOG)), default=None)
    if last is not None:
        size = fs.open(f"{source}/{last}").size() if quickly else 0
        if not _copy_quickly(fs, f"{source}/{last}", size, f"{target}/{last}"):
            return False
    for name in names:
        if name.endswith(_INDEXES):
            fs.copy(f"{source}/{name}", f"{target}/{name}")
        elif name != last:
            fs.link(f"{source}/{name}", f"{target}/{name}")
    return True


def write_new(fs: FileSystem, path: str, content: bytes) -> None:
    """Write a file that is not there yet."""
    file = fs.open(path, create=True)
    if content:
        file.append((content,), len(content))

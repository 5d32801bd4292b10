"""Copies of partitions as if the log had been closed in order just now.

The log itself does not change and can be used at once. Files that are not written to again, such as the log file of a
closed segment, are linked; files that may grow or be cut are copied, so that no two directories share them.
"""

from typing import Final

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.checkpoints import LEADER_EPOCHS, PARTITION_METADATA, encode_epochs
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment.indexes import OffsetIndex, TimeIndex
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.state.producer_snapshot import encode_snapshot
from kafkalite_storage.state.producer_state import ProducerStates

#: An active log file that is larger is linked after a roll where the file system cannot clone it. A roll waits for the
#: disk to write a name, which takes about as long as copying this much.
MOST_COPIED: Final = 8 * 1024 * 1024

#: The snapshot of a log up to this size is held in memory: making files costs far more than copying the bytes.
MOST_HELD: Final = 16 * 1024

_LOG: Final = ".log"
_INDEXES: Final = (".index", ".timeindex", ".txnindex")
_SNAPSHOT: Final = ".snapshot"
#: Suffixes of files that are being written, moved or removed.
_PASSING: Final = (".tmp", ".cleaned", ".swap", ".deleted")


def is_small(fs: FileSystem, directory: str) -> bool:
    """Return whether a partition is so small that its snapshot may be held in memory."""
    logs: list[str] = []
    for name in fs.list(directory):
        if name.endswith(_LOG):
            logs.append(name)
        elif name not in (LEADER_EPOCHS, PARTITION_METADATA) and not name.endswith((*_INDEXES, _SNAPSHOT, *_PASSING)):
            return False
    return len(logs) == 1 and fs.open(f"{directory}/{logs[0]}").size() <= MOST_HELD


class SnapshotTarget:
    """The directory that a snapshot is written to, on the file system of the log or in memory."""

    def __init__(self, source: FileSystem, fs: FileSystem, path: str) -> None:
        self._source = source
        self.fs = fs
        self.path = path

    def link(self, path: str, name: str) -> None:
        """Link a file that is not written to any more."""
        if self.fs is self._source:
            self.fs.link(path, f"{self.path}/{name}")
        else:
            self._read_and_write(path, name)

    def copy(self, path: str, name: str) -> None:
        """Copy a file."""
        if self.fs is self._source:
            self.fs.copy(path, f"{self.path}/{name}")
        else:
            self._read_and_write(path, name)

    def copy_quickly(self, path: str, size: int, name: str) -> bool:
        """Copy a file, or return False where that would take long."""
        if size > MOST_COPIED and self.fs is self._source:
            return self.fs.clone(path, f"{self.path}/{name}")
        self.copy(path, name)
        return True

    def _read_and_write(self, path: str, name: str) -> None:
        write_new(self.fs, f"{self.path}/{name}", self._source.read(path))


def write_log(fs: FileSystem, log: PartitionLog, target: SnapshotTarget) -> None:
    """Write the content of an open log to a new directory, as if it were closed in order. Raises StorageError.

    The log itself does not change, except that a large active segment may be closed.
    """
    log.repair()
    with storage_failures(log.directory):
        if not copy_active_segment(fs, log.segments[-1], target):
            log.roll()
            copy_active_segment(fs, log.segments[-1], target)
        for segment in log.segments[:-1]:
            copy_closed_segment(fs, segment, target)
        write_state(log.epochs, log.producers, target)
        link_other_files(fs, log.directory, target)


def copy_closed_segment(fs: FileSystem, segment: Segment, target: SnapshotTarget) -> None:
    """Link the log file of a closed segment and copy its indexes."""
    target.link(segment.name, file_name(segment.base_offset, _LOG))
    _copy_indexes(fs, segment, target)


def copy_active_segment(fs: FileSystem, segment: Segment, target: SnapshotTarget) -> bool:
    """Copy the active segment, or return False where that would take long."""
    if not target.copy_quickly(segment.name, segment.size, file_name(segment.base_offset, _LOG)):
        return False
    _copy_indexes(fs, segment, target)
    _seal(target.fs, segment, target.path)
    return True


def _copy_indexes(fs: FileSystem, segment: Segment, target: SnapshotTarget) -> None:
    # Indexes of closed segments are copied too: a damaged one is rebuilt in place.
    for suffix in _INDEXES:
        source = segment.files.path_of(suffix)
        if fs.exists(source):
            target.copy(source, file_name(segment.base_offset, suffix))


def _seal(fs: FileSystem, segment: Segment, directory: str) -> None:
    """Complete the copied indexes as `SegmentLookups.seal` does for a segment that is closed."""
    OffsetIndex(fs, f"{directory}/{file_name(segment.base_offset, '.index')}").make_file()
    times = TimeIndex(fs, f"{directory}/{file_name(segment.base_offset, '.timeindex')}")
    times.make_file()
    if segment.size > 0 and segment.lookups.max_timestamp is not None:
        times.maybe_append(segment.lookups.max_timestamp, segment.lookups.max_timestamp_offset - segment.base_offset)


def write_state(epochs: LeaderEpochs, producers: ProducerStates, target: SnapshotTarget) -> None:
    """Write the state that a log has in memory: leader epochs, and producers at its end."""
    write_new(target.fs, f"{target.path}/{LEADER_EPOCHS}", encode_epochs(epochs.entries))
    if producers.end_offset:
        name = file_name(producers.end_offset, _SNAPSHOT)
        write_new(target.fs, f"{target.path}/{name}", encode_snapshot(producers))


def link_other_files(fs: FileSystem, source: str, target: SnapshotTarget) -> None:
    """Link what is beside the segments: the topic's id, snapshots of metadata, what a recovery set aside."""
    for name in fs.list(source):
        is_made_anew = name == LEADER_EPOCHS or name.endswith((_LOG, *_INDEXES, _SNAPSHOT))
        if not is_made_anew and not name.endswith(_PASSING):
            target.link(f"{source}/{name}", name)


def copy_closed_directory(fs: FileSystem, source: str, target: SnapshotTarget, *, quickly: bool) -> bool:
    """Make the snapshot of a log that was closed in order and not opened since.

    If it is to be made quickly and copying the last segment would take long, nothing is made: False.
    """
    names = sorted(name for name in fs.list(source) if not name.endswith(_PASSING))
    last = max((name for name in names if name.endswith(_LOG)), default=None)
    if last is not None:
        size = fs.open(f"{source}/{last}").size() if quickly else 0
        if not target.copy_quickly(f"{source}/{last}", size, last):
            return False
    for name in names:
        if name.endswith(_INDEXES):
            target.copy(f"{source}/{name}", name)
        elif name != last:
            target.link(f"{source}/{name}", name)
    return True


def write_new(fs: FileSystem, path: str, content: bytes) -> None:
    """Write a file that is not there yet."""
    file = fs.open(path, create=True)
    if content:
        file.append((content,), len(content))

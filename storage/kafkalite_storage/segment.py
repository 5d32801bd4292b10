"""One segment of a partition: a `.log` file of batches with its indexes."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from logging import getLogger
from typing import Final

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.filesystem import File, FileSystem
from kafkalite_storage.indexes import OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE, OffsetIndex, TimeIndex
from kafkalite_storage.open_files import OpenFiles
from kafkalite_storage.scan import LENGTH_PREFIX, SMALLEST_LENGTH, WALK, iter_headers
from kafkalite_storage.sound_ranges import SoundRanges
from kafkalite_storage.transaction_index import TransactionIndex
from kafkalite_storage.write_again import write_cache_again, write_log_again
from kafkalite_wire.records import HEADER_SIZE, MAGIC, NO_TIMESTAMP, BatchHeader, Buffer, read_header

log = getLogger("kafkalite.storage")

LARGEST_RELATIVE_OFFSET: Final = 0x7FFF_FFFF
#: What is added to the names of files that are to be removed soon.
DELETED: Final = ".deleted"
SWAP: Final = ".swap"
_SUFFIXES: Final = (".log", ".index", ".timeindex", ".txnindex")
# An index points at most `index.interval.bytes` before a batch; one read of twice the default finds most.
_SEARCH_PIECE: Final = 8192
# A segment larger than this has lost its index if it has no entry; Kafka's largest default interval between
# two entries is a batch of `max.message.bytes`.
_UNINDEXED: Final = 4 * 1024 * 1024
_COPIED: Final = 1024 * 1024
_REBUILD_INTERVAL: Final = 4096


@dataclass(frozen=True, slots=True)
class FetchSlice:
    """Whole batches (the last may be cut off) as a range of a file, for `sendfile` or for `read`.

    The file stays readable as long as the slice refers to it, even when its segment is deleted.
    """

    file: File | None
    position: int
    size: int

    def __len__(self) -> int:
        return self.size

    def read(self) -> bytes:
        """Return the bytes."""
        return self.file.read_at(self.position, self.size) if self.file is not None else b""


NOTHING: Final = FetchSlice(None, 0, 0)


def file_name(offset: int, suffix: str) -> str:
    """Name a file of the segment that starts at an offset, as Kafka does."""
    return f"{offset:020d}{suffix}"


class Segment:
    """Batches from `base_offset` on.

    Files are opened at the first use and may be closed by OpenFiles between any two calls. Methods raise
    OSError, and DamagedLog where a file is not what was written.
    """

    __slots__ = (
        "_directory",
        "_entries",
        "_files",
        "_fs",
        "_log",
        "_offset_index",
        "_since_index",
        "_size",
        "_state",
        "_time_index",
        "base_offset",
        "first_timestamp",
        "last_batch_end",
        "last_batch_offset",
        "last_batch_position",
        "max_timestamp",
        "max_timestamp_offset",
        "sound",
        "used",
    )

    def __init__(
        self, fs: FileSystem, files: OpenFiles, directory: str, base_offset: int, *, is_swap: bool = False
    ) -> None:
        self._fs = fs
        self._files = files
        self._directory = directory
        #: What its files' names end with while it replaces others.
        self._state = SWAP if is_swap else ""
        self.base_offset = base_offset
        self.used = False
        self._log: File | None = None
        self._offset_index: OffsetIndex | None = None
        self._time_index: TimeIndex | None = None
        self._size = -1
        self._since_index = 0
        self._entries = 0
        #: Where the newest batch starts, so that a consumer at the tail needs no search; -1: not known.
        self.last_batch_offset = -1
        self.last_batch_position = -1
        self.last_batch_end = 0
        self.first_timestamp: int | None = None
        #: The newest timestamp and the last offset of its batch; None: ask the time index.
        self.max_timestamp: int | None = None
        self.max_timestamp_offset = base_offset
        #: What of the log file was written or checked by this process.
        self.sound = SoundRanges()

    def __repr__(self) -> str:
        return f"<Segment {self._path('.log')}>"

    @property
    def size(self) -> int:
        """Bytes of the log file."""
        if self._size < 0:
            self._size = self.log_file().size()
        return self._size

    @property
    def name(self) -> str:
        """Path of the log file, for messages."""
        return self._path(".log")

    def create(self) -> None:
        """Make the file of a new segment, emptying what a crash may have left."""
        self.log_file().truncate(0)
        self._size = 0
        self.sound.cut(0)
        self.max_timestamp = NO_TIMESTAMP
        for suffix in _SUFFIXES[1:]:
            self._fs.remove(self._path(suffix))

    def log_file(self) -> File:
        """Return the open log file."""
        self.used = True
        file = self._log
        if file is None:
            self._files.opened(self)
            file = self._log = self._fs.open(self._path(".log"), create=True)
        return file

    @property
    def offset_index(self) -> OffsetIndex:
        """The index by offset, read on first use."""
        index = self._offset_index
        if index is None:
            self.log_file()
            index = self._offset_index = OffsetIndex(self._fs, self._path(".index"))
            if not index.is_sound(self.size) or not (len(index) or self._size <= _UNINDEXED):
                self.remake_indexes()
        return index

    @property
    def time_index(self) -> TimeIndex:
        """The index by timestamp, read on first use."""
        index = self._time_index
        if index is None:
            self.log_file()
            index = self._time_index = TimeIndex(self._fs, self._path(".timeindex"))
            if not index.is_sound():
                self.remake_indexes()
        return index

    @property
    def transaction_index(self) -> TransactionIndex:
        """The aborted transactions."""
        return TransactionIndex(self._fs, self._path(".txnindex"))

    def headers(self) -> Iterator[BatchHeader]:
        """Yield the header of every batch."""
        return (header for _, header in iter_headers(self.log_file(), 0, self.size))

    def release(self) -> None:
        """Close the files; the next use opens them again."""
        self._log = None
        self.forget_indexes()

    def forget_indexes(self) -> None:
        """Read both indexes again at the next use, because a failed write may have left anything behind the entries."""
        self._offset_index = None
        self._time_index = None

    def append(
        self,
        parts: tuple[Buffer, ...],
        size: int,
        base_offset: int,
        last_offset: int,
        max_timestamp: int,
        interval: int,
    ) -> None:
        """Write one batch of size bytes at the end; every interval bytes an index entry goes with it."""
        file = self._log
        if file is None:
            file = self.log_file()
        self.used = True
        position = self._size
        file.append(parts, size)
        self._size = position + size
        self.note_batch(position, size, base_offset, last_offset, max_timestamp, interval)

    def note_batch(
        self, position: int, size: int, base_offset: int, last_offset: int, max_timestamp: int, interval: int
    ) -> None:
        """Take a batch that lies in the file into the indexes and the tail."""
        if self.first_timestamp is None:
            self.first_timestamp = max_timestamp
        if self.max_timestamp is None or max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.max_timestamp_offset = last_offset
        if self._since_index > interval:
            self.offset_index.append(last_offset - self.base_offset, position)
            self.time_index.maybe_append(self.max_timestamp, self.max_timestamp_offset - self.base_offset)
            self._since_index = 0
            self._entries += 1
        self._since_index += size
        self.last_batch_offset = base_offset
        self.last_batch_position = position
        self.sound.add(position, position + size)

    def is_full(self, size: int, last_offset: int, *, segment_bytes: int, index_bytes: int) -> bool:
        """Tell whether a batch of size bytes belongs into the next segment."""
        if self._size + size > segment_bytes:
            return self._size > 0
        if last_offset - self.base_offset > LARGEST_RELATIVE_OFFSET:
            return True
        # The time index never has more entries, so this settles all appends but a segment's last ones.
        if self._entries < index_bytes // TIME_ENTRY_SIZE - 1:
            return False
        # The time index keeps an entry free for the roll, which writes the newest timestamp.
        return (
            len(self.offset_index) >= index_bytes // OFFSET_ENTRY_SIZE
            or len(self.time_index) >= index_bytes // TIME_ENTRY_SIZE - 1
        )

    def seal(self) -> None:
        """Write the newest timestamp to the time index, as Kafka does on a roll and on a clean close.

        Both index files are there afterwards, be they empty: Kafka would call a missing one damage.
        """
        self.offset_index.make_file()
        self.time_index.make_file()
        if self._size > 0 and self.max_timestamp is not None:
            self.time_index.maybe_append(self.max_timestamp, self.max_timestamp_offset - self.base_offset)

    def load_tail(self, until: int | None = None) -> int:
        """Learn size, newest timestamp and end offset from the files, trusting them; return the end offset.

        With until, stop at the batch that holds that offset; `last_batch_end` tells where.
        Raises ValueError when the files contradict each other.
        """
        self._size = size = self.log_file().size()
        index = self.offset_index
        start = position = index.positions[-1] if len(index) else 0
        self._entries = len(index)
        times = self.time_index
        self.max_timestamp, self.max_timestamp_offset = NO_TIMESTAMP, self.base_offset
        if len(times):
            self.max_timestamp = times.timestamps[-1]
            self.max_timestamp_offset = self.base_offset + times.offsets[-1]
        else:  # it is lost, or no batch has a time
            position = 0
        self._since_index = 0
        end_offset = self.base_offset
        indexed_end = self.base_offset + index.offsets[-1] if len(index) else None
        self.last_batch_offset = self.last_batch_position = -1
        for at, header in iter_headers(self.log_file(), position, size):
            if until is not None and header.last_offset >= until:
                break
            if header.base_offset < end_offset:
                raise ValueError(f"{self.name}: offset {header.base_offset} follows {end_offset - 1}")
            if indexed_end is not None and at == start and header.last_offset != indexed_end:
                raise ValueError(f"{self.name}: its offset index points to offset {header.last_offset}")
            if header.max_timestamp > self.max_timestamp:
                self.max_timestamp, self.max_timestamp_offset = header.max_timestamp, header.last_offset
            end_offset = header.next_offset
            self.last_batch_offset, self.last_batch_position = header.base_offset, at
            self._since_index += header.size if at >= start else 0
            position = at + header.size
        if position != size and until is None:
            raise ValueError(f"{self.name}: {size - position} bytes follow the last whole batch")
        self.last_batch_end = position
        if size > 0:
            self.first_timestamp = read_header(self.log_file().read_at(0, HEADER_SIZE)).max_timestamp
        return end_offset

    def check_last_entries(self) -> None:
        """Raise ValueError unless the last entry of each index fits its batch, as one that was torn would not.

        Of the transaction index, which is small and not sparse, every entry.
        """
        offsets, times = self.offset_index, self.time_index
        if len(offsets):
            header = self._header_at(offsets.positions[-1])
            if header is None or header.last_offset != self.base_offset + offsets.offsets[-1]:
                raise ValueError(f"{self.name}: the last entry of its offset index is damaged")
        if len(times):
            offset = self.base_offset + times.offsets[-1]
            located = self.locate(offset)
            header = None if located is None else self._header_at(located[0])
            if header is None or (header.last_offset, header.max_timestamp) != (offset, times.timestamps[-1]):
                raise ValueError(f"{self.name}: the last entry of its time index is damaged")
        ended = -1
        for aborted in self.transaction_index:
            located = self.locate(aborted.last_offset)
            header = None if located is None else self._header_at(located[0])
            if (
                aborted.last_offset <= ended
                or header is None
                or not header.is_control
                or (header.producer_id, header.last_offset) != (aborted.producer_id, aborted.last_offset)
            ):
                raise ValueError(f"{self.name}: an entry of its transaction index is damaged")
            ended = aborted.last_offset

    def _header_at(self, position: int) -> BatchHeader | None:
        for _, header in iter_headers(self.log_file(), position, self.size):
            return header
        return None

    def newest(self) -> tuple[int, int]:
        """Return the newest timestamp and the last offset of its batch; (-1, base offset) when empty."""
        if self.max_timestamp is None:
            self.max_timestamp, self.max_timestamp_offset = self._newest_indexed() or self._newest_of_all()
        return self.max_timestamp, self.max_timestamp_offset

    def _newest_indexed(self) -> tuple[int, int] | None:
        """Return what the time index says, None if it says nothing."""
        times = self.time_index
        if len(times) and not self.time_entry_is_true(len(times) - 1):
            times = self.remake_time_index(len(times) - 1)
        return (times.timestamps[-1], self.base_offset + times.offsets[-1]) if len(times) else None

    def _newest_of_all(self) -> tuple[int, int]:
        newest = NO_TIMESTAMP, self.base_offset
        for _, header in iter_headers(self.log_file(), 0, self.size):
            if header.max_timestamp > newest[0]:
                newest = header.max_timestamp, header.last_offset
        return newest

    def time_entry_is_true(self, entry: int) -> bool:
        """Tell whether an entry of the time index names the newest time of the batch that it points at."""
        times = self.time_index
        located = self.locate(self.base_offset + times.offsets[entry])
        if located is None:
            return False
        header = read_header(self.log_file().read_at(located[0], HEADER_SIZE))
        return header.max_timestamp == times.timestamps[entry]

    def remake_time_index(self, entry: int) -> TimeIndex:
        """Make the indexes anew, because an entry of the time index is not true; return the time index."""
        log.warning("%s is damaged at entry %d; it is made anew", self._path(".timeindex"), entry)
        self.remake_indexes()
        return self.time_index

    def oldest(self) -> int:
        """Return the newest timestamp of the first batch; -1 when empty."""
        if self.first_timestamp is None and self.size >= HEADER_SIZE:
            self.first_timestamp = read_header(self.log_file().read_at(0, HEADER_SIZE)).max_timestamp
        return NO_TIMESTAMP if self.first_timestamp is None else self.first_timestamp

    def locate(self, offset: int) -> tuple[int, int] | None:
        """Return position and size of the first batch that ends at or after offset, if there is one.

        Raises DamagedLog where the batches on the way to it do not follow each other.
        """
        if offset >= self.last_batch_offset >= 0:
            return self._walk_to(offset, self.last_batch_position)
        index = self.offset_index
        entry = index.entry_for(offset - self.base_offset)
        first = entry
        while entry >= 0 and not self._is_true(entry):
            entry -= 1
        found = self._walk_to(offset, index.positions[entry] if entry >= 0 else 0)
        if entry < first and found is not None and self._holds(found[0], offset):
            # The batches follow each other up to the right one, so it is the index that is wrong.
            log.warning("%s is damaged at entry %d; it is made anew", self._path(".index"), first)
            self._fill_indexes(index, None)
        return found

    def _is_true(self, entry: int) -> bool:
        """Tell whether an index entry points at a batch that may hold its offset."""
        index = self.offset_index
        position = index.positions[entry]
        if not 0 <= position <= self.size - HEADER_SIZE:
            return False
        header = read_header(self.log_file().read_at(position, HEADER_SIZE))
        before = index.offsets[entry - 1] if entry else -1
        relative = header.base_offset - self.base_offset
        return header.magic == MAGIC and before < relative <= index.offsets[entry]

    def _holds(self, position: int, offset: int) -> bool:
        header = read_header(self.log_file().read_at(position, HEADER_SIZE))
        return header.base_offset <= offset <= header.last_offset

    def _walk_to(self, offset: int, position: int) -> tuple[int, int] | None:
        file = self.log_file()
        size = self.size
        following = self.base_offset
        while position < size:
            piece = file.read_at(position, min(_SEARCH_PIECE, size - position))
            at = 0
            while at + HEADER_SIZE <= len(piece):
                base_offset, length, last_offset_delta = WALK.unpack_from(piece, at)
                if length < SMALLEST_LENGTH or base_offset < following or last_offset_delta < 0:
                    raise DamagedLog(f"{self.name} is damaged at byte {position + at}: there is no batch")
                following = base_offset + last_offset_delta + 1
                if following > offset:
                    return position + at, length + LENGTH_PREFIX
                at += length + LENGTH_PREFIX
            if at == 0:
                raise DamagedLog(f"{self.name} is damaged at byte {position}: there is no whole batch")
            position += at
        if position > size:
            raise DamagedLog(f"{self.name} is damaged before byte {size}: its last batch is not whole")
        return None

    def read(self, offset: int, max_bytes: int, *, min_one_batch: bool, end: int | None = None) -> FetchSlice | None:
        """Return the batches from the one that holds offset on, before the position end, if any."""
        found = self.locate(offset)
        if found is None:
            return None
        position, first_size = found
        size = min(max_bytes, (self._size if end is None else end) - position)
        if size < first_size:
            if not min_one_batch:
                return NOTHING
            size = first_size
        return FetchSlice(self.log_file(), position, size)

    def cut(self, position: int) -> None:
        """Truncate the log file; indexes are the caller's to rebuild."""
        self.log_file().truncate(position)
        self._size = position
        self.sound.cut(position)
        self.last_batch_offset = self.last_batch_position = -1
        if position == 0:
            self.first_timestamp = None

    def forget_tail(self) -> None:
        """Start to learn the batches from the first one on again."""
        self.first_timestamp = None
        self.max_timestamp, self.max_timestamp_offset = NO_TIMESTAMP, self.base_offset
        self.last_batch_offset = self.last_batch_position = -1

    def drop_indexes(self) -> None:
        """Empty all indexes."""
        self.offset_index.keep(0)
        self.time_index.keep(0)
        self.transaction_index.keep_before(0)
        self._since_index = self._entries = 0

    def keep_indexes_before(self, offset: int) -> None:
        """Drop the index entries at and after an offset."""
        relative = offset - self.base_offset
        index = self.offset_index
        index.keep(bisect_left(index.offsets, relative))
        self.time_index.keep_before(relative)
        self.transaction_index.keep_before(offset)

    def remake_indexes(self) -> None:
        """Make both indexes anew from the batches, after they were lost or damaged."""
        try:
            self._fill_indexes(self.offset_index, self.time_index)
        except OSError:
            self.forget_indexes()
            raise

    def _fill_indexes(self, offsets: OffsetIndex, times: TimeIndex | None) -> None:
        offsets.keep(0)
        if times is not None:
            times.keep(0)
        newest, newest_offset = NO_TIMESTAMP, self.base_offset
        since_index = 0
        for at, header in iter_headers(self.log_file(), 0, self.size):
            if header.max_timestamp > newest:
                newest, newest_offset = header.max_timestamp, header.last_offset
            if since_index > _REBUILD_INTERVAL:
                offsets.append(header.last_offset - self.base_offset, at)
                if times is not None:
                    times.maybe_append(newest, newest_offset - self.base_offset)
                since_index = 0
            since_index += header.size
        if times is not None:
            times.maybe_append(newest, newest_offset - self.base_offset)

    def sync(self, *, indexes: bool) -> None:
        """Return when the segment is on disk; a cache such as an index may follow later.

        May run in another thread than appends and reads: it opens nothing that they would see.
        """
        (self._log or self._fs.open(self._path(".log"))).sync()
        if indexes:
            for suffix in _SUFFIXES[1:]:
                path = self._path(suffix)
                if self._fs.exists(path):
                    self._fs.open(path).sync()

    def write_log_again(self, start: int, end: int) -> None:
        """Write over the batches from offset start to before end, so that `sync` brings them to the disk after all.

        May run in another thread than appends and reads.
        """
        write_log_again(self._fs, self._path(".log"), start, end)

    def write_indexes_again(self) -> None:
        """Do the same with the indexes."""
        for suffix in _SUFFIXES[1:]:
            write_cache_again(self._fs, self._path(suffix))

    def set_aside(self, position: int) -> None:
        """Copy the log file from a position on into a file of its own, which nobody ever reads or removes by itself."""
        path = f"{self._path('.log')}.{position}.damaged"
        file = self.log_file()
        self._fs.remove(path)
        copy = self._fs.open(path, create=True)
        while piece := file.read_at(position, _COPIED):
            copy.append((piece,), len(piece))
            position += len(piece)
        copy.sync()
        self._fs.sync_directory(self._directory)

    def retire(self) -> list[str]:
        """Take the files out of the log by renaming them; return what they are called until they are removed.

        The log file's name is gone for good when this returns, as in `delete`.
        """
        self._files.forget(self)
        self.release()
        retired: list[str] = []
        for suffix in _SUFFIXES:
            path = self._path(suffix)
            if self._fs.exists(path):
                self._fs.rename(path, path + DELETED)
                retired.append(path + DELETED)
            if suffix == ".log":
                self._fs.sync_directory(self._directory)
        return retired

    def settled(self) -> None:
        """Take note that the files have got their names, after it has replaced others."""
        self._files.forget(self)
        self.release()
        self._state = ""

    def delete(self) -> None:
        """Remove the files; slices that were handed out stay readable.

        The log file is gone for good when this returns. Of several segments that are removed in their order, a power
        cut could otherwise bring back any, and leave a gap.
        """
        self._files.forget(self)
        self.release()
        self._fs.remove(self._path(".log"))
        self._fs.sync_directory(self._directory)
        for suffix in _SUFFIXES[1:]:
            self._fs.remove(self._path(suffix))

    def _path(self, suffix: str) -> str:
        return f"{self._directory}/{file_name(self.base_offset, suffix)}{self._state}"

"""One segment of a partition: a `.log` file of batches with its indexes."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.indexes import OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.segment.segment_lookups import SegmentLookups
from kafkalite_wire.payloads import FileSender
from kafkalite_wire.records import HEADER_SIZE, NO_TIMESTAMP, BatchHeader, Buffer, read_header

LARGEST_RELATIVE_OFFSET: Final = 0x7FFF_FFFF


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

    @property
    def has_descriptor(self) -> bool:
        """Whether the file is one of the operating system, not one in memory."""
        try:
            return self.file is not None and self.file.fileno() >= 0
        except OSError:
            return False

    def read(self, size: int | None = None) -> bytes:
        """Return the bytes, or the first `size` of them."""
        wanted = self.size if size is None else min(size, self.size)
        return self.file.read_at(self.position, wanted) if self.file is not None else b""

    def send_to(self, sender: FileSender, start: int) -> int:
        """Send the bytes from `start` on, as many as are taken now. Return how many."""
        assert self.file is not None
        return sender.send_file(self.file.fileno(), self.position + start, self.size - start)


NOTHING: Final = FetchSlice(None, 0, 0)


class Segment(SegmentLookups):
    """Batches from `base_offset` on.

    Files are opened at the first use and may be closed by FileHandleCache between any two calls. Methods raise
    OSError, and DamagedLog where a file is not what was written.
    """

    __slots__ = ("_entries", "_since_index", "first_timestamp", "holds_transactions", "last_batch_end")

    def __init__(
        self, fs: FileSystem, files: FileHandleCache, directory: str, base_offset: int, *, is_swap: bool = False
    ) -> None:
        super().__init__(fs, files, directory, base_offset, is_swap=is_swap)
        self._since_index = 0
        self._entries = 0
        self.last_batch_end = 0
        self.first_timestamp: int | None = None
        #: Whether a batch of a transaction was served from it; False says nothing.
        self.holds_transactions = False

    def create(self) -> None:
        """Make the file of a new segment, emptying what a crash may have left."""
        self.make()
        self.verified.cut(0)
        self.max_timestamp = NO_TIMESTAMP

    def begin_without_file(self) -> None:
        """Begin a new segment whose file is made by the first append."""
        self._size = 0
        self.max_timestamp = NO_TIMESTAMP

    def headers(self) -> Iterator[BatchHeader]:
        """Yield the header of every batch."""
        return (header for _, header in iter_headers(self.log_file(), 0, self.size))

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
        self.verified.add(position, position + size)

    def is_full(self, size: int, last_offset: int, *, segment_bytes: int, index_bytes: int) -> bool:
        """Return whether a batch of size bytes belongs into the next segment."""
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

    def oldest(self) -> int:
        """Return the newest timestamp of the first batch; -1 when empty."""
        if self.first_timestamp is None and self.size >= HEADER_SIZE:
            self.first_timestamp = read_header(self.log_file().read_at(0, HEADER_SIZE)).max_timestamp
        return NO_TIMESTAMP if self.first_timestamp is None else self.first_timestamp

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
        self.verified.cut(position)
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

"""Find batches in a segment through its indexes, which are caches.

Where they contradict the batches, or are lost, they are not believed but rebuilt.
"""

from bisect import bisect_left
from logging import getLogger
from typing import Final

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.segment.indexes import OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE, OffsetIndex, TimeIndex
from kafkalite_storage.segment.scan import iter_headers, iter_raw_headers
from kafkalite_storage.segment.segment_files import SegmentFiles
from kafkalite_storage.segment.transaction_index import TransactionIndex
from kafkalite_storage.segment.verified_ranges import VerifiedRanges
from kafkalite_wire.batch import LENGTH_PREFIX
from kafkalite_wire.records import HEADER_SIZE, MAGIC, NO_TIMESTAMP, BatchHeader, CorruptBatch, check_batch, read_header

log = getLogger("kafkalite.storage")

# A segment larger than this has lost its index if it has no entry; Kafka's largest default interval between
# two entries is a batch of `max.message.bytes`.
_UNINDEXED: Final = 4 * 1024 * 1024
_REBUILD_INTERVAL: Final = 4096


class SegmentLookups:
    """Finds the batches of a segment by offset and by time, and writes its indexes."""

    __slots__ = (
        "_entries",
        "_files",
        "_since_index",
        "last_batch_end",
        "last_batch_offset",
        "last_batch_position",
        "max_timestamp",
        "max_timestamp_offset",
        "verified",
    )

    def __init__(self, files: SegmentFiles) -> None:
        self._files = files
        #: Bytes since the last index entry, and the number of entries.
        self._since_index = 0
        self._entries = 0
        #: Where the newest batch starts, so that a consumer at the tail needs no search; -1: not known.
        self.last_batch_offset = -1
        self.last_batch_position = -1
        #: Where `load_tail` stopped.
        self.last_batch_end = 0
        #: The newest timestamp and the last offset of its batch; None: ask the time index.
        self.max_timestamp: int | None = None
        self.max_timestamp_offset = files.base_offset
        #: The bytes of the log file that this process wrote or checked.
        self.verified = VerifiedRanges()

    @property
    def offset_index(self) -> OffsetIndex:
        """The index by offset, read on first use."""
        files = self._files
        index = files.offset_index
        if index is None:
            files.log_file()
            index = files.offset_index = OffsetIndex(files.fs, files.path_of(".index"))
            if not index.is_sound(files.size) or not (len(index) or files.size <= _UNINDEXED):
                self.rebuild_indexes()
        return index

    @property
    def time_index(self) -> TimeIndex:
        """The index by timestamp, read on first use."""
        files = self._files
        index = files.time_index
        if index is None:
            files.log_file()
            index = files.time_index = TimeIndex(files.fs, files.path_of(".timeindex"))
            if not index.is_sound():
                self.rebuild_indexes()
        return index

    @property
    def transaction_index(self) -> TransactionIndex:
        """The aborted transactions."""
        return TransactionIndex(self._files.fs, self._files.path_of(".txnindex"))

    def locate(self, offset: int) -> tuple[int, int] | None:
        """Return position and size of the first batch that ends at or after offset, if there is one.

        Raises DamagedLog where the batches on the way to it do not follow each other.
        """
        if offset >= self.last_batch_offset >= 0:
            return self._walk_to(offset, self.last_batch_position)
        index = self.offset_index
        entry = index.entry_for(offset - self._files.base_offset)
        first = entry
        while entry >= 0 and not self._is_true(entry):
            entry -= 1
        found = self._walk_to(offset, index.positions[entry] if entry >= 0 else 0)
        if entry < first and found is not None and self._holds(found[0], offset):
            # The batches follow each other up to the right one, so it is the index that is wrong.
            log.warning("%s is damaged at entry %d; it is rebuilt", self._files.path_of(".index"), first)
            self._fill_indexes(index, None)
        return found

    def _is_true(self, entry: int) -> bool:
        """Return whether an index entry points at a batch that may hold its offset."""
        index = self.offset_index
        position = index.positions[entry]
        if not 0 <= position <= self._files.size - HEADER_SIZE:
            return False
        header = read_header(self._files.log_file().read_at(position, HEADER_SIZE))
        before = index.offsets[entry - 1] if entry else -1
        relative = header.base_offset - self._files.base_offset
        return header.magic == MAGIC and before < relative <= index.offsets[entry]

    def _holds(self, position: int, offset: int) -> bool:
        header = read_header(self._files.log_file().read_at(position, HEADER_SIZE))
        return header.base_offset <= offset <= header.last_offset

    def _walk_to(self, offset: int, position: int) -> tuple[int, int] | None:
        following = self._files.base_offset
        passed = position
        for at, header in iter_raw_headers(self._files.log_file(), position, self._files.size):
            base_offset, last_offset_delta = header[0], header[6]
            if base_offset < following or last_offset_delta < 0:
                raise DamagedLog(f"{self._files.name} is damaged at byte {at}: there is no batch")
            following = base_offset + last_offset_delta + 1
            size = header[1] + LENGTH_PREFIX
            if following > offset:
                if base_offset > offset:
                    self._check_passed(passed, at)
                return at, size
            passed = at
            position = at + size
        if position != self._files.size:
            raise DamagedLog(f"{self._files.name} is damaged at byte {position}: there is no whole batch")
        self._check_passed(passed, position)
        return None

    def _check_passed(self, start: int, end: int) -> None:
        """Check the batch from start to end, if there is one, before a search ends without a batch for its offset.

        A search reads headers only. In a compacted log a damaged last offset delta, or length, looks like one more
        gap, and would hide the records of the offset.
        """
        if start >= end or self.verified.covers(start, end):
            return
        try:
            check_batch(self._files.log_file().read_at(start, end - start))
        except CorruptBatch as problem:
            raise DamagedLog(f"{self._files.name} is damaged at byte {start}: {problem}") from None

    def newest(self) -> tuple[int, int]:
        """Return the newest timestamp and the last offset of its batch; (-1, base offset) when empty."""
        if self.max_timestamp is None:
            self.max_timestamp, self.max_timestamp_offset = self._newest_indexed() or self._newest_of_all()
        return self.max_timestamp, self.max_timestamp_offset

    def _newest_indexed(self) -> tuple[int, int] | None:
        """Return what the time index says, None if it says nothing."""
        times = self.time_index
        if len(times) and not self.time_entry_is_true(len(times) - 1):
            times = self.rebuild_time_index(len(times) - 1)
        return (times.timestamps[-1], self._files.base_offset + times.offsets[-1]) if len(times) else None

    def _newest_of_all(self) -> tuple[int, int]:
        newest = NO_TIMESTAMP, self._files.base_offset
        for _, header in iter_headers(self._files.log_file(), 0, self._files.size):
            if header.max_timestamp > newest[0]:
                newest = header.max_timestamp, header.last_offset
        return newest

    def time_entry_is_true(self, entry: int) -> bool:
        """Return whether an entry of the time index names the newest time of the batch that it points at."""
        times = self.time_index
        located = self.locate(self._files.base_offset + times.offsets[entry])
        if located is None:
            return False
        header = read_header(self._files.log_file().read_at(located[0], HEADER_SIZE))
        return header.max_timestamp == times.timestamps[entry]

    def rebuild_time_index(self, entry: int) -> TimeIndex:
        """Rebuild the indexes, because an entry of the time index is not true; return the time index."""
        log.warning("%s is damaged at entry %d; it is rebuilt", self._files.path_of(".timeindex"), entry)
        self.rebuild_indexes()
        return self.time_index

    def rebuild_indexes(self) -> None:
        """Rebuild both indexes from the batches, after they were lost or damaged."""
        try:
            self._fill_indexes(self.offset_index, self.time_index)
        except OSError:
            self._files.forget_indexes()
            raise

    def _fill_indexes(self, offsets: OffsetIndex, times: TimeIndex | None) -> None:
        offsets.keep(0)
        if times is not None:
            times.keep(0)
        newest, newest_offset = NO_TIMESTAMP, self._files.base_offset
        since_index = 0
        for at, header in iter_headers(self._files.log_file(), 0, self._files.size):
            if header.max_timestamp > newest:
                newest, newest_offset = header.max_timestamp, header.last_offset
            if since_index > _REBUILD_INTERVAL:
                offsets.append(header.last_offset - self._files.base_offset, at)
                if times is not None:
                    times.maybe_append(newest, newest_offset - self._files.base_offset)
                since_index = 0
            since_index += header.size
        if times is not None:
            times.maybe_append(newest, newest_offset - self._files.base_offset)

    def note_batch(
        self, position: int, size: int, base_offset: int, last_offset: int, max_timestamp: int, interval: int
    ) -> None:
        """Note a batch at the end of the log file; every interval bytes it gets an index entry."""
        if self.max_timestamp is None or max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.max_timestamp_offset = last_offset
        if self._since_index > interval:
            self.offset_index.append(last_offset - self._files.base_offset, position)
            self.time_index.maybe_append(self.max_timestamp, self.max_timestamp_offset - self._files.base_offset)
            self._since_index = 0
            self._entries += 1
        self._since_index += size
        self.last_batch_offset = base_offset
        self.last_batch_position = position
        self.verified.add(position, position + size)

    def are_full(self, index_bytes: int) -> bool:
        """Return whether an index has no room for another entry."""
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
        if self._files.size > 0 and self.max_timestamp is not None:
            self.time_index.maybe_append(self.max_timestamp, self.max_timestamp_offset - self._files.base_offset)

    def load_tail(self, until: int | None = None) -> int:
        """Learn size, newest timestamp and end offset from the files, trusting them; return the end offset.

        With until, stop at the batch that holds that offset; `last_batch_end` tells where.
        Raises ValueError when the files contradict each other.
        """
        size = self._files.measure()
        index = self.offset_index
        start = position = index.positions[-1] if len(index) else 0
        self._entries = len(index)
        times = self.time_index
        self.max_timestamp, self.max_timestamp_offset = NO_TIMESTAMP, self._files.base_offset
        if len(times):
            self.max_timestamp = times.timestamps[-1]
            self.max_timestamp_offset = self._files.base_offset + times.offsets[-1]
        else:  # it is lost, or no batch has a time
            position = 0
        self._since_index = 0
        end_offset = self._files.base_offset
        indexed_end = self._files.base_offset + index.offsets[-1] if len(index) else None
        self.last_batch_offset = self.last_batch_position = -1
        for at, header in iter_headers(self._files.log_file(), position, size):
            if until is not None and header.last_offset >= until:
                break
            if header.base_offset < end_offset:
                raise ValueError(f"{self._files.name}: offset {header.base_offset} follows {end_offset - 1}")
            if indexed_end is not None and at == start and header.last_offset != indexed_end:
                raise ValueError(f"{self._files.name}: its offset index points to offset {header.last_offset}")
            if header.max_timestamp > self.max_timestamp:
                self.max_timestamp, self.max_timestamp_offset = header.max_timestamp, header.last_offset
            end_offset = header.next_offset
            self.last_batch_offset, self.last_batch_position = header.base_offset, at
            self._since_index += header.size if at >= start else 0
            position = at + header.size
        if position != size and until is None:
            raise ValueError(f"{self._files.name}: {size - position} bytes follow the last whole batch")
        self.last_batch_end = position
        return end_offset

    def begin(self) -> None:
        """Note that the segment is new and empty."""
        self.verified.cut(0)
        self.max_timestamp = NO_TIMESTAMP

    def cut(self, position: int) -> None:
        """Forget the batches from a position on; indexes are the caller's to rebuild."""
        self.verified.cut(position)
        self.last_batch_offset = self.last_batch_position = -1

    def forget_tail(self) -> None:
        """Forget the newest batch and timestamp."""
        self.max_timestamp, self.max_timestamp_offset = NO_TIMESTAMP, self._files.base_offset
        self.last_batch_offset = self.last_batch_position = -1

    def drop_indexes(self) -> None:
        """Empty all indexes."""
        self.offset_index.keep(0)
        self.time_index.keep(0)
        self.transaction_index.keep_before(0)
        self._since_index = self._entries = 0

    def keep_indexes_before(self, offset: int) -> None:
        """Drop the index entries at and after an offset."""
        relative = offset - self._files.base_offset
        index = self.offset_index
        index.keep(bisect_left(index.offsets, relative))
        self.time_index.keep_before(relative)
        self.transaction_index.keep_before(offset)

    def check_last_entries(self) -> None:
        """Raise ValueError unless the last entry of each index fits its batch, as one that was torn would not.

        Of the transaction index, which is small and not sparse, every entry.
        """
        offsets, times = self.offset_index, self.time_index
        if len(offsets):
            header = self._header_at(offsets.positions[-1])
            if header is None or header.last_offset != self._files.base_offset + offsets.offsets[-1]:
                raise ValueError(f"{self._files.name}: the last entry of its offset index is damaged")
        if len(times):
            offset = self._files.base_offset + times.offsets[-1]
            located = self.locate(offset)
            header = None if located is None else self._header_at(located[0])
            if header is None or (header.last_offset, header.max_timestamp) != (offset, times.timestamps[-1]):
                raise ValueError(f"{self._files.name}: the last entry of its time index is damaged")
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
                raise ValueError(f"{self._files.name}: an entry of its transaction index is damaged")
            ended = aborted.last_offset

    def _header_at(self, position: int) -> BatchHeader | None:
        for _, header in iter_headers(self._files.log_file(), position, self._files.size):
            return header
        return None

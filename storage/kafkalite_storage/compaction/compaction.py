"""One cleaning of one log: keep the newest record of each key (`cleanup.policy=compact`).

As in Kafka's cleaner: the dirty part is read once for a map of keys to their newest offsets, then everything up to its
end is rewritten, segment group by segment group. The work is done by a generator with short steps, because the
broker runs it between requests on its only thread. Changes of the log between two steps are noticed before a segment is
replaced.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from kafkalite_storage.compaction.batch_cleaning import LOOK_INSIDE, BatchCleaning, read_commit
from kafkalite_storage.compaction.cleaned_segment import CleanedSegment
from kafkalite_storage.compaction.log_to_clean import group_segments
from kafkalite_storage.compaction.offset_map import OffsetMap
from kafkalite_storage.compaction.transaction_cleaning import TransactionCleaning
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment import replacement
from kafkalite_storage.segment.scan import walk_to_clean
from kafkalite_storage.segment.segment import Segment
from kafkalite_wire.batch import COMPRESSION_MASK, CONTROL, HEADER, HEADER_SIZE, LENGTH_PREFIX, TRANSACTIONAL, RawHeader
from kafkalite_wire.record_scan import Span, records_of, scan_records
from kafkalite_wire.records import BatchHeader, InvalidRecord

#: Work to do before the next step: None, or a call that waits for the disk. The call may be made in another thread and
#: does not raise.
Step = Callable[[], None] | None

# Work is counted because this module must not read a clock. One unit takes about three microseconds.
_STEP: Final = 300
_RECORDS_PER_UNIT: Final = 2
_RECORDS_AT_ONCE: Final = _STEP * _RECORDS_PER_UNIT


class CompactionAbandonedError(Exception):
    """The log changed during a cleaning: it was deleted, or is no longer to be compacted."""


@dataclass(slots=True)
class CompactionStats:
    """Progress of a cleaning, for a line in the log and for the limit on its speed."""

    batches_read: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    keys: int = 0
    segments_before: int = 0
    segments_after: int = 0
    #: Bytes read and written.
    bytes_moved: int = 0


class Compaction:
    """Cleans a log from its first dirty offset to its first uncleanable one, both found by `find_log_to_clean`."""

    def __init__(
        self,
        fs: FileSystem,
        log: PartitionLog,
        *,
        first_dirty_offset: int,
        first_uncleanable_offset: int,
        now_ms: int,
        key_map_bytes: int,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._fs = fs
        self.log = log
        self._first_dirty = first_dirty_offset
        self._first_uncleanable = first_uncleanable_offset
        self._now_ms = now_ms
        #: Whether the log is still there.
        self.is_wanted = is_wanted
        self._map = OffsetMap(key_map_bytes)
        self.stats = CompactionStats()
        #: The first dirty offset after this cleaning; known at its end.
        self.end_offset = first_dirty_offset

    def steps(self) -> Iterator[Step]:
        """Clean the log, a millisecond or two for each step.

        Raises CompactionAbandonedError, CorruptBatch, StorageFailure and OSError. Segments that were
        replaced before are complete and stay.
        """
        yield from self._read_dirty_part()
        yield from self._map.seal()
        self.stats.keys = len(self._map)
        end_offset = self._map.latest_offset + 1
        log = self.log
        segments = [segment for segment in log.segments[:-1] if segment.base_offset < end_offset]
        if segments:
            following = self._following(segments[-1])
            cleaning = BatchCleaning(
                self._map,
                # The last segment is rewritten as a whole, so transactions that were aborted after the end count too.
                TransactionCleaning(log.aborted_transactions(segments[0].base_offset, following)),
                log.producers.producers,
                first_dirty_offset=self._first_dirty,
                log_start_offset=log.log_start_offset,
                now_ms=self._now_ms,
                delete_retention_ms=log.config.delete_retention_ms,
            )
            entries: list[tuple[int, int]] = []
            for segment in segments:
                self._check((segment,))
                entries.append((len(segment.lookups.offset_index), len(segment.lookups.time_index)))
                yield None
            for group in list(group_segments(segments, entries, log.config, following)):
                yield from self._clean_group(group, cleaning)
        self.end_offset = end_offset

    def _read_dirty_part(self) -> Iterator[Step]:
        """Fill the map, up to the first uncleanable offset or until it is full."""
        first, end, key_map = self._first_dirty, self._first_uncleanable, self._map
        dirty = [s for s in self.log.segments[:-1] if s.base_offset < end and self._following(s) > first]
        key_map.latest_offset = first - 1
        transactions = TransactionCleaning(self.log.aborted_transactions(first, end) if dirty else ())
        for segment in dirty:
            self._check((segment,))
            following = self._following(segment)
            position = segment.lookups.offset_index.look_up(first - segment.base_offset)
            work = _STEP
            self.stats.bytes_moved += segment.size - position
            for piece, at, header in walk_to_clean(segment.files.log_file(), position, segment.size):
                work -= 1
                if (last_offset := header[0] + header[6]) >= first:
                    if header[5] & CONTROL:
                        commit = read_commit(piece, at, header)
                        if commit is not None:
                            transactions.end(header[9], last_offset, commit)
                    elif not (header[5] & TRANSACTIONAL and transactions.is_aborted(header[9], last_offset)):
                        if key_map.is_full and key_map.latest_offset >= first:
                            return
                        if header[5] & COMPRESSION_MASK or header[12] > _RECORDS_AT_ONCE:
                            yield from self._read_keys(piece, at, header)
                            work = _STEP
                        elif header[12]:
                            place = key_map.note(piece, at + HEADER_SIZE, header[12], header[0], first)
                            _check_end(place, at + header[1] + LENGTH_PREFIX)
                            work -= header[12] // _RECORDS_PER_UNIT
                    key_map.latest_offset = last_offset
                if work <= 0:
                    yield None
                    work = _STEP
            # Offsets at the end of a segment may be missing.
            key_map.latest_offset = following - 1

    def _read_keys(self, piece: bytes, at: int, header: RawHeader) -> Iterator[Step]:
        data = _records(piece, at, header)
        place = 0
        for rest in range(header[12], 0, -_RECORDS_AT_ONCE):
            place = self._map.note(data, place, min(rest, _RECORDS_AT_ONCE), header[0], self._first_dirty)
            yield None
        _check_end(place, len(data))

    def _clean_group(self, group: Sequence[Segment], cleaning: BatchCleaning) -> Iterator[Step]:
        self._check(group)
        log, stats = self.log, self.stats
        base_offset = group[0].base_offset
        try:
            cleaned = CleanedSegment(self._fs, log.directory, base_offset, log.config.index_interval_bytes)
            for segment in group:
                self._check((segment,))
                yield from self._clean_segment(segment, cleaned, cleaning)
                yield None
            self._check(group)
            cleaned.finish()
            yield from _elsewhere(cleaned.sync)
            self._check(group)
            replacement.decide(self._fs, log.directory, base_offset)
            yield from _elsewhere(self._sync_names)
            self._check(group)
        except (CompactionAbandonedError, OSError):
            if self._fs.exists(log.directory):
                replacement.undo(self._fs, log.directory, base_offset)
            raise
        stats.segments_before += len(group)
        stats.segments_after += 1
        stats.bytes_before += sum(segment.size for segment in group)
        stats.bytes_after += cleaned.size
        segment, doomed = log.replace_segments(group)
        yield from _elsewhere(self._sync_names)
        log.settle(segment)
        # Old files are removed only after the new names are on disk.
        yield from _elsewhere(self._sync_names)
        log.remove_later(doomed)

    def _sync_names(self) -> None:
        if self._fs.exists(self.log.directory):
            self._fs.sync_directory(self.log.directory)

    def _clean_segment(self, segment: Segment, cleaned: CleanedSegment, cleaning: BatchCleaning) -> Iterator[Step]:
        size = segment.size
        stats = self.stats
        stats.bytes_moved += size
        judge, keep, add = cleaning.judge, cleaning.keep, cleaned.add
        before = cleaned.size
        work = _STEP
        for piece, at, header in walk_to_clean(segment.files.log_file(), 0, size):
            work -= 1
            stats.batches_read += 1
            kept = judge(piece, at, header)
            if kept is not None:
                if kept is LOOK_INSIDE:
                    spans: list[Span] = []
                    end = at + header[1] + LENGTH_PREFIX
                    if header[5] & COMPRESSION_MASK or header[12] > _RECORDS_AT_ONCE:
                        data = _records(piece, at, header)
                        place, end = 0, len(data)
                        for rest in range(header[12], 0, -_RECORDS_AT_ONCE):
                            place = scan_records(data, place, min(rest, _RECORDS_AT_ONCE), spans)
                            yield None
                        work = _STEP
                    else:
                        data = piece
                        place = scan_records(data, at + HEADER_SIZE, header[12], spans)
                        work -= header[12] // _RECORDS_PER_UNIT
                    _check_end(place, end)
                    kept = keep(piece, at, header, data, spans)
                if kept is not None:
                    batch = cast("bytes", kept)
                    add(batch, header[0] + header[6], _unpack(batch)[8])
            for aborted in cleaning.aborted:
                cleaned.add_aborted(aborted)
            cleaning.aborted.clear()
            if work <= 0:
                yield None
                work = _STEP
        stats.bytes_moved += cleaned.size - before

    def _following(self, segment: Segment) -> int:
        """Return the base offset of the next segment. Not to be called for the active one."""
        segments = self.log.segments
        return segments[segments.index(segment) + 1].base_offset

    def _check(self, segments: Sequence[Segment]) -> None:
        log = self.log
        if not (self.is_wanted() and log.config.is_compacted) or log.failed:
            raise CompactionAbandonedError(f"{log.directory} is not to be compacted any more")
        closed = log.segments[:-1]
        first = closed.index(segments[0]) if segments[0] in closed else -1
        if first < 0 or list(closed[first : first + len(segments)]) != list(segments):
            raise CompactionAbandonedError(f"segments of {log.directory} were removed")


_unpack: Final = HEADER.unpack_from


def _elsewhere(work: Callable[[], None]) -> Iterator[Step]:
    """Yield work to the caller of the steps, and raise its errors here."""
    problems: list[OSError] = []

    def run() -> None:
        try:
            work()
        except OSError as error:
            problems.append(error)

    yield run
    if problems:
        raise problems[0]


def _records(piece: bytes, at: int, header: RawHeader) -> bytes:
    whole = BatchHeader._make(header)
    return records_of(piece[at : at + whole.size], whole)


def _check_end(place: int, end: int) -> None:
    if place != end:
        raise InvalidRecord(f"the records of a batch end at byte {place}, not at {end}")

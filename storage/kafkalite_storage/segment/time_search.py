"""Find records by their time, across segments (ListOffsets)."""

from collections.abc import Sequence

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.segment.segment import Segment
from kafkalite_wire.record_scan import find_time, records_of
from kafkalite_wire.records import CorruptBatch, check_batch, read_header
from kafkalite_wire.values import value_class


@value_class
class TimestampOffset:
    """A record's time in milliseconds, its offset and the leader epoch that wrote it."""

    timestamp: int
    offset: int
    leader_epoch: int


def first_at_or_after(segments: Sequence[Segment], timestamp: int, start_offset: int) -> TimestampOffset | None:
    """Return the first record from start_offset on that is not older than timestamp."""
    for segment in segments:
        if not segment.size or segment.lookups.newest()[0] < timestamp:
            continue
        located = segment.lookups.locate(max(_older_until(segment, timestamp), start_offset))
        if located is None:
            continue
        file = segment.files.log_file()
        for at, header in iter_headers(file, located[0], segment.size):
            if header.max_timestamp < timestamp or header.last_offset < start_offset:
                continue
            records = records_of(_checked(segment, at, header.size), header)
            found = find_time(records, header, timestamp, start_offset)
            if found is not None:
                return TimestampOffset(*found, header.partition_leader_epoch)
    return None


def _older_until(segment: Segment, timestamp: int) -> int:
    """Return an offset before which all records are older than a time."""
    times = segment.lookups.time_index
    entry = times.entry_before(timestamp)
    if entry >= 0 and not segment.lookups.time_entry_is_true(entry):
        times = segment.lookups.rebuild_time_index(entry)
        entry = times.entry_before(timestamp)
    return segment.base_offset + (times.offsets[entry] if entry >= 0 else 0)


def _checked(segment: Segment, position: int, size: int) -> bytes:
    batch = segment.files.log_file().read_at(position, size)
    if not segment.lookups.verified.covers(position, position + size):
        try:
            check_batch(batch)
        except CorruptBatch as problem:
            raise DamagedLog(f"{segment.name} is damaged at byte {position}: {problem}") from None
    return batch


def newest(segments: Sequence[Segment]) -> TimestampOffset | None:
    """Return the first record with the newest time of the log."""
    best: Segment | None = None
    for segment in segments:
        if segment.lookups.newest()[0] >= 0 and (
            best is None or segment.lookups.newest()[0] > best.lookups.newest()[0]
        ):
            best = segment
    if best is None:
        return None
    timestamp, last_offset = best.lookups.newest()
    located = best.lookups.locate(last_offset)
    if located is None:
        return None
    batch = _checked(best, *located)
    header = read_header(batch)
    found = find_time(records_of(batch, header), header, timestamp, 0)
    return None if found is None else TimestampOffset(*found, header.partition_leader_epoch)

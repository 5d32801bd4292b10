"""Find records by their time, across segments (ListOffsets)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafkalite_storage.scan import iter_headers
from kafkalite_storage.segment import Segment
from kafkalite_wire.records import iter_records, read_header


@dataclass(frozen=True, slots=True)
class TimestampOffset:
    """A record's time in milliseconds, its offset and the leader epoch that wrote it."""

    timestamp: int
    offset: int
    leader_epoch: int


def first_at_or_after(segments: Sequence[Segment], timestamp: int, start_offset: int) -> TimestampOffset | None:
    """Return the first record from start_offset on that is not older than timestamp."""
    for segment in segments:
        if segment.newest()[0] < timestamp:
            continue
        relative = max(segment.time_index.look_up(timestamp), start_offset - segment.base_offset)
        position = segment.offset_index.look_up(relative)
        file = segment.log_file()
        for at, header in iter_headers(file, position, segment.size):
            if header.max_timestamp < timestamp or header.last_offset < start_offset:
                continue
            for record in iter_records(file.read_at(at, header.size)):
                if record.timestamp >= timestamp and record.offset >= start_offset:
                    return TimestampOffset(record.timestamp, record.offset, header.partition_leader_epoch)
    return None


def newest(segments: Sequence[Segment]) -> TimestampOffset | None:
    """Return the first record with the newest time of the log."""
    best: Segment | None = None
    for segment in segments:
        if segment.newest()[0] >= 0 and (best is None or segment.newest()[0] > best.newest()[0]):
            best = segment
    if best is None:
        return None
    timestamp, last_offset = best.newest()
    located = best.locate(last_offset)
    if located is None:
        return None
    batch = best.log_file().read_at(*located)
    for record in iter_records(batch):
        if record.timestamp == timestamp:
            return TimestampOffset(timestamp, record.offset, read_header(batch).partition_leader_epoch)
    return None

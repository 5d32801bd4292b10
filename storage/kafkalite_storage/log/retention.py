"""Which segments retention deletes, by size and by time, as Kafka does."""

from collections.abc import Sequence

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.segment.segment import Segment


def count_expired(segments: Sequence[Segment], config: LogConfig, *, now_ms: int, readable_end: int, end: int) -> int:
    """Return how many of the oldest segments the policy `delete` removes now.

    By size: as long as at least `retention.bytes` stay without them. By time: as long as the newest record of a segment
    is older than `retention.ms`; one that holds a younger record keeps those behind it. A segment with records that
    cannot be read yet (past readable_end) stays, and so does an empty one at the end. All of them may go, the active
    one included; the log's offsets end at end.

    Raises OSError and DamagedLog where a segment's times cannot be learnt.
    """
    if "delete" not in config.cleanup_policy:
        return 0
    removable = sum(following.base_offset <= readable_end for following in segments[1:])
    if removable + 1 == len(segments) and readable_end == end and segments[-1].size:
        removable += 1
    count = _count_by_size(segments[:removable], segments, config.retention_bytes)
    while count < removable and _is_too_old(segments[count], config.retention_ms, now_ms):
        count += 1
    return count


def _count_by_size(removable: Sequence[Segment], segments: Sequence[Segment], retention_bytes: int) -> int:
    if retention_bytes < 0:
        return 0
    surplus = sum(segment.size for segment in segments) - retention_bytes
    count = 0
    for segment in removable:
        surplus -= segment.size
        if surplus < 0:
            break
        count += 1
    return count


def _is_too_old(segment: Segment, retention_ms: int, now_ms: int) -> bool:
    if retention_ms < 0:
        return False
    newest, _ = segment.lookups.newest()
    return newest >= 0 and now_ms - newest > retention_ms

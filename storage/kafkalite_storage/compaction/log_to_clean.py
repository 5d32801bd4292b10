"""Which part of a compacted log may be cleaned, how much that is worth, and which segments are cleaned together.

Pure; the rules are those of Kafka's cleaner, with KIP-58 (least lag) and KIP-354 (greatest lag). Whole segments are
cleaned only, so the bounds found here are base offsets of segments, except the first dirty offset.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment.indexes import OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE
from kafkalite_storage.segment.segment import LARGEST_RELATIVE_OFFSET, Segment

_NEVER_SMALLER: Final = 64 * 1024
"""An active segment of this size in bytes is worth rolling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogToClean:
    """The part of a log to clean, between two offsets, with the sizes of it and of the part before it."""

    first_dirty_offset: int
    first_uncleanable_offset: int
    clean_bytes: int
    cleanable_bytes: int
    #: Bytes from the first dirty offset to the end of the log, cleanable or not.
    dirty_bytes: int
    #: Whether a record waits for longer than `max.compaction.lag.ms`.
    is_overdue: bool
    #: Whether the checkpointed offset was outside the log.
    was_reset: bool

    @property
    def ratio(self) -> float:
        """Share of the bytes that are new."""
        total = self.clean_bytes + self.cleanable_bytes
        return self.cleanable_bytes / total if total else 0.0

    def is_due(self, config: LogConfig) -> bool:
        """Return whether the log should be cleaned now."""
        if not self.cleanable_bytes:
            return False
        return self.is_overdue or self.ratio > config.min_cleanable_dirty_ratio


def find_log_to_clean(log: PartitionLog, clean_offset: int | None, now_ms: int) -> LogToClean:
    """Measure a log that was cleaned up to an offset (None: never). Raises OSError.

    An offset outside of the log, left by a deleted topic or by DeleteRecords, is replaced by the log's start.
    """
    segments = log.segments
    start = log.log_start_offset
    first_dirty = start if clean_offset is None else clean_offset
    was_reset = not start <= first_dirty <= log.log_end_offset
    if was_reset:
        first_dirty = start
    closed = segments[:-1]
    bases = [segment.base_offset for segment in segments]
    sizes = [segment.size for segment in segments]
    first = _holding(bases, first_dirty)
    limit = min(log.last_stable_offset, _first_too_young(closed[first:], log.config, now_ms, bases[-1]))
    end = max(_holding(bases, max(limit, first_dirty)), first)
    from_dirty = _holding(bases, min(first_dirty, bases[end]))
    # A segment that holds the first dirty offset in its middle counts as dirty as a whole: it is read again.
    return LogToClean(
        first_dirty_offset=first_dirty,
        first_uncleanable_offset=bases[end],
        clean_bytes=sum(sizes[:from_dirty]),
        cleanable_bytes=sum(sizes[from_dirty:end]),
        dirty_bytes=sum(sizes[from_dirty:]),
        is_overdue=_is_overdue(closed[first:end], log.config, now_ms),
        was_reset=was_reset,
    )


def _holding(bases: Sequence[int], offset: int) -> int:
    return max(bisect_right(bases, offset) - 1, 0)


def _first_too_young(segments: Sequence[Segment], config: LogConfig, now_ms: int, active: int) -> int:
    if config.min_compaction_lag_ms > 0:
        for segment in segments:
            if segment.lookups.newest()[0] > now_ms - config.min_compaction_lag_ms:
                return segment.base_offset
    return active


def _is_overdue(segments: Sequence[Segment], config: LogConfig, now_ms: int) -> bool:
    before = now_ms - config.max_compaction_lag_ms
    if before <= 0:
        return False
    return any(0 < segment.oldest() < before for segment in segments)


def group_segments(
    segments: Sequence[Segment], entries: Sequence[tuple[int, int]], config: LogConfig, end_offset: int
) -> Iterator[list[Segment]]:
    """Yield runs of segments that fit into one: by bytes, by index entries and by offsets that an index can hold.

    entries counts those of each segment's indexes by offset and by time; end_offset is the base offset of what follows
    the last segment.
    """
    group: list[Segment] = []
    size = offsets = times = 0
    for number, segment in enumerate(segments):
        following = segments[number + 1].base_offset if number + 1 < len(segments) else end_offset
        offset_bytes = entries[number][0] * OFFSET_ENTRY_SIZE
        time_bytes = entries[number][1] * TIME_ENTRY_SIZE
        if group and not (
            size + segment.size <= config.segment_bytes
            and offsets + offset_bytes <= config.segment_index_bytes
            and times + time_bytes <= config.segment_index_bytes
            and following - 1 - group[0].base_offset <= LARGEST_RELATIVE_OFFSET
        ):
            yield group
            group = []
            size = offsets = times = 0
        group.append(segment)
        size += segment.size
        offsets += offset_bytes
        times += time_bytes
    if group:
        yield group


def find_log_to_roll(
    found: Sequence[tuple[PartitionLog, LogToClean]], most_bytes: int, factor: float
) -> PartitionLog | None:
    """Choose the log whose active segment should be closed, so that a start need not read much more than is live.

    Kafka never cleans an active segment, and a start reads these logs as a whole. So once what is dirty in all of
    them exceeds most_bytes and factor times what is clean, the dirtiest is closed early. A log whose oldest open
    transaction began in no later segment is passed over: nothing could be cleaned.
    """
    if sum(one.dirty_bytes for _, one in found) <= max(most_bytes, factor * sum(one.clean_bytes for _, one in found)):
        return None
    least = min(_NEVER_SMALLER, most_bytes // (2 * len(found)))
    candidates = [
        (one.dirty_bytes, number)
        for number, (log, one) in enumerate(found)
        if (active := log.segments[-1]).size >= max(least, 1) and log.last_stable_offset > active.base_offset
    ]
    return found[max(candidates)[1]][0] if candidates else None

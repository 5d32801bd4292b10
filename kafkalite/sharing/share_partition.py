"""The records of one partition as a share group has them: available, acquired, acknowledged or archived (KIP-932).

Offsets are kept as *runs*: neighbouring offsets in the same state. From the start offset to the end offset each offset
is in one run; before it everything is finished, and behind the end nothing has been delivered. Pure: the time is a
parameter, and what is to be recorded is returned.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.share.state import NO_OFFSET
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_state_records import StateBatch

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.share.configs import ShareGroupConfig

_LEAST_THROTTLED_AT: Final = 2


class RecordState(IntEnum):
    """The state of a record, by the numbers of Kafka's records."""

    AVAILABLE = 0
    ACQUIRED = 1
    ACKNOWLEDGED = 2
    ARCHIVED = 4


class AcknowledgeType(IntEnum):
    """What a member says of a record."""

    GAP = 0
    """There is no such record, for it was compacted or is a control record."""
    ACCEPT = 1
    RELEASE = 2
    REJECT = 3
    RENEW = 4
    """The member is still working on it."""


class AcquireMode(IntEnum):
    """How the limit of records is kept (KIP-1206)."""

    BATCH_OPTIMIZED = 0
    """A batch of records that has begun is delivered to its end."""
    RECORD_LIMIT = 1


_BECOMES: Final = {
    AcknowledgeType.GAP: RecordState.ARCHIVED,
    AcknowledgeType.ACCEPT: RecordState.ACKNOWLEDGED,
    AcknowledgeType.RELEASE: RecordState.AVAILABLE,
    AcknowledgeType.REJECT: RecordState.ARCHIVED,
}
_FINISHED: Final = frozenset((RecordState.ACKNOWLEDGED, RecordState.ARCHIVED))


class AcknowledgeRefusedError(Exception):
    """Acknowledgements of a partition that are refused; none of them counts."""

    def __init__(self, error: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A range of offsets, and one type for all of them or one for each."""

    first: int
    last: int
    types: tuple[int, ...]

    def type_of(self, offset: int) -> AcknowledgeType:
        """Return the type for one offset."""
        return AcknowledgeType(self.types[0 if len(self.types) == 1 else offset - self.first])

    def pieces(self) -> Iterator[tuple[int, int, AcknowledgeType]]:
        """Yield ranges with the same type."""
        if len(self.types) == 1:
            yield self.first, self.last, AcknowledgeType(self.types[0])
            return
        first = self.first
        for offset in range(self.first, self.last + 1):
            if offset == self.last or self.type_of(offset + 1) != self.type_of(offset):
                yield first, offset, self.type_of(offset)
                first = offset + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring offsets in the same state."""

    first: int
    last: int
    state: RecordState = RecordState.AVAILABLE
    delivery_count: int = 0
    member_id: str = ""
    """Who has acquired it."""
    locked_until: float = 0.0

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Acquired:
    """Offsets that were delivered, and how often by now."""

    first: int
    last: int
    delivery_count: int


@dataclass(slots=True)
class Change:
    """What is to be recorded after a change, and whether others may acquire more now."""

    batches: list[StateBatch] = field(default_factory=list[StateBatch])
    """What is to be recorded, if anything is."""
    recorded_start_offset: int = 0
    """The start offset to record with it: as in Kafka, that of before, which the batches lead on from."""
    delivery_complete_count: int = 0
    """How many records behind that one are finished now (KIP-1226)."""
    start_offset: int = NO_OFFSET
    """The new start offset, -1 if it has not changed."""
    made_available: bool = False


class SharePartition:
    """One partition of one share group."""

    def __init__(self, start_offset: int, batches: Iterable[StateBatch] = ()) -> None:
        """Begin where a state ends; offsets of which it says nothing are available."""
        self.start_offset = start_offset
        self.end_offset = start_offset
        """The offset behind the last one that has been delivered."""
        self._runs: list[Run] = []
        for batch in batches:
            first = max(batch.first_offset, self.end_offset)
            if first > batch.last_offset:
                continue
            self._append(Run(first=self.end_offset, last=first - 1))
            state = RecordState(batch.delivery_state)
            self._append(Run(first=first, last=batch.last_offset, state=state, delivery_count=batch.delivery_count))
        self._finish_head()

    def _append(self, run: Run) -> None:
        if len(run) > 0:
            self._runs.append(run)
            self.end_offset = run.last + 1

    @property
    def runs(self) -> Sequence[Run]:
        """The runs, in the order of their offsets."""
        return self._runs

    @property
    def delivery_complete_count(self) -> int:
        """How many records behind the start offset are finished (KIP-1226)."""
        return sum(len(run) for run in self._runs if run.state in _FINISHED)

    # Acquire

    @property
    def next_offset(self) -> int:
        """The offset from which records can be acquired."""
        return next((run.first for run in self._runs if run.state is RecordState.AVAILABLE), self.end_offset)

    def can_acquire(self, most_locks: int) -> bool:
        """Return whether records may be acquired, as far as the limit of records in flight goes."""
        if self.next_offset < self.end_offset:
            return True
        return self.end_offset - self.start_offset - self.delivery_complete_count < most_locks

    def acquire(
        self,
        member_id: str,
        batches: Sequence[tuple[int, int]],
        *,
        from_offset: int,
        max_records: int,
        batch_size: int,
        mode: AcquireMode,
        config: ShareGroupConfig,
        now: float,
    ) -> list[Acquired]:
        """Acquire what is available of record batches, given by their first and last offsets.

        They were read from ``from_offset`` on: what is missing before the first one was compacted. What is new is cut
        at the end of a record batch when it has ``batch_size`` records.
        """
        if not batches:
            return []
        first, last = max(batches[0][0], self.start_offset), batches[-1][1]
        if from_offset < first:
            self._set(from_offset, first - 1, state=RecordState.ARCHIVED)
            self._finish_head()
        if last >= self.end_offset:
            self._append(Run(first=max(self.end_offset, first), last=last))
        ends = [end for _, end in batches]
        left = max_records
        acquired: list[Acquired] = []
        for run in [run for run in self._runs if run.first <= last and run.last >= first]:
            if left <= 0:
                break
            if run.state is not RecordState.AVAILABLE:
                continue
            begin, end = max(run.first, first), min(run.last, last)
            allowed = self._allowed(run, config.delivery_count_limit)
            limit = min(left, allowed)
            if end - begin + 1 > limit:
                end = begin + limit - 1
                if mode is AcquireMode.BATCH_OPTIMIZED and run.delivery_count == 0:
                    end = min(ends[bisect_right(ends, end - 1)], run.last, last)
            self._set(
                begin,
                end,
                state=RecordState.ACQUIRED,
                delivery_count=run.delivery_count + 1,
                member_id=member_id,
                locked_until=now + config.record_lock_duration,
            )
            pieces = _cut(begin, end, ends, batch_size) if run.delivery_count == 0 else [(begin, end)]
            acquired += [Acquired(a, b, run.delivery_count + 1) for a, b in pieces]
            left -= end - begin + 1
            if allowed < len(run):
                break
        self._drop_tail()
        return acquired

    def _allowed(self, run: Run, limit: int) -> int:
        """Return how many records of a run may be delivered at once: fewer and fewer of those that fail again."""
        throttled_at = max(-(-limit // 2), _LEAST_THROTTLED_AT)
        if run.delivery_count < throttled_at:
            return len(run)
        if run.delivery_count >= limit - 1:
            return 1
        return max(len(run) >> (run.delivery_count - throttled_at + 1), 1)

    def _drop_tail(self) -> None:
        """Forget offsets at the end that were never delivered."""
        while self._runs and self._runs[-1].state is RecordState.AVAILABLE and not self._runs[-1].delivery_count:
            self.end_offset = self._runs.pop().first

    def withhold(self, first: int, last: int) -> None:
        """Archive acquired offsets that must not be delivered: they belong to an aborted transaction."""
        self._set(first, last, state=RecordState.ARCHIVED, member_id="")
        self._finish_head()

    # Acknowledge, release, expire

    def acknowledge(
        self, member_id: str, acknowledgements: Iterable[Acknowledgement], *, config: ShareGroupConfig, now: float
    ) -> Change:
        """Take over what a member says of records that it has acquired. Raises AcknowledgeRefusedError."""
        wanted = list(acknowledgements)
        for each in wanted:
            self._check(member_id, each)
        change = Change()
        for each in wanted:
            for first, last, kind in each.pieces():
                if last < self.start_offset:
                    continue
                if kind is AcknowledgeType.RENEW:
                    self._set(max(first, self.start_offset), last, locked_until=now + config.record_lock_duration)
                else:
                    self._settle(first, last, _BECOMES[kind], config.delivery_count_limit, change)
        self._finish_head(change)
        return change

    def _check(self, member_id: str, acknowledgement: Acknowledgement) -> None:
        first, last = max(acknowledgement.first, self.start_offset), acknowledgement.last
        if last < self.start_offset:
            return
        if last >= self.end_offset:
            raise AcknowledgeRefusedError(
                ErrorCode.INVALID_REQUEST, f"offsets {first} to {last} were not delivered: the end is {self.end_offset}"
            )
        for run in self._between(first, last):
            if run.state is not RecordState.ACQUIRED:
                raise AcknowledgeRefusedError(
                    ErrorCode.INVALID_RECORD_STATE, f"offset {max(run.first, first)} is not acquired"
                )
            if run.member_id != member_id:
                raise AcknowledgeRefusedError(
                    ErrorCode.INVALID_RECORD_STATE, f"offset {max(run.first, first)} was acquired by another member"
                )

    def release(self, member_id: str, *, config: ShareGroupConfig) -> Change:
        """Make available what a member has acquired, because its session has ended."""
        return self._release([run for run in self._runs if run.member_id == member_id], config)

    def expire(self, now: float, *, config: ShareGroupConfig) -> Change:
        """Make available what was locked until now."""
        return self._release([run for run in self._runs if run.locked_until <= now], config)

    def _release(self, runs: Iterable[Run], config: ShareGroupConfig) -> Change:
        change = Change()
        for run in runs:
            if run.state is RecordState.ACQUIRED:
                self._settle(run.first, run.last, RecordState.AVAILABLE, config.delivery_count_limit, change)
        self._finish_head(change)
        return change

    def next_deadline(self) -> float | None:
        """Return when :meth:`expire` must be called, None while nothing is locked."""
        return min((run.locked_until for run in self._runs if run.state is RecordState.ACQUIRED), default=None)

    def archive_before(self, offset: int) -> Change:
        """Archive what lies before an offset, where the log begins now, but for what is acquired."""
        change = Change()
        if offset <= self.start_offset:
            return change
        for run in self._between(self.start_offset, offset - 1):
            if run.state is RecordState.AVAILABLE:
                self._set(run.first, min(run.last, offset - 1), state=RecordState.ARCHIVED)
        if offset >= self.end_offset and not any(run.state is RecordState.ACQUIRED for run in self._runs):
            self._runs.clear()
            self.start_offset = self.end_offset = change.start_offset = offset
        else:
            self._finish_head(change)
        return change

    # Runs

    def _settle(self, first: int, last: int, state: RecordState, limit: int, change: Change) -> None:
        first = max(first, self.start_offset)
        for run in self._between(first, last):
            becomes = state
            if state is RecordState.AVAILABLE:
                if run.delivery_count >= limit:
                    becomes = RecordState.ARCHIVED
                else:
                    change.made_available = True
            begin, end = max(run.first, first), min(run.last, last)
            self._set(begin, end, state=becomes, member_id="", locked_until=0.0)
            change.batches.append(
                StateBatch(
                    first_offset=begin,
                    last_offset=end,
                    delivery_state=becomes,
                    delivery_count=run.delivery_count,
                )
            )

    def _between(self, first: int, last: int) -> list[Run]:
        return [run for run in self._runs if run.first <= last and run.last >= first]

    def _set(self, first: int, last: int, **changes: object) -> None:
        """Change offsets that exist, and join runs that have become the same."""
        runs: list[Run] = []
        for run in self._runs:
            for piece in _split(run, first, last):
                changed = replace(piece, **changes) if first <= piece.first and piece.last <= last else piece  # type: ignore[arg-type]
                if runs and _is_alike(runs[-1], changed):
                    runs[-1] = replace(runs[-1], last=changed.last)
                else:
                    runs.append(changed)
        self._runs = runs

    def _finish_head(self, change: Change | None = None) -> None:
        """Move the start offset behind what is finished."""
        before = self.start_offset
        if change is not None:
            change.recorded_start_offset = before
            change.delivery_complete_count = self.delivery_complete_count
        while self._runs and self._runs[0].state in _FINISHED:
            self.start_offset = self._runs.pop(0).last + 1
        if change is not None and self.start_offset != before:
            change.start_offset = self.start_offset


def _split(run: Run, first: int, last: int) -> Iterator[Run]:
    if run.last < first or run.first > last:
        yield run
        return
    if run.first < first:
        yield replace(run, last=first - 1)
    yield replace(run, first=max(run.first, first), last=min(run.last, last))
    if run.last > last:
        yield replace(run, first=last + 1)


def _is_alike(one: Run, other: Run) -> bool:
    return replace(one, first=0, last=0) == replace(other, first=0, last=0)


def _cut(first: int, last: int, ends: Sequence[int], size: int) -> list[tuple[int, int]]:
    """Cut new offsets at the ends of record batches, so that no piece is much larger than ``size``."""
    pieces: list[tuple[int, int]] = []
    for end in ends:
        if first <= end < last and end - first + 1 >= size:
            pieces.append((first, end))
            first = end + 1
    return [*pieces, (first, last)]

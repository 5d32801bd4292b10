"""One partition of one share group: which record is with which member, and what became of it (KIP-932).

It begins at the start offset; everything before is finished. Batches of records are acquired by members, who accept,
release or reject them. Records whose locks end are available again, until they were delivered as often as the limit
allows. Pure: the time is a parameter, and each change says what is to be recorded. It counts once it is committed. If
it cannot be recorded it is taken back, and the records are with their members as before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from kafkalite.sharing.in_flight import (
    FINISHED,
    InFlightBatch,
    InFlightBatches,
    InFlightState,
    RecordState,
)
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_state_records import StateBatch

_LEAST_THROTTLED_AT: Final = 2


class AcknowledgeType(IntEnum):
    """What a member says of a record."""

    GAP = 0
    """There is no such record, for it was compacted or is a control record."""
    ACCEPT = 1
    RELEASE = 2
    REJECT = 3
    RENEW = 4
    """The member is still working on it (KIP-1222)."""


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


class AcknowledgeRefusedError(Exception):
    """Acknowledgements of a partition that are refused; none of them counts."""

    def __init__(self, error: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error = error


class Limits(Protocol):
    """What a share partition needs of its group's configuration."""

    @property
    def record_lock_duration(self) -> float:
        """How long a record stays with a member, in seconds."""
        ...

    @property
    def delivery_count_limit(self) -> int:
        """How often a record is delivered at most."""
        ...

    @property
    def partition_max_record_locks(self) -> int:
        """How many records may be in flight."""
        ...


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A range of offsets, and one type for all of them or one for each."""

    first: int
    last: int
    types: tuple[int, ...]

    def type_of(self, offset: int) -> AcknowledgeType:
        """Return the type for one offset."""
        return AcknowledgeType(self.types[0 if len(self.types) == 1 else offset - self.first])


@dataclass(frozen=True, slots=True)
class Acquired:
    """Offsets that were delivered, and how often by now."""

    first: int
    last: int
    delivery_count: int

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(slots=True)
class Change:
    """A change that has begun, and what is to be recorded of it.

    Start offset and count are those from before the start offset moves with this change, as in Kafka: the records that
    are finished say the rest.
    """

    start_offset: int
    delivery_complete_count: int = 0
    batches: list[StateBatch] = field(default_factory=list[StateBatch])
    units: list[tuple[int, InFlightState, RecordState]] = field(
        default_factory=list[tuple[int, InFlightState, RecordState]]
    )
    """The last offset of each unit that changes, its state in flight, and what it becomes."""
    made_available: bool = False
    """Whether records have become available; known when the change is committed."""
    has_moved: bool = False
    """Whether the start offset has moved; known when the change is committed."""

    def add(self, first: int, last: int, state: InFlightState, becomes: RecordState) -> None:
        """Begin to change the state of a range, which is recorded with the one before it if it becomes the same."""
        state.state = RecordState.CHANGING
        self.units.append((last, state, becomes))
        if becomes in FINISHED and last >= self.start_offset:
            self.delivery_complete_count += last - max(first, self.start_offset) + 1
        before = self.batches[-1] if self.batches else None
        if (
            before is not None
            and before.last_offset + 1 == first
            and (before.delivery_state, before.delivery_count) == (becomes, state.delivery_count)
        ):
            first = self.batches.pop().first_offset
        self.batches.append(
            StateBatch(
                first_offset=first,
                last_offset=last,
                delivery_state=becomes,
                delivery_count=state.delivery_count,
            )
        )


class SharePartition:
    """One partition of one share group."""

    def __init__(self, start_offset: int, batches: Iterable[StateBatch] = ()) -> None:
        """Begin with a state that was recorded; offsets of which it says nothing are read again."""
        self.start_offset = start_offset
        self.end_offset = start_offset
        """The offset behind the last one that was delivered."""
        self._in_flight = InFlightBatches()
        self._may_have_available = False
        self._gap_offset: int | None = None
        """The first offset that was delivered earlier perhaps, while the recorded state says nothing of it."""
        self._gap_limit = 0
        for batch in batches:
            if self._gap_offset is None and batch.first_offset > self.end_offset:
                self._gap_offset = self.end_offset
            state = InFlightState(RecordState(batch.delivery_state), batch.delivery_count)
            self._in_flight.add(InFlightBatch(batch.first_offset, batch.last_offset, state))
            self.end_offset = self._gap_limit = batch.last_offset + 1
            self._may_have_available = True
        self._move_start()

    # What there is

    @property
    def delivery_complete_count(self) -> int:
        """How many records from the start offset on are finished (KIP-1226)."""
        return sum(
            last - max(first, self.start_offset) + 1
            for batch in self._in_flight
            for first, last, state in batch.states()
            if state.state in FINISHED and last >= self.start_offset
        )

    @property
    def next_offset(self) -> int:
        """The offset from which records can be acquired."""
        if not self._may_have_available or self._is_fresh:
            return self.end_offset
        gap = self._gap
        for batch in self._in_flight:
            if gap is not None:
                if batch.first_offset > gap:
                    return gap
                gap = max(batch.last_offset + 1, gap)
            for first, _, state in batch.states():
                if state.state is RecordState.AVAILABLE:
                    return first
        self._may_have_available = False
        return self.end_offset

    @property
    def _is_fresh(self) -> bool:
        """Whether nothing is in flight from the start offset on."""
        return not len(self._in_flight) or self._in_flight.last.last_offset < self.start_offset

    @property
    def _gap(self) -> int | None:
        return self._gap_offset if self._gap_limit == self.end_offset else None

    def _count(self) -> int:
        return max(self.end_offset - self.start_offset, 1) if len(self._in_flight) else 0

    def can_acquire(self, most_locks: int) -> bool:
        """Return whether records may be acquired, as far as the limit of records in flight goes."""
        return self._is_fresh or self.next_offset != self.end_offset or self._count() < most_locks

    # Acquire

    def acquire(
        self,
        member_id: str,
        batches: Sequence[tuple[int, int]],
        *,
        from_offset: int,
        max_records: int,
        batch_size: int,
        mode: AcquireMode,
        config: Limits,
        now: float,
    ) -> list[Acquired]:
        """Acquire what is available of record batches, given by their first and last offsets.

        They were read from ``from_offset`` on: what is missing before the first one was compacted. ``batch_size`` is
        the number of records at which what is new is cut, at the end of a record batch.
        """
        if not batches:
            return []
        last = batches[-1][1]
        left = min(max_records, config.partition_max_record_locks - self._count())
        if left <= 0:
            if from_offset >= self.end_offset:
                return []
            left = min(max_records, self.end_offset - from_offset)
            last = min(last, self.end_offset - 1)
        if left <= 0:
            return []
        return _Acquisition(self, member_id, batches, batch_size, mode, config, now).run(from_offset, last, left)

    def forget_compacted(self, from_offset: int, first_offset: int) -> None:
        """Archive what is available before the first offset that a read brought: it does not exist any more."""
        if from_offset < first_offset:
            self._archive(from_offset, first_offset - 1, RecordState.AVAILABLE)

    @property
    def in_flight(self) -> InFlightBatches:
        """What was handed out and is not finished; for the steps of an acquisition."""
        return self._in_flight

    def add(self, batch: InFlightBatch, *, has_available: bool = False) -> None:
        """Add a batch that was read for the first time."""
        self._in_flight.add(batch)
        self._may_have_available = self._may_have_available or has_available

    def extend(self, first: int, last: int, acquired_to: int) -> None:
        """Note that a range was added, and up to where it was acquired."""
        if self._in_flight.first.first_offset == first:
            self.start_offset = first
        self.end_offset = max(self.end_offset, last + 1)
        self.fill_gap(acquired_to + 1)

    def fill_gap(self, offset: int) -> None:
        """Note that everything before an offset has been acquired since the state was read."""
        if self._gap_offset is not None:
            self._gap_offset = offset if self._gap is not None and offset < self._gap_limit else None

    @property
    def has_gap(self) -> bool:
        """Whether offsets may be missing among those of the state that was read."""
        return self._gap is not None

    def withhold(self, first: int, last: int) -> None:
        """Archive acquired offsets that must not be delivered: they belong to an aborted transaction."""
        self._archive(first, last, RecordState.ACQUIRED)
        self._move_start()

    def _archive(self, first: int, last: int, state: RecordState) -> None:
        for batch in self._in_flight.overlapping(first, last):
            shared = batch.shared
            if shared is not None and batch.is_within(first, last):
                if shared.state is state:
                    shared.leave(RecordState.ARCHIVED)
                continue
            if shared is not None:
                if shared.state is not state:
                    continue
                batch.split()
            for _, own in batch.own_states(first, last):
                if own.state is state:
                    own.leave(RecordState.ARCHIVED)

    # Acknowledge, release, expire

    def acknowledge(
        self, member_id: str, acknowledgements: Iterable[Acknowledgement], *, config: Limits, now: float
    ) -> Change:
        """Begin to take over what a member says of records that it has acquired. Raises AcknowledgeRefusedError."""
        change = Change(self.start_offset)
        try:
            for each in acknowledgements:
                if each.last >= self.start_offset:
                    for first, last, state in self._acknowledged(member_id, each):
                        kind = each.type_of(max(first, each.first))
                        if kind is AcknowledgeType.RENEW:
                            state.deadline = now + config.record_lock_duration
                            continue
                        _leave(first, last, state, _BECOMES[kind], config, change)
        except AcknowledgeRefusedError:
            self.take_back(change)
            raise
        return self._counted(change)

    def _acknowledged(self, member_id: str, each: Acknowledgement) -> Iterator[tuple[int, int, InFlightState]]:
        """Yield the units that an acknowledgement is about, each checked. Raises AcknowledgeRefusedError."""
        for batch in self._named(each):
            if batch.last_offset < self.start_offset:
                continue
            shared = batch.shared
            if shared is not None:
                _check(shared, member_id, "batch")
                is_whole = batch.is_within(each.first, each.last) and batch.first_offset >= self.start_offset
                if is_whole and len(each.types) == 1:
                    yield batch.first_offset, batch.last_offset, shared
                    continue
                batch.split()
            for offset, state in batch.own_states(max(each.first, self.start_offset), each.last):
                _check(state, member_id, "offset")
                yield offset, offset, state

    def _named(self, each: Acknowledgement) -> list[InFlightBatch]:
        floor = self._in_flight.floor(each.first)
        if floor is None:
            if each.first < self.start_offset <= each.last:
                floor = self._in_flight.floor(self.start_offset)
            if floor is None:
                raise AcknowledgeRefusedError(
                    ErrorCode.INVALID_RECORD_STATE,
                    "Batch record not found. The request batch offsets are not found in the cache.",
                )
        batches = self._in_flight.between(floor.first_offset, each.last)
        for end, offset in (("first", each.first), ("last", each.last)):
            if offset > batches[-1].last_offset:
                raise AcknowledgeRefusedError(
                    ErrorCode.INVALID_REQUEST,
                    f"Batch record not found. The {end} offset in request is past acquired records.",
                )
        return batches

    def release(self, member_id: str, *, config: Limits) -> Change:
        """Begin to make available what a member has acquired, because its session has ended."""
        change = Change(self.start_offset)
        for batch in self._in_flight:
            self._release(batch, config, change, lambda state: state.member == member_id)
        return self._counted(change)

    def expire(self, now: float, *, config: Limits) -> Change:
        """Begin to make available what was locked until now."""
        change = Change(self.start_offset)
        for batch in self._in_flight:
            self._release(batch, config, change, lambda state: state.deadline <= now)
        return self._counted(change)

    def _release(
        self, batch: InFlightBatch, config: Limits, change: Change, is_due: Callable[[InFlightState], bool]
    ) -> None:
        shared = batch.shared
        is_partly_finished = batch.first_offset < self.start_offset <= batch.last_offset
        if shared is not None and is_partly_finished and shared.state is RecordState.ACQUIRED and is_due(shared):
            batch.split()
        for first, last, state in batch.states():
            if state.state is RecordState.ACQUIRED and is_due(state):
                becomes = RecordState.ARCHIVED if last < self.start_offset else RecordState.AVAILABLE
                _leave(first, last, state, becomes, config, change)

    def _counted(self, change: Change) -> Change:
        if change.batches:
            change.delivery_complete_count += self.delivery_complete_count
        return change

    def commit(self, change: Change) -> None:
        """Complete a change once it is recorded."""
        for last, state, becomes in change.units:
            # The log may begin later by now.
            is_before = becomes is RecordState.AVAILABLE and last < self.start_offset
            state.leave(RecordState.ARCHIVED if is_before else becomes)
            if state.state is RecordState.AVAILABLE:
                change.made_available = self._may_have_available = True
        change.has_moved = bool(change.units) and self._move_start()

    def take_back(self, change: Change) -> None:
        """Leave the records of a change with their members: it could not be recorded."""
        for _, state, _ in change.units:
            state.state = RecordState.ACQUIRED

    def next_deadline(self) -> float | None:
        """Return when :meth:`expire` must be called, None while nothing is locked."""
        return min(
            (
                state.deadline
                for batch in self._in_flight
                for _, _, state in batch.states()
                if state.state is RecordState.ACQUIRED
            ),
            default=None,
        )

    # The start offset

    def archive_before(self, offset: int) -> bool:
        """Begin where the log begins now, and return whether that changes anything.

        What is available before is archived; what is acquired stays so until its lock ends. Nothing is recorded.
        """
        if offset <= self.start_offset:
            return False
        self._archive(self.start_offset, offset - 1, RecordState.AVAILABLE)
        self.start_offset = offset
        if not len(self._in_flight) or self.end_offset <= offset:
            self.end_offset = offset
            self._gap_offset = None
        return True

    def _move_start(self) -> bool:
        """Move the start offset behind what is finished, and return whether it has moved."""
        at = None if not len(self._in_flight) else self._in_flight.floor(self.start_offset)
        if at is None or not at.state_at(min(self.start_offset, at.last_offset)).is_finished:
            return False
        finished = self._last_finished()
        if finished is None:
            return False
        if finished == self._in_flight.last.last_offset:
            self.start_offset = self.end_offset = finished + 1
            self._in_flight.clear()
            return True
        batch = self._in_flight.floor(finished)
        assert batch is not None
        if finished == batch.last_offset:
            following = self._in_flight.after(finished)
            assert following is not None
            self.start_offset = max(self.start_offset, following.first_offset)
            if self._gap is not None:
                self.start_offset = min(self._gap, self.start_offset)
            self._in_flight.remove_before(finished + 1)
        else:
            self.start_offset = max(self.start_offset, finished + 1)
            self._in_flight.remove_before(batch.first_offset)
        return True

    def _last_finished(self) -> int | None:
        finished: int | None = None
        gap = self._gap
        for batch in self._in_flight:
            if gap is not None and batch.last_offset >= gap:
                return finished
            for _, last, state in batch.states():
                if not state.is_finished:
                    return finished
                finished = last
        return finished


class _Acquisition:
    """One call of :meth:`SharePartition.acquire`."""

    def __init__(
        self,
        share: SharePartition,
        member_id: str,
        batches: Sequence[tuple[int, int]],
        batch_size: int,
        mode: AcquireMode,
        config: Limits,
        now: float,
    ) -> None:
        self._share = share
        self._member_id = member_id
        self._batches = batches
        self._batch_size = batch_size
        self._keeps_limit = mode is AcquireMode.RECORD_LIMIT
        self._most_deliveries = config.delivery_count_limit
        self._throttled_at = max(-(-config.delivery_count_limit // 2), _LEAST_THROTTLED_AT)
        self._deadline = now + config.record_lock_duration
        self._acquired: list[Acquired] = []
        self._left = 0

    def run(self, from_offset: int, last: int, left: int) -> list[Acquired]:
        share, first = self._share, self._batches[0][0]
        share.forget_compacted(from_offset, first)
        self._left = left
        begin = first if share.in_flight.floor(first) is not None else max(first, share.start_offset)
        known = share.in_flight.overlapping(begin, last)
        begin = min(begin, known[0].first_offset) if known else begin
        if not known:
            self._acquire_new(begin, last)
            return self._acquired
        after = known[-1].last_offset
        for batch in known:
            if self._left > 0 and share.has_gap:
                if begin < batch.first_offset:
                    self._acquire_new(begin, batch.first_offset - 1)
                begin = batch.last_offset + 1
            if self._left <= 0 or not self._acquire_known(batch, first, last):
                break
        else:
            if self._left > 0 and after < last:
                self._acquire_new(after + 1, last)
        if self._acquired:
            share.fill_gap(self._acquired[-1].last + 1)
        return self._acquired

    def _take(self, acquired: Acquired) -> None:
        self._acquired.append(acquired)
        self._left -= len(acquired)

    def _take_offset(self, offset: int, delivery_count: int, *, joins: bool) -> None:
        """Add one offset, which may join the range that was taken before it from the same batch."""
        before = self._acquired[-1] if joins else None
        if before is not None and (before.last + 1, before.delivery_count) == (offset, delivery_count):
            self._acquired[-1] = Acquired(before.first, offset, delivery_count)
            self._left -= 1
        else:
            self._take(Acquired(offset, offset, delivery_count))

    def _acquire_known(self, batch: InFlightBatch, first: int, last: int) -> bool:
        """Acquire what is available of a batch; return whether to go on with the next one."""
        shared = batch.shared
        is_throttled = self._is_throttled(batch, first, last)
        if is_throttled and self._acquired:
            return False
        is_too_large = self._keeps_limit and len(batch) > self._left
        if shared is None or is_throttled or is_too_large or not batch.is_within(first, last):
            if shared is not None:
                if shared.state is not RecordState.AVAILABLE:
                    return True
                batch.split()
            return not (self._acquire_offsets(batch, first, last) and is_throttled)
        if shared.state is RecordState.AVAILABLE:
            shared.acquire(self._member_id, self._deadline)
            self._take(Acquired(batch.first_offset, batch.last_offset, shared.delivery_count))
        return True

    def _is_throttled(self, batch: InFlightBatch, first: int, last: int) -> bool:
        shared = batch.shared
        if shared is not None:
            return shared.state is RecordState.AVAILABLE and shared.delivery_count >= self._throttled_at
        return any(
            state.state is RecordState.AVAILABLE and state.delivery_count >= self._throttled_at
            for _, state in batch.own_states(first, last)
        )

    def _acquire_offsets(self, batch: InFlightBatch, first: int, last: int) -> int:
        """Acquire offset by offset, and return how many. Those that keep failing are delivered in small portions."""
        count, most, limit = 0, 0, self._left
        for offset, state in batch.own_states(first, last):
            if state.state is not RecordState.AVAILABLE:
                continue
            is_last_delivery = self._most_deliveries > _LEAST_THROTTLED_AT and (
                state.delivery_count == self._most_deliveries - 1
            )
            if is_last_delivery and count:
                break
            if state.delivery_count >= self._throttled_at and not most:
                most = max(len(batch) >> (state.delivery_count - self._throttled_at + 1), 1)
            state.acquire(self._member_id, self._deadline)
            self._take_offset(offset, state.delivery_count, joins=count > 0)
            count += 1
            if is_last_delivery or (self._keeps_limit and count == limit) or count == most:
                break
        return count

    def _acquire_new(self, first: int, last: int) -> None:
        """Acquire offsets of which nothing is known."""
        share, limit = self._share, self._left
        if not len(share.in_flight):
            first = max(first, share.end_offset)
        end = last
        if limit < end - first + 1:
            end = self._end_of_batch(first + limit - 1)
            if share.has_gap:
                end = min(end, last)
        if self._keeps_limit and end - first + 1 > limit:
            acquired_to = first + limit - 1
            batch = InFlightBatch(first, end, InFlightState(RecordState.AVAILABLE, 0))
            batch.split()
            for _, state in batch.own_states(first, acquired_to):
                state.acquire(self._member_id, self._deadline)
            share.add(batch, has_available=True)
            self._take(Acquired(first, acquired_to, 1))
        else:
            acquired_to = end
            for begin, finish in [(first, end)] if self._keeps_limit else self._cut(first, end):
                state = InFlightState(RecordState.ACQUIRED, 1, self._member_id, self._deadline)
                share.add(InFlightBatch(begin, finish, state))
                self._take(Acquired(begin, finish, 1))
        share.extend(first, end, acquired_to)

    def _end_of_batch(self, offset: int) -> int:
        at = bisect_right(self._batches, offset, key=lambda batch: batch[0])
        return max(self._batches[at - 1][1], offset) if at else offset

    def _cut(self, first: int, last: int) -> list[tuple[int, int]]:
        pieces: list[tuple[int, int]] = []
        if last - first + 1 > self._batch_size:
            for begin, _ in self._batches:
                if begin > last:
                    break
                if begin - first >= self._batch_size:
                    pieces.append((first, begin - 1))
                    first = begin
        return [*pieces, (first, last)]


def _leave(first: int, last: int, state: InFlightState, becomes: RecordState, config: Limits, change: Change) -> None:
    """Begin to take a record from its member. One that was delivered too often is archived, not released."""
    if becomes is RecordState.AVAILABLE and state.delivery_count >= config.delivery_count_limit:
        becomes = RecordState.ARCHIVED
    change.add(first, last, state, becomes)


def _check(state: InFlightState, member_id: str, what: str) -> None:
    if state.state is not RecordState.ACQUIRED:
        raise AcknowledgeRefusedError(
            ErrorCode.INVALID_RECORD_STATE,
            f"The {what} cannot be acknowledged. The {what} is not "
            + ("acquired." if what == "offset" else "in the acquired state."),
        )
    if state.member != member_id:
        raise AcknowledgeRefusedError(
            ErrorCode.INVALID_RECORD_STATE,
            "Member is not the owner of " + ("offset" if what == "offset" else "batch record"),
        )

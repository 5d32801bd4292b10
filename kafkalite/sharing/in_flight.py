"""The records of a share partition between the first and the last that was handed out, and what became of each.

Offsets that were acquired together share one :class:`InFlightState`, until something happens to only some of them; then
each offset of the batch has its own. A response reports acquired records in these units, as Kafka's does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

NO_MEMBER: Final = ""
"""The owner of records that no member holds."""


class RecordState(IntEnum):
    """The state of a record in a share group, with the numbers that are stored."""

    CHANGING = -1
    """It was acquired, and what becomes of it is being recorded. Never stored."""
    AVAILABLE = 0
    ACQUIRED = 1
    ACKNOWLEDGED = 2
    ARCHIVED = 4


FINISHED: Final = frozenset((RecordState.ACKNOWLEDGED, RecordState.ARCHIVED))
"""The states of records that are never delivered again."""


class InFlightState:
    """The state of one record, or of all records of a batch."""

    __slots__ = ("deadline", "delivery_count", "member", "state")

    def __init__(self, state: RecordState, delivery_count: int, member: str = NO_MEMBER, deadline: float = 0.0) -> None:
        self.state = state
        self.delivery_count = delivery_count
        self.member = member
        self.deadline = deadline
        """When the lock of an acquired record ends: monotonic seconds."""

    @property
    def is_finished(self) -> bool:
        """Whether the record is never delivered again."""
        return self.state in FINISHED

    def acquire(self, member: str, deadline: float) -> None:
        """Hand the record to a member, which holds it until the deadline."""
        self.state = RecordState.ACQUIRED
        self.delivery_count += 1
        self.member = member
        self.deadline = deadline

    def leave(self, state: RecordState) -> None:
        """Take an acquired record from its member."""
        self.state = state
        self.member = NO_MEMBER

    def copy(self) -> InFlightState:
        """Return a copy."""
        return InFlightState(self.state, self.delivery_count, self.member, self.deadline)


class InFlightBatch:
    """Offsets that were acquired together, both ends included."""

    __slots__ = ("_offsets", "_shared", "first_offset", "last_offset")

    def __init__(self, first_offset: int, last_offset: int, shared: InFlightState) -> None:
        self.first_offset = first_offset
        self.last_offset = last_offset
        self._shared: InFlightState | None = shared
        self._offsets: list[InFlightState] = []

    @property
    def shared(self) -> InFlightState | None:
        """The state of all offsets, None if each has its own."""
        return self._shared

    def split(self) -> None:
        """Split the state, so that each offset has its own."""
        shared, self._shared = self._shared, None
        if shared is not None:
            self._offsets = [shared.copy() for _ in range(self.first_offset, self.last_offset + 1)]

    def is_within(self, first_offset: int, last_offset: int) -> bool:
        """Return whether a range contains the whole batch."""
        return first_offset <= self.first_offset and self.last_offset <= last_offset

    def states(self) -> Iterator[tuple[int, int, InFlightState]]:
        """Yield first offset, last offset and state of each unit."""
        if self._shared is not None:
            yield self.first_offset, self.last_offset, self._shared
        else:
            for offset, state in enumerate(self._offsets, self.first_offset):
                yield offset, offset, state

    def own_states(self, first_offset: int, last_offset: int) -> Iterator[tuple[int, InFlightState]]:
        """Yield the offsets of a split batch that are in a range, with their states."""
        first = max(first_offset, self.first_offset)
        for offset in range(first, min(last_offset, self.last_offset) + 1):
            yield offset, self._offsets[offset - self.first_offset]

    def state_at(self, offset: int) -> InFlightState:
        """Return the state of an offset of the batch."""
        return self._offsets[offset - self.first_offset] if self._shared is None else self._shared

    def __len__(self) -> int:
        return self.last_offset - self.first_offset + 1


class InFlightBatches:
    """The batches in the order of their offsets; they do not overlap, and there may be gaps."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._batches: list[InFlightBatch] = []

    def __iter__(self) -> Iterator[InFlightBatch]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def first(self) -> InFlightBatch:
        """The first batch; there must be one."""
        return self._batches[0]

    @property
    def last(self) -> InFlightBatch:
        """The last batch; there must be one."""
        return self._batches[-1]

    def add(self, batch: InFlightBatch) -> None:
        """Add a batch where none is."""
        at = bisect_right(self._firsts, batch.first_offset)
        self._firsts.insert(at, batch.first_offset)
        self._batches.insert(at, batch)

    def floor(self, offset: int) -> InFlightBatch | None:
        """Return the last batch that begins at or before an offset."""
        at = bisect_right(self._firsts, offset)
        return self._batches[at - 1] if at else None

    def after(self, offset: int) -> InFlightBatch | None:
        """Return the first batch that begins after an offset."""
        at = bisect_right(self._firsts, offset)
        return self._batches[at] if at < len(self._batches) else None

    def between(self, first_offset: int, last_offset: int) -> list[InFlightBatch]:
        """Return the batches that begin in a range of offsets, both ends included."""
        return self._batches[bisect_left(self._firsts, first_offset) : bisect_right(self._firsts, last_offset)]

    def overlapping(self, first_offset: int, last_offset: int) -> list[InFlightBatch]:
        """Return the batches that have an offset in a range, both ends included."""
        before = self.floor(first_offset)
        begin = first_offset if before is None or before.last_offset < first_offset else before.first_offset
        return self.between(begin, last_offset)

    def remove_before(self, first_offset: int) -> None:
        """Remove the batches that begin before an offset."""
        at = bisect_left(self._firsts, first_offset)
        del self._firsts[:at]
        del self._batches[:at]

    def clear(self) -> None:
        """Remove all batches."""
        self._firsts.clear()
        self._batches.clear()

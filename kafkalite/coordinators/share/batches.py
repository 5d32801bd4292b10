"""One list of state batches from two: what is kept of a share partition, and what its leader writes.

Where batches overlap, the one with the higher delivery count counts, and of two with the same count the one with the
higher delivery state. So a write that comes twice, or late, takes nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Final

from kafkalite_wire.messages.share_state_records import StateBatch

NO_OFFSET: Final = -1
"""The start offset of a group that has not begun to read, and in an update of one that has not changed."""


def combined(kept: Iterable[StateBatch], written: Iterable[StateBatch], start_offset: int) -> tuple[StateBatch, ...]:
    """Return batches that do not overlap, by offset, neighbours with the same state joined; none before the start.

    A start offset of -1 removes nothing. A single batch is returned as it is.
    """
    batches = [*_from(start_offset, kept), *_from(start_offset, written)]
    if len(batches) < 2:
        return tuple(batches)
    starting = sorted(batches, key=lambda batch: batch.first_offset, reverse=True)
    result: list[StateBatch] = []
    started: list[tuple[int, int, int]] = []  # delivery count and state, negated: the smallest is the one that counts
    position = starting[-1].first_offset
    while starting or started:
        if not started:
            position = starting[-1].first_offset
        while starting and starting[-1].first_offset <= position:
            batch = starting.pop()
            heappush(started, (-batch.delivery_count, -batch.delivery_state, batch.last_offset))
        count, state, last = started[0]
        if last < position:
            heappop(started)
            continue
        # It counts until it ends, or until another starts that may count more.
        end = min(last, starting[-1].first_offset - 1) if starting else last
        _append(result, position, end, -state, -count)
        position = end + 1
    return tuple(result)


def _from(start_offset: int, batches: Iterable[StateBatch]) -> Iterable[StateBatch]:
    for batch in batches:
        if start_offset == NO_OFFSET or batch.first_offset >= start_offset:
            yield batch
        elif batch.last_offset >= start_offset:
            yield replace(batch, first_offset=start_offset)


def _append(result: list[StateBatch], first: int, last: int, state: int, count: int) -> None:
    if result:
        before = result[-1]
        if (before.last_offset + 1, before.delivery_state, before.delivery_count) == (first, state, count):
            result[-1] = replace(before, last_offset=last)
            return
    result.append(StateBatch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count))

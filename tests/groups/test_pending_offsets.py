"""Offsets of transactions that overlap: the one that was written last counts, whichever transaction ends last."""

from __future__ import annotations

from itertools import permutations

import pytest

from kafkalite.coordinators.groups.offset_table import CommittedOffset, PendingOffsets
from kafkalite.coordinators.groups.records import committed_offset, live, write_offset
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import ResultBuilder
from kafkalite.requests.steps import WorkMeter, finish
from kafkalite_wire.messages.coordinator_records import OffsetCommitValue

KEY = ("readers", "orders", 0)
COMMIT_KEY = b"\x00\x00\x00\x01"
ABORT_KEY = b"\x00\x00\x00\x00"


def everything(_: str) -> bool:
    return True


def unexpected(record: ReplayedRecord, reason: str) -> None:
    raise AssertionError((record, reason))


def record_of(offset_to_commit: int, *, at: int, producer_id: int) -> ReplayedRecord:
    result = ResultBuilder(0.0, 0)
    write_offset(*KEY, CommittedOffset(offset=offset_to_commit, commit_timestamp=0), result)
    ((_, key, value, _),) = result.build().records
    return ReplayedRecord(key=key, value=value, offset=at, producer_id=producer_id, producer_epoch=0)


def end_of(producer_id: int, key: bytes, *, at: int) -> ReplayedRecord:
    return ReplayedRecord(key=key, value=b"", offset=at, producer_id=producer_id, producer_epoch=0, is_control=True)


@pytest.mark.parametrize("ends", list(permutations((1, 2, 3))))
def test_the_offset_that_was_written_last_counts(ends: tuple[int, ...]) -> None:
    pending = PendingOffsets()
    for producer_id in (1, 2, 3):
        pending.put(producer_id, KEY, CommittedOffset(offset=producer_id * 10, commit_timestamp=0))
    committed = [offset.offset for each in ends for offset in pending.commit(each, everything).values()]
    assert committed == sorted(committed)
    assert committed[-1] == 30
    assert not pending


def test_an_aborted_offset_replaces_nothing() -> None:
    pending = PendingOffsets()
    for producer_id in (1, 2):
        pending.put(producer_id, KEY, CommittedOffset(offset=producer_id * 10, commit_timestamp=0))
    pending.drop(2, everything)
    assert pending.commit(1, everything)[KEY].offset == 10


@pytest.mark.parametrize("ends", list(permutations((1, 2, 3))))
def test_the_offset_that_was_written_last_counts_after_a_restart(ends: tuple[int, ...]) -> None:
    records = [record_of(producer_id * 10, at=producer_id, producer_id=producer_id) for producer_id in (1, 2, 3)]
    for number, producer_id in enumerate(ends):
        records.append(
            ReplayedRecord(
                key=COMMIT_KEY,
                value=b"",
                offset=10 + number,
                producer_id=producer_id,
                producer_epoch=0,
                is_control=True,
            )
        )
    ((_, value, _),) = finish(live(records, unexpected, WorkMeter())).last
    assert isinstance(value, OffsetCommitValue)
    assert committed_offset(value).offset == 30


def test_what_is_still_pending_after_a_restart_keeps_its_order() -> None:
    records = [record_of(producer_id * 10, at=9 - producer_id, producer_id=producer_id) for producer_id in (1, 2, 3)]
    records.append(end_of(2, ABORT_KEY, at=10))
    found = finish(live(sorted(records, key=lambda record: record.offset), unexpected, WorkMeter()))
    assert [producer_id for producer_id, _, _ in found.pending] == [3, 1]

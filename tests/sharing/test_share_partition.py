"""The records of a partition as a share group has them: what each request does in each state."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
from kafkalite.sharing.in_flight import RecordState
from kafkalite.sharing.share_partition import (
    Acknowledgement,
    AcknowledgeRefusedError,
    AcknowledgeType,
    Acquired,
    AcquireMode,
    Change,
    SharePartition,
)
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_state_records import StateBatch

CONFIG = ShareGroupConfig(record_lock_duration=30.0, delivery_count_limit=5)
GAP, ACCEPT, RELEASE, REJECT, RENEW = AcknowledgeType
AVAILABLE, ACQUIRED, ACKNOWLEDGED, ARCHIVED = map(RecordState, (0, 1, 2, 4))


def acquire(
    share: SharePartition,
    member: str = "a",
    *,
    records: int = 10,
    most: int = 500,
    mode: AcquireMode = AcquireMode.BATCH_OPTIMIZED,
    of_batch: int = 5,
    now: float = 0.0,
) -> list[Acquired]:
    """Acquire from a log of so many records, in batches of five."""
    offset = share.next_offset
    first = offset - offset % of_batch
    batches = [(base, base + of_batch - 1) for base in range(first, records, of_batch)]
    return share.acquire(
        member, batches, from_offset=offset, max_records=most, batch_size=500, mode=mode, config=CONFIG, now=now
    )


def say(share: SharePartition, kind: AcknowledgeType, first: int, last: int, member: str = "a") -> Change:
    return committed(share, share.acknowledge(member, [Acknowledgement(first, last, (kind,))], config=CONFIG, now=0.0))


def committed(share: SharePartition, change: Change) -> Change:
    share.commit(change)
    return change


def batch(first: int, last: int, state: RecordState, count: int) -> StateBatch:
    return StateBatch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)


def states(share: SharePartition) -> dict[int, RecordState]:
    """Return the states of the offsets in flight from the start offset on."""
    return {
        offset: state.state
        for each in share.in_flight
        for first, last, state in each.states()
        for offset in range(max(first, share.start_offset), last + 1)
    }


def test_all_of_a_log_is_acquired_once() -> None:
    share = SharePartition(0)
    assert acquire(share) == [Acquired(0, 9, 1)]
    assert acquire(share, "b") == []
    assert (share.start_offset, share.end_offset) == (0, 10)


def test_the_limit_extends_to_the_end_of_a_batch_unless_it_is_strict() -> None:
    assert acquire(SharePartition(0), most=3) == [Acquired(0, 4, 1)]
    assert acquire(SharePartition(0), most=3, mode=AcquireMode.RECORD_LIMIT) == [Acquired(0, 2, 1)]


def test_what_was_not_acquired_is_left_for_others() -> None:
    share = SharePartition(0)
    acquire(share, most=3, mode=AcquireMode.RECORD_LIMIT)
    assert share.next_offset == 3
    assert acquire(share, "b") == [Acquired(3, 4, 1), Acquired(5, 9, 1)]


def test_new_records_are_cut_at_the_ends_of_batches() -> None:
    share = SharePartition(0)
    batches = [(base, base + 4) for base in range(0, 20, 5)]
    acquired = share.acquire(
        "a",
        batches,
        from_offset=0,
        max_records=500,
        batch_size=6,
        mode=AcquireMode.BATCH_OPTIMIZED,
        config=CONFIG,
        now=0.0,
    )
    assert acquired == [Acquired(0, 9, 1), Acquired(10, 19, 1)]


@pytest.mark.parametrize(
    ("kind", "becomes", "is_recorded"),
    [
        (GAP, ARCHIVED, True),
        (ACCEPT, ACKNOWLEDGED, True),
        (RELEASE, AVAILABLE, True),
        (REJECT, ARCHIVED, True),
        (RENEW, ACQUIRED, False),
    ],
)
def test_what_an_acknowledgement_makes_of_acquired_records(
    kind: AcknowledgeType, becomes: RecordState, *, is_recorded: bool
) -> None:
    share = SharePartition(0)
    acquire(share)
    change = say(share, kind, 3, 4)
    assert {offset for offset, state in states(share).items() if state is becomes} >= {3, 4}
    assert change.batches == ([batch(3, 4, becomes, 1)] if is_recorded else [])


@pytest.mark.parametrize("kind", list(AcknowledgeType))
@pytest.mark.parametrize("before", [ACCEPT, RELEASE, REJECT])
def test_what_is_not_acquired_cannot_be_acknowledged(kind: AcknowledgeType, before: AcknowledgeType) -> None:
    share = SharePartition(0)
    acquire(share)
    say(share, before, 3, 4)
    known = states(share)
    with pytest.raises(AcknowledgeRefusedError) as refused:
        say(share, kind, 2, 4)
    assert refused.value.error is ErrorCode.INVALID_RECORD_STATE
    assert states(share) == known


@pytest.mark.parametrize("kind", list(AcknowledgeType))
def test_another_member_cannot_acknowledge(kind: AcknowledgeType) -> None:
    share = SharePartition(0)
    acquire(share)
    with pytest.raises(AcknowledgeRefusedError) as refused:
        say(share, kind, 0, 9, "b")
    assert refused.value.error is ErrorCode.INVALID_RECORD_STATE


def test_what_was_never_delivered_is_an_invalid_request() -> None:
    share = SharePartition(0)
    acquire(share)
    with pytest.raises(AcknowledgeRefusedError) as refused:
        say(share, ACCEPT, 5, 10)
    assert refused.value.error is ErrorCode.INVALID_REQUEST


def test_what_lies_before_the_start_is_ignored() -> None:
    share = SharePartition(0)
    acquire(share)
    say(share, ACCEPT, 0, 4)
    assert not say(share, ACCEPT, 0, 4).batches
    assert say(share, ACCEPT, 3, 6).batches == [batch(5, 6, ACKNOWLEDGED, 1)]


def test_the_start_moves_over_a_finished_head_only() -> None:
    share = SharePartition(0)
    acquire(share)
    assert not say(share, ACCEPT, 2, 4).has_moved
    assert (share.start_offset, share.delivery_complete_count) == (0, 3)
    assert say(share, REJECT, 0, 1).has_moved
    assert (share.start_offset, share.delivery_complete_count) == (5, 0)


def test_types_for_each_record() -> None:
    share = SharePartition(0)
    acquire(share, records=5)
    types = (ACCEPT, RELEASE, RELEASE, REJECT, RENEW)
    committed(share, share.acknowledge("a", [Acknowledgement(0, 4, types)], config=CONFIG, now=0.0))
    assert states(share) == {1: AVAILABLE, 2: AVAILABLE, 3: ARCHIVED, 4: ACQUIRED}


def test_locks_end_and_can_be_renewed() -> None:
    share = SharePartition(0)
    acquire(share, records=5)
    share.acknowledge("a", [Acknowledgement(0, 1, (RENEW,))], config=CONFIG, now=20.0)
    assert share.next_deadline() == 30.0
    committed(share, share.expire(30.0, config=CONFIG))
    assert states(share) == {0: ACQUIRED, 1: ACQUIRED, 2: AVAILABLE, 3: AVAILABLE, 4: AVAILABLE}
    assert share.next_deadline() == 50.0


def test_the_end_of_a_session_releases_what_its_member_has() -> None:
    share = SharePartition(0)
    acquire(share, "a", most=3, mode=AcquireMode.RECORD_LIMIT)
    acquire(share, "b")
    committed(share, share.release("a", config=CONFIG))
    assert acquire(share, "c") == [Acquired(0, 2, 2)]


def test_a_record_is_archived_when_it_was_delivered_too_often() -> None:
    share = SharePartition(0)
    counts: list[int] = []
    while acquired := acquire(share, records=1, of_batch=1):
        counts += [each.delivery_count for each in acquired]
        say(share, RELEASE, 0, 0)
    assert counts == [1, 2, 3, 4, 5]
    assert share.start_offset == 1


def test_records_that_fail_again_come_in_ever_smaller_pieces() -> None:
    share = SharePartition(0)
    sizes: list[int] = []
    for _ in range(4):
        (acquired,) = acquire(share, records=8, of_batch=8)
        sizes.append(acquired.last - acquired.first + 1)
        say(share, RELEASE, acquired.first, acquired.last)
    assert sizes == [8, 8, 8, 4]


def test_records_in_flight_are_limited() -> None:
    share = SharePartition(0)
    assert share.can_acquire(10)
    acquire(share)
    assert not share.can_acquire(10)
    say(share, ACCEPT, 5, 5)
    assert not share.can_acquire(10), "what is finished behind the start counts too"
    say(share, ACCEPT, 0, 0)
    assert share.can_acquire(10)


def test_a_log_that_begins_later_archives_what_is_gone() -> None:
    share = SharePartition(0)
    acquire(share, most=4, mode=AcquireMode.RECORD_LIMIT)
    say(share, RELEASE, 2, 3)
    assert share.archive_before(3)
    assert not share.archive_before(3)
    assert states(share) == {3: AVAILABLE, 4: AVAILABLE}
    assert not say(share, ACCEPT, 0, 1).batches
    assert share.archive_before(20)
    assert (share.start_offset, share.end_offset) == (20, 20)


def test_offsets_that_compaction_has_removed_hold_up_nothing() -> None:
    share = SharePartition(0)
    share.acquire(
        "a",
        [(7, 9)],
        from_offset=0,
        max_records=500,
        batch_size=500,
        mode=AcquireMode.BATCH_OPTIMIZED,
        config=CONFIG,
        now=0.0,
    )
    say(share, ACCEPT, 7, 9)
    assert share.start_offset == 10


def test_a_state_is_taken_up_where_it_ended() -> None:
    batches = (batch(2, 3, ACKNOWLEDGED, 1), batch(6, 6, AVAILABLE, 2))
    share = SharePartition(0, batches)
    assert states(share) == {2: ACKNOWLEDGED, 3: ACKNOWLEDGED, 6: AVAILABLE}
    assert acquire(share, records=7, of_batch=7) == [Acquired(0, 1, 1), Acquired(4, 5, 1), Acquired(6, 6, 3)]


def test_neighbours_that_become_the_same_are_recorded_as_one() -> None:
    share = SharePartition(0)
    acquire(share)
    types = (ACCEPT, ACCEPT, ACCEPT, RELEASE, RELEASE, ACCEPT, ACCEPT, ACCEPT, ACCEPT, ACCEPT)
    change = committed(share, share.acknowledge("a", [Acknowledgement(0, 9, types)], config=CONFIG, now=0.0))
    assert change.batches == [batch(0, 2, ACKNOWLEDGED, 1), batch(3, 4, AVAILABLE, 1), batch(5, 9, ACKNOWLEDGED, 1)]
    assert (change.start_offset, share.start_offset) == (0, 3), "the start from before the change is recorded"


def test_records_of_an_aborted_transaction_do_not_hold_the_start_back() -> None:
    share = SharePartition(0)
    acquire(share)
    share.withhold(0, 3)
    assert share.start_offset == 4
    say(share, ACCEPT, 4, 9)
    assert share.start_offset == 10


@pytest.mark.parametrize(
    ("first", "last", "member", "message"),
    [
        (3, 12, "a", "Batch record not found. The last offset in request is past acquired records."),
        (12, 12, "a", "Batch record not found. The first offset in request is past acquired records."),
        (0, 9, "b", "Member is not the owner of batch record"),
    ],
)
def test_refusals_have_kafkas_messages(first: int, last: int, member: str, message: str) -> None:
    share = SharePartition(0)
    acquire(share)
    with pytest.raises(AcknowledgeRefusedError, match=f"^{message}$"):
        say(share, ACCEPT, first, last, member)


def test_nothing_counts_of_acknowledgements_of_which_one_is_refused() -> None:
    share = SharePartition(0)
    acquire(share, records=5)
    acquire(share)
    both = [Acknowledgement(0, 4, (ACCEPT,)), Acknowledgement(5, 12, (ACCEPT,))]
    with pytest.raises(AcknowledgeRefusedError):
        share.acknowledge("a", both, config=CONFIG, now=0.0)
    assert (share.start_offset, share.delivery_complete_count) == (0, 0)
    say(share, ACCEPT, 0, 4)
    assert share.start_offset == 5


# Changes that are being recorded


def accepted(share: SharePartition, first: int, last: int) -> Change:
    return share.acknowledge("a", [Acknowledgement(first, last, (ACCEPT,))], config=CONFIG, now=0.0)


def test_a_change_that_is_taken_back_leaves_the_records_with_their_member() -> None:
    share = SharePartition(0)
    acquire(share)
    before = states(share)
    change = share.acknowledge("a", [Acknowledgement(0, 2, (ACCEPT, RELEASE, REJECT))], config=CONFIG, now=0.0)
    assert change.delivery_complete_count == 2
    share.take_back(change)
    assert states(share) == before
    assert (share.start_offset, share.delivery_complete_count, share.next_offset) == (0, 0, 10)
    assert share.next_deadline() == CONFIG.record_lock_duration
    say(share, ACCEPT, 0, 9)
    assert share.start_offset == 10


def test_what_is_being_recorded_stays_where_it_is_until_then() -> None:
    share = SharePartition(0)
    acquire(share, most=5)
    released = share.acknowledge("a", [Acknowledgement(0, 4, (RELEASE,))], config=CONFIG, now=0.0)
    assert acquire(share, "b", records=5) == []
    with pytest.raises(AcknowledgeRefusedError):
        accepted(share, 0, 4)
    assert not share.expire(1000.0, config=CONFIG).batches
    assert not share.release("a", config=CONFIG).batches
    assert share.next_deadline() is None
    share.commit(released)
    assert acquire(share, "b", records=5) == [Acquired(0, 4, 2)]


def test_the_start_moves_when_changes_are_recorded_in_whatever_order() -> None:
    share = SharePartition(0)
    acquire(share)
    first, second = accepted(share, 0, 4), accepted(share, 5, 9)
    assert (first.delivery_complete_count, second.delivery_complete_count) == (5, 5)
    share.commit(second)
    assert (share.start_offset, share.delivery_complete_count) == (0, 5)
    share.commit(first)
    assert (first.has_moved, second.has_moved, share.start_offset) == (True, False, 10)


def test_records_whose_lock_ended_meanwhile_are_released_after_they_are_taken_back() -> None:
    share = SharePartition(0)
    acquire(share, records=5)
    change = accepted(share, 0, 4)
    share.take_back(change)
    committed(share, share.expire(CONFIG.record_lock_duration, config=CONFIG))
    assert acquire(share, "b", records=5) == [Acquired(0, 4, 2)]


def test_what_is_released_before_the_log_begins_by_then_is_not_delivered() -> None:
    share = SharePartition(0)
    acquire(share, records=5)
    change = share.acknowledge("a", [Acknowledgement(0, 4, (RELEASE,))], config=CONFIG, now=0.0)
    share.archive_before(5)
    share.commit(change)
    assert acquire(share, "b") == [Acquired(5, 9, 1)]

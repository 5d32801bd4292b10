"""Fetch sessions as KIP-227 tells them, driven by hand."""

from itertools import count

import pytest

from kafkalite.fetch.sessions import FINAL_EPOCH, INITIAL_EPOCH, FetchPartition, FetchPlan, FetchSessions
from kafkalite_wire.error_codes import ErrorCode


def partition(index: int, *, offset: int = 0) -> FetchPartition:
    return FetchPartition(
        topic="clicks",
        name="clicks",
        index=index,
        fetch_offset=offset,
        max_bytes=1000,
        current_leader_epoch=-1,
        last_fetched_epoch=-1,
    )


def sessions(slots: int = 10) -> FetchSessions:
    ids = count(100)
    return FetchSessions(slots, lambda: next(ids))


def start(cache: FetchSessions, *wanted: FetchPartition, now: float = 0.0) -> FetchPlan:
    return cache.plan(0, INITIAL_EPOCH, wanted, (), uses_ids=False, now=now)


def test_a_full_fetch_starts_a_session_and_the_next_names_only_what_changed() -> None:
    cache = sessions()
    first = start(cache, partition(0), partition(1))
    assert (first.session_id, first.incremental, len(first.partitions)) == (100, False, 2)

    second = cache.plan(100, 1, (partition(1, offset=7),), (), uses_ids=False, now=1.0)

    assert second.incremental
    assert [(p.index, p.fetch_offset) for p in second.partitions] == [(0, 0), (1, 7)]


def test_forgotten_partitions_are_read_no_more() -> None:
    cache = sessions()
    start(cache, partition(0), partition(1))
    plan = cache.plan(100, 1, (), [("clicks", 0)], uses_ids=False, now=1.0)
    assert [p.index for p in plan.partitions] == [1]


def test_a_session_without_partitions_ends() -> None:
    cache = sessions()
    start(cache, partition(0))
    plan = cache.plan(100, 1, (), [("clicks", 0)], uses_ids=False, now=1.0)
    assert (plan.session_id, plan.partitions, len(cache)) == (0, (), 0)


@pytest.mark.parametrize(
    ("session_id", "epoch", "uses_ids", "code"),
    [
        (999, 1, False, ErrorCode.FETCH_SESSION_ID_NOT_FOUND),
        (100, 2, False, ErrorCode.INVALID_FETCH_SESSION_EPOCH),
        (100, 1, True, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR),
    ],
)
def test_a_request_that_does_not_fit_its_session_is_refused(
    session_id: int, epoch: int, uses_ids: bool, code: ErrorCode
) -> None:
    cache = sessions()
    start(cache, partition(0))
    plan = cache.plan(session_id, epoch, (), (), uses_ids=uses_ids, now=1.0)
    assert (plan.error_code, plan.session_id, plan.partitions) == (code, 0, ())
    assert len(cache) == 1


def test_the_final_epoch_closes_the_session_and_fetches_outside_of_any() -> None:
    cache = sessions()
    start(cache, partition(0))
    plan = cache.plan(100, FINAL_EPOCH, (partition(3),), (), uses_ids=False, now=1.0)
    assert (plan.session_id, len(cache), [p.index for p in plan.partitions]) == (0, 0, [3])


def test_epochs_start_again_at_one_after_the_largest() -> None:
    cache = sessions()
    start(cache, partition(0))
    (session,) = cache
    session.epoch = 0x7FFFFFFF
    assert cache.plan(100, 0x7FFFFFFF, (), (), uses_ids=False, now=1.0).error_code == ErrorCode.NONE
    assert session.epoch == 1


def test_a_full_cache_gives_no_session_until_one_has_been_unused_for_two_minutes() -> None:
    cache = sessions(slots=1)
    start(cache, partition(0), now=0.0)
    assert start(cache, partition(1), now=119.0).session_id == 0
    assert start(cache, partition(1), now=121.0).session_id == 101
    assert [session.id for session in cache] == [101]


def test_an_incremental_response_contains_what_has_changed() -> None:
    wanted = partition(0)
    assert wanted.update_reported(5, 0, has_data=False, has_error=False), "the high watermark was not known yet"
    assert not wanted.update_reported(5, 0, has_data=False, has_error=False)
    assert wanted.update_reported(5, 0, has_data=True, has_error=False)
    assert wanted.update_reported(6, 0, has_data=False, has_error=False)
    assert wanted.update_reported(6, 2, has_data=False, has_error=False)


def test_after_an_error_the_partition_is_reported_again() -> None:
    wanted = partition(0)
    wanted.update_reported(5, 0, has_data=False, has_error=False)
    assert wanted.update_reported(5, 0, has_data=False, has_error=True)
    assert wanted.update_reported(5, 0, has_data=False, has_error=False)


def test_a_served_partition_goes_behind_the_others() -> None:
    cache = sessions()
    first = start(cache, partition(0), partition(1))
    assert first.session is not None
    first.session.served(first.partitions[0])
    plan = cache.plan(100, 1, (), (), uses_ids=False, now=1.0)
    assert [p.index for p in plan.partitions] == [1, 0]

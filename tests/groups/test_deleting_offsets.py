"""OffsetDelete: an administrator makes a group forget offsets, but never those its members may be using."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)
from tests.support.group_harness import GROUP, Bench, Call, subscription

REFUSED = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC


@pytest.fixture
def bench() -> Bench:
    return Bench()


@dataclass
class Deleted:
    """The answer: the error of the whole, and those of the partitions."""

    error: ErrorCode
    partitions: dict[tuple[str, int], ErrorCode]


def delete(bench: Bench, *partitions: tuple[str, int], group: str = GROUP) -> Deleted:
    request = OffsetDeleteRequest(
        group_id=group,
        topics=tuple(
            OffsetDeleteRequestTopic(name=topic, partitions=(OffsetDeleteRequestPartition(partition_index=index),))
            for topic, index in partitions
        ),
    )
    call = Call()
    bench.perform(bench.coordinator.offset_delete(request, bench.client(0), call))
    response = call.answer(OffsetDeleteResponse)
    return Deleted(
        ErrorCode(response.error_code),
        {
            (topic.name, partition.partition_index): ErrorCode(partition.error_code)
            for topic in response.topics
            for partition in topic.partitions
        },
    )


def test_a_group_without_members_forgets_what_it_is_told_to_forget(bench: Bench) -> None:
    bench.commit(7)
    bench.commit(8, partition=1)
    assert delete(bench, ("orders", 0)).partitions == {("orders", 0): ErrorCode.NONE}
    assert [bench.committed(partition=partition) for partition in (0, 1)] == [-1, 8]


def test_what_was_forgotten_stays_so_after_a_restart(bench: Bench) -> None:
    bench.commit(7)
    bench.commit(8, partition=1)
    delete(bench, ("orders", 0))
    bench.restart()
    assert [bench.committed(partition=partition) for partition in (0, 1)] == [-1, 8]


def test_an_offset_that_never_was_is_forgotten_without_a_trace(bench: Bench) -> None:
    bench.commit(7)
    before = len(bench.log)
    assert delete(bench, ("orders", 5), ("parcels", 0)).partitions == {
        ("orders", 5): ErrorCode.NONE,
        ("parcels", 0): ErrorCode.NONE,
    }
    assert len(bench.log) == before


def test_a_partition_that_is_named_twice_is_forgotten_once(bench: Bench) -> None:
    bench.commit(7)
    before = len(bench.log)
    delete(bench, ("orders", 0), ("orders", 0))
    assert len(bench.log) == before + 1


def test_a_group_outlives_the_last_of_its_offsets(bench: Bench) -> None:
    bench.commit(7)
    delete(bench, ("orders", 0))
    assert delete(bench, ("orders", 0)).error is ErrorCode.NONE


@pytest.mark.parametrize(
    ("group", "error"), [("nobody", ErrorCode.GROUP_ID_NOT_FOUND), ("", ErrorCode.INVALID_GROUP_ID)]
)
def test_a_group_must_exist_and_have_a_name(bench: Bench, group: str, error: ErrorCode) -> None:
    assert delete(bench, ("orders", 0), group=group) == Deleted(error, {})
    assert delete(bench, group=group) == Deleted(error, {})


def with_members_joining(bench: Bench) -> None:
    leader, _ = bench.stable_group(2)
    bench.join(leader)


def with_members_awaiting_their_assignment(bench: Bench) -> None:
    bench.new_member()
    bench.pass_time(0.0)


def with_members_at_work(bench: Bench) -> None:
    bench.stable_group()


@pytest.mark.parametrize(
    "members", [with_members_joining, with_members_awaiting_their_assignment, with_members_at_work]
)
def test_topics_that_members_subscribe_to_are_refused_and_others_are_not(
    bench: Bench, members: Callable[[Bench], None]
) -> None:
    bench.commit(7)
    bench.commit(8, topic="parcels")
    members(bench)
    assert delete(bench, ("orders", 0), ("parcels", 0)) == Deleted(
        ErrorCode.NONE, {("orders", 0): REFUSED, ("parcels", 0): ErrorCode.NONE}
    )
    assert (bench.committed("orders"), bench.committed("parcels")) == (7, -1)


def test_a_group_of_consumers_that_cannot_be_read_may_be_reading_anything(bench: Bench) -> None:
    bench.commit(7)
    bench.new_member(protocols={"range": b"\0"})
    bench.pass_time(0.0)
    assert delete(bench, ("orders", 0), ("parcels", 0)).partitions == {("orders", 0): REFUSED, ("parcels", 0): REFUSED}


def test_a_group_that_does_not_consume_must_be_empty(bench: Bench) -> None:
    member, _ = bench.new_member(protocol_type="connect")
    bench.pass_time(0.0)
    assert delete(bench, ("orders", 0)) == Deleted(ErrorCode.NON_EMPTY_GROUP, {})
    bench.leave((member, None))
    assert delete(bench, ("orders", 0)).error is ErrorCode.NONE


def test_topics_are_free_again_when_the_last_member_has_left(bench: Bench) -> None:
    bench.commit(7)
    (member,) = bench.stable_group()
    assert delete(bench, ("orders", 0)).partitions == {("orders", 0): REFUSED}
    bench.leave((member, None))
    assert delete(bench, ("orders", 0)).partitions == {("orders", 0): ErrorCode.NONE}
    assert bench.committed() == -1


def test_a_member_keeps_what_it_subscribes_to_beside_others(bench: Bench) -> None:
    bench.commit(7)
    bench.commit(8, topic="parcels")
    bench.new_member(protocols={"range": subscription("orders", "parcels")})
    bench.pass_time(0.0)
    assert delete(bench, ("orders", 0), ("parcels", 0)).partitions == {("orders", 0): REFUSED, ("parcels", 0): REFUSED}

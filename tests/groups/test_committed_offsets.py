"""OffsetCommit and OffsetFetch: a commit is progress, and nothing else."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.registry import GroupConfig
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kafkalite_wire.schema import ZERO_UUID
from tests.support.group_harness import GROUP, Bench

TOPIC_ID = bytes(range(16))
OTHER_ID = bytes(range(16, 32))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_was_committed_last_is_fetched(bench: Bench) -> None:
    (member,) = bench.stable_group()
    bench.commit(7, member, 1)
    bench.commit(9, member, 1)
    bench.commit(8, member, 1, partition=1)
    assert [bench.committed(partition=partition) for partition in (0, 1, 2)] == [9, 8, -1]


def test_position_may_be_committed_backwards(bench: Bench) -> None:
    bench.commit(9)
    bench.commit(2)
    assert bench.committed() == 2


def test_groups_have_their_own_offsets(bench: Bench) -> None:
    bench.commit(7, group="billing")
    bench.commit(70, group="audit")
    assert [bench.committed(group=group) for group in ("billing", "audit", "search")] == [7, 70, -1]


def test_a_consumer_without_a_group_keeps_its_offsets_in_a_simple_group(bench: Bench) -> None:
    assert bench.commit(7) is ErrorCode.NONE
    described = bench.describe()
    assert (described.group_state, described.protocol_type, described.members) == ("Empty", "", ())


def test_a_group_with_members_takes_no_commits_from_outside(bench: Bench) -> None:
    bench.stable_group()
    assert bench.commit(7) is ErrorCode.UNKNOWN_MEMBER_ID
    assert bench.committed() == -1


def test_a_commit_of_a_stale_generation_is_refused(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.leave((leader, None))
    bench.join(follower)
    assert bench.commit(7, follower, 1) is ErrorCode.ILLEGAL_GENERATION
    assert bench.committed() == -1


def test_a_member_may_commit_until_it_has_rejoined(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.leave((leader, None))
    assert bench.commit(7, follower, 1) is ErrorCode.NONE


def test_a_commit_before_the_assignment_is_refused(bench: Bench) -> None:
    member, _ = bench.new_member()
    bench.pass_time(0.0)
    assert bench.commit(7, member, 1) is ErrorCode.REBALANCE_IN_PROGRESS


@pytest.mark.parametrize(
    ("version", "expected"), [(8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)]
)
def test_a_member_of_a_group_that_is_not_there_is_refused(bench: Bench, version: int, expected: ErrorCode) -> None:
    assert bench.commit(7, "app-1", 4, version=version) is expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, ErrorCode.NONE),
        ("x" * 10, ErrorCode.NONE),
        ("x" * 11, ErrorCode.OFFSET_METADATA_TOO_LARGE),
        ("🚀" * 5, ErrorCode.NONE),
        ("🚀" * 6, ErrorCode.OFFSET_METADATA_TOO_LARGE),
    ],
)
def test_metadata_is_measured_in_characters_of_java(metadata: str | None, expected: ErrorCode) -> None:
    bench = Bench(GroupConfig(offset_metadata_max_bytes=10))
    assert bench.commit(7, metadata=metadata) is expected
    assert bench.committed() == (7 if expected is ErrorCode.NONE else -1)


def test_a_commit_of_which_nothing_was_stored_makes_no_group(bench: Bench) -> None:
    bench.commit(7, metadata="x" * 5000)
    assert (bench.list_groups(), bench.log) == ({}, [])


def test_all_offsets_of_a_group_are_fetched_by_null(bench: Bench) -> None:
    bench.commit(7, topic="orders")
    bench.commit(8, topic="orders", partition=3, metadata="note")
    bench.commit(9, topic="refunds")
    fetched = bench.fetch(OffsetFetchRequest(group_id=GROUP, topics=None), version=7)
    assert {
        (topic.name, partition.partition_index): (partition.committed_offset, partition.metadata)
        for topic in fetched.topics
        for partition in topic.partitions
    } == {("orders", 0): (7, ""), ("orders", 3): (8, "note"), ("refunds", 0): (9, "")}


def test_nothing_is_fetched_of_a_group_that_is_not_there(bench: Bench) -> None:
    assert bench.fetch(OffsetFetchRequest(group_id=GROUP, topics=None), version=7).topics == ()
    wanted = (OffsetFetchRequestTopic(name="orders", partition_indexes=(0,)),)
    fetched = bench.fetch(OffsetFetchRequest(group_id=GROUP, topics=wanted), version=5)
    partition = fetched.topics[0].partitions[0]
    assert (fetched.error_code, partition.error_code) == (0, 0)
    assert (partition.committed_offset, partition.committed_leader_epoch, partition.metadata) == (-1, -1, "")


def test_several_groups_are_fetched_at_once(bench: Bench) -> None:
    bench.commit(7, group="billing")
    bench.commit(70, group="audit")
    wanted = (OffsetFetchRequestTopics(name="orders", partition_indexes=(0, 1)),)
    request = OffsetFetchRequest(
        groups=(
            OffsetFetchRequestGroup(group_id="billing", topics=wanted),
            OffsetFetchRequestGroup(group_id="audit", member_id="app-1", member_epoch=4, topics=None),
            OffsetFetchRequestGroup(group_id="search", topics=None),
        )
    )
    fetched = bench.fetch(request, version=9)
    assert [
        (group.group_id, [p.committed_offset for topic in group.topics for p in topic.partitions])
        for group in fetched.groups
    ] == [("billing", [7, -1]), ("audit", [70]), ("search", [])]


def test_the_leader_epoch_of_a_commit_is_fetched_with_it(bench: Bench) -> None:
    bench.commit(7)
    wanted = (OffsetFetchRequestTopics(name="orders", partition_indexes=(0,)),)
    request = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=GROUP, topics=wanted),))
    assert bench.fetch(request, version=8).groups[0].topics[0].partitions[0].committed_leader_epoch == 3


@pytest.mark.parametrize(
    ("committed_for", "asked_for", "expected"),
    [
        (TOPIC_ID, TOPIC_ID, 7),
        (TOPIC_ID, OTHER_ID, -1),
        (TOPIC_ID, bytes(16), 7),
        (bytes(16), TOPIC_ID, 7),
    ],
)
def test_an_offset_belongs_to_the_topic_of_its_id(
    bench: Bench, committed_for: bytes, asked_for: bytes, expected: int
) -> None:
    bench.commit(7, topic_id=committed_for, version=10)
    bench.restart()
    wanted = (OffsetFetchRequestTopics(name="orders", topic_id=asked_for, partition_indexes=(0,)),)
    request = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=GROUP, topics=wanted),))
    topic = bench.fetch(request, version=10).groups[0].topics[0]
    assert (topic.topic_id, topic.partitions[0].committed_offset) == (asked_for, expected)


def test_the_offsets_of_a_deleted_topic_are_forgotten_in_all_groups(bench: Bench) -> None:
    bench.commit(7, group="billing")
    bench.commit(70, group="audit")
    bench.commit(71, group="audit", topic="refunds")
    for result in bench.coordinator.delete_topic_offsets("orders", ZERO_UUID):
        bench.perform(result)
    bench.restart()
    assert [bench.committed(group=group) for group in ("billing", "audit")] == [-1, -1]
    assert bench.committed("refunds", group="audit") == 71


def test_offsets_of_another_topic_of_the_same_name_stay(bench: Bench) -> None:
    bench.commit(7, topic_id=OTHER_ID, version=10)
    for result in bench.coordinator.delete_topic_offsets("orders", TOPIC_ID):
        bench.perform(result)
    assert bench.committed() == 7
    for result in bench.coordinator.delete_topic_offsets("orders", OTHER_ID):
        bench.perform(result)
    assert bench.committed() == -1


def test_a_deleted_group_loses_its_offsets(bench: Bench) -> None:
    bench.commit(7)
    assert bench.delete(GROUP, "search", GROUP) == [ErrorCode.NONE, ErrorCode.GROUP_ID_NOT_FOUND]
    assert (bench.list_groups(), bench.committed()) == ({}, -1)
    bench.restart()
    assert (bench.list_groups(), bench.committed()) == ({}, -1)


def test_a_simple_group_may_become_one_with_members_and_keeps_its_offsets(bench: Bench) -> None:
    bench.commit(7)
    bench.stable_group()
    assert (bench.state(), bench.committed()) == (GroupState.STABLE, 7)


def test_groups_are_listed_by_state_and_type(bench: Bench) -> None:
    bench.stable_group()
    bench.commit(7, group="audit")
    assert bench.list_groups() == {"billing": "Stable", "audit": "Empty"}
    assert bench.list_groups(states=(" stable ",)) == {"billing": "Stable"}
    assert bench.list_groups(types=("Classic",), states=("EMPTY",)) == {"audit": "Empty"}
    assert bench.list_groups(types=("consumer",)) == {}


def test_a_stable_group_is_described_with_what_its_members_want_and_have(bench: Bench) -> None:
    (member,) = bench.stable_group()
    described = bench.describe()
    shown = described.members[0]
    assert (described.protocol_type, described.protocol_data) == ("consumer", "range")
    assert (shown.member_id, shown.client_id, shown.client_host) == (member, "app", "/127.0.0.1")
    assert (shown.member_metadata, shown.member_assignment) == (
        bench.group.members[0].metadata,
        member.encode(),
    )


def test_offsets_of_many_partitions_are_fetched_in_steps(bench: Bench) -> None:
    bench.commit(7, partition=9_999)
    wanted = (OffsetFetchRequestTopics(name="orders", partition_indexes=tuple(range(10_000))),)
    asked = OffsetFetchRequestGroup(group_id=GROUP, topics=wanted)
    steps = bench.coordinator.offset_fetch(OffsetFetchRequest(groups=(asked,)), bench.client(9))
    assert len(list(steps)) == 40
    fetched = bench.fetch(OffsetFetchRequest(groups=(asked,)), version=9)
    assert [p.committed_offset for p in fetched.groups[0].topics[0].partitions] == [-1] * 9_999 + [7]


def test_many_groups_are_listed_and_described_in_steps(bench: Bench) -> None:
    for number in range(1000):
        bench.commit(7, group=f"g{number}")
    coordinator = bench.coordinator
    assert len(list(coordinator.list_groups(ListGroupsRequest()))) == 3
    request = DescribeGroupsRequest(groups=tuple(f"g{number}" for number in range(1000)))
    assert len(list(coordinator.describe_groups(request, bench.client(6)))) == 12


def test_a_group_that_is_deleted_while_groups_are_listed_is_left_out(bench: Bench) -> None:
    for number in range(1000):
        bench.commit(7, group=f"g{number}")
    steps = bench.coordinator.list_groups(ListGroupsRequest())
    next(steps)
    bench.delete("g0", "g999")
    assert [group.group_id for group in finish(steps).groups] == [f"g{number}" for number in range(999)]

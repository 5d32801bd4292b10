"""Share groups: members, epochs and assignments, and what the log says of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.groups.share.assignor import Partitions, assign
from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_group_describe import DescribedGroup, ShareGroupDescribeRequest
from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse

CLIENT = Client(client_id="c", client_host="/127.0.0.1", api_version=1)
ORDERS, PAYMENTS = b"o" * 16, b"p" * 16


@dataclass
class Topic:
    name: str
    topic_id: bytes
    partitions: int


@dataclass
class Topics:
    topics: dict[str, Topic]

    @property
    def topics_by_id(self) -> dict[bytes, Topic]:
        return {topic.topic_id: topic for topic in self.topics.values()}


@dataclass
class Answer:
    responses: list[ShareGroupHeartbeatResponse] = field(default_factory=list[ShareGroupHeartbeatResponse])

    def send(self, response: ShareGroupHeartbeatResponse, /) -> None:
        self.responses.append(response)

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


class Running:
    """A coordinator, the log that it writes, and a clock."""

    def __init__(self, log: list[ReplayedRecord] | None = None) -> None:
        self.now = 0.0
        self.log = [] if log is None else log
        self.topics = Topics({"orders": Topic("orders", ORDERS, 4), "payments": Topic("payments", PAYMENTS, 2)})
        self.coordinator = GroupCoordinator(
            GroupConfig(),
            self.topics,
            new_member_suffix=lambda: "",
            share_config=lambda _: ShareGroupConfig(max_size=3),
        )
        self.coordinator.load(self.log, now=0.0)

    def perform(self, result: CoordinatorResult) -> None:
        for record in result.records:
            self.log.append(ReplayedRecord(record.key, record.value, len(self.log)))
        for handle, response in result.replies:
            handle.send(response)

    def beat(
        self, member: str, epoch: int, topics: tuple[str, ...] | None = None, group: str = "g"
    ) -> ShareGroupHeartbeatResponse:
        answer = Answer()
        request = ShareGroupHeartbeatRequest(
            group_id=group, member_id=member, member_epoch=epoch, subscribed_topic_names=topics
        )
        self.perform(
            self.coordinator.share_group_heartbeat(request, CLIENT, answer, now=self.now, wall_ms=round(self.now))
        )
        (response,) = answer.responses
        return response

    def join(self, member: str, *topics: str) -> ShareGroupHeartbeatResponse:
        response = self.beat(member, 0, topics)
        assert response.error_code == ErrorCode.NONE, response.error_message
        return response

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.coordinator.advance(self.now, round(self.now)))

    def described(self) -> DescribedGroup:
        request = ShareGroupDescribeRequest(group_ids=("g",), include_authorized_operations=False)
        (group,) = finish(self.coordinator.describe_share_groups(request)).groups
        return group


def partitions_of(response: ShareGroupHeartbeatResponse) -> dict[bytes, tuple[int, ...]]:
    assert response.assignment is not None
    return {topic.topic_id: topic.partitions for topic in response.assignment.topic_partitions}


def test_a_member_alone_has_all_partitions() -> None:
    response = Running().join("a", "orders", "payments")
    assert partitions_of(response) == {ORDERS: (0, 1, 2, 3), PAYMENTS: (0, 1)}
    assert (response.member_epoch, response.heartbeat_interval_ms) == (3, 5000)


def test_members_share_what_is_too_little_for_all() -> None:
    running = Running()
    for member in "abc":
        running.join(member, "payments")
    owned = [running.beat(member, 0, ("payments",)) for member in "abc"]
    assert sorted(partition for each in owned for partition in partitions_of(each)[PAYMENTS]) == [0, 0, 1, 1]


def test_a_heartbeat_without_news_says_nothing() -> None:
    running = Running()
    epoch = running.join("a", "orders").member_epoch
    response = running.beat("a", epoch)
    assert (response.error_code, response.member_epoch, response.assignment) == (ErrorCode.NONE, epoch, None)


def test_another_member_changes_the_assignment_with_the_next_heartbeat() -> None:
    running = Running()
    first = running.join("a", "orders")
    running.join("b", "orders")
    response = running.beat("a", first.member_epoch)
    assert response.member_epoch == first.member_epoch + 1
    assert partitions_of(response) == {ORDERS: (2, 3)}


def test_a_new_partition_raises_the_epoch() -> None:
    running = Running()
    epoch = running.join("a", "orders").member_epoch
    running.topics.topics["orders"].partitions = 5
    assert partitions_of(running.beat("a", epoch)) == {ORDERS: (0, 1, 2, 3, 4)}


@pytest.mark.parametrize(
    ("member", "epoch", "topics", "error"),
    [
        ("", 0, ("orders",), ErrorCode.INVALID_REQUEST),
        ("z", 0, None, ErrorCode.INVALID_REQUEST),
        ("z", 0, (), ErrorCode.INVALID_REQUEST),
        ("z", -2, None, ErrorCode.INVALID_REQUEST),
        ("z", 1, None, ErrorCode.UNKNOWN_MEMBER_ID),
        ("z", -1, None, ErrorCode.UNKNOWN_MEMBER_ID),
        ("a", 9, None, ErrorCode.FENCED_MEMBER_EPOCH),
        ("a", 1, None, ErrorCode.FENCED_MEMBER_EPOCH),
    ],
)
def test_what_is_refused_changes_nothing(
    member: str, epoch: int, topics: tuple[str, ...] | None, error: ErrorCode
) -> None:
    running = Running()
    running.join("a", "orders")
    running.join("b", "payments")
    running.beat("a", 2)
    before, records = running.described(), len(running.log)
    assert running.beat(member, epoch, topics).error_code == error
    assert (running.described(), len(running.log)) == (before, records)


def test_a_lost_answer_is_no_reason_to_fence() -> None:
    running = Running()
    epoch = running.join("a", "orders").member_epoch
    running.join("b", "orders")
    assert running.beat("a", epoch).member_epoch == epoch + 1
    assert running.beat("a", epoch).error_code == ErrorCode.NONE


def test_unknown_groups_and_groups_of_other_kinds() -> None:
    running = Running()
    assert running.beat("a", 1, group="other").error_code == ErrorCode.GROUP_ID_NOT_FOUND
    assert running.beat("a", -1, group="other").error_code == ErrorCode.GROUP_ID_NOT_FOUND


def test_a_full_group_takes_no_more_members() -> None:
    running = Running()
    for member in "abc":
        running.join(member, "orders")
    assert running.beat("d", 0, ("orders",)).error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert running.beat("a", 0, ("orders",)).error_code == ErrorCode.NONE


def test_a_silent_member_is_removed_and_the_others_take_over() -> None:
    running = Running()
    running.join("a", "orders")
    epoch = running.join("b", "orders").member_epoch
    running.wait(44)
    running.beat("b", epoch)
    running.wait(1)
    assert [member.member_id for member in running.described().members] == ["b"]
    assert partitions_of(running.beat("b", epoch)) == {ORDERS: (0, 1, 2, 3)}


def test_the_last_member_leaves_an_empty_group() -> None:
    running = Running()
    running.join("a", "orders")
    assert running.beat("a", -1).member_epoch == -1
    assert (running.described().group_state, running.described().members) == ("Empty", ())


def test_states_are_made_once_for_each_partition() -> None:
    running = Running()
    running.join("a", "payments")
    new = running.coordinator.shares.take_new_states()
    assert [(key.topic_id, key.partition, epoch) for key, epoch in new] == [(PAYMENTS, 0, 2), (PAYMENTS, 1, 2)]
    running.join("b", "payments")
    assert running.coordinator.shares.take_new_states() == []


def test_a_group_is_loaded_as_it_was() -> None:
    running = Running()
    running.join("a", "orders")
    running.join("b", "orders", "payments")
    running.beat("a", 2)
    running.join("c", "orders")
    running.beat("c", -1)
    again = Running(running.log)
    assert again.described() == running.described()
    again.wait(45)
    assert again.described().members == ()


def owners(assigned: dict[str, Partitions]) -> dict[tuple[bytes, int], int]:
    found: dict[tuple[bytes, int], int] = {}
    for partitions in assigned.values():
        for topic_id, indexes in partitions.items():
            for index in indexes:
                found[topic_id, index] = found.get((topic_id, index), 0) + 1
    return found


@pytest.mark.parametrize("seed", range(40))
def test_every_partition_and_every_member_is_served_evenly(seed: int) -> None:
    choices = random.Random(seed)
    assigned: dict[str, Partitions] = {}
    for _ in range(6):
        members = [f"m{number}" for number in range(choices.randint(1, 12))]
        counts = {bytes([topic]) * 16: range(choices.randint(1, 6)) for topic in range(choices.randint(1, 3))}
        before = assigned
        assigned = assign(dict.fromkeys(members, frozenset(counts)), before, counts)
        total = sum(len(indexes) for indexes in counts.values())
        found = owners(assigned)
        assert found.keys() == {(topic_id, index) for topic_id, indexes in counts.items() for index in indexes}
        sizes = [sum(len(indexes) for indexes in assigned[member].values()) for member in members]
        assert max(sizes) - min(sizes) <= 1
        assert max(found.values()) <= -(-len(members) // total)
        assert assign(dict.fromkeys(members, frozenset(counts)), assigned, counts) == assigned


def test_members_have_only_what_they_subscribe_to() -> None:
    wanted = {"a": frozenset((ORDERS,)), "b": frozenset((ORDERS, PAYMENTS)), "c": frozenset((PAYMENTS,))}
    assigned = assign(wanted, {"c": {ORDERS: frozenset((0,))}}, {ORDERS: range(4), PAYMENTS: range(2)})
    assert all(assigned[member].keys() <= topics for member, topics in wanted.items())
    assert owners(assigned).keys() == {(ORDERS, each) for each in range(4)} | {(PAYMENTS, 0), (PAYMENTS, 1)}

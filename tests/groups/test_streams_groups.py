"""Streams groups: time-outs, delays, internal topics, and what the log says of them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.groups.streams.configs import StreamsGroupConfig
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kafkalite_wire.messages.streams_group_describe import DescribedGroup, Member, StreamsGroupDescribeRequest
from kafkalite_wire.messages.streams_group_heartbeat import (
    StreamsGroupHeartbeatRequest,
    StreamsGroupHeartbeatResponse,
    Subtopology,
    TaskIds,
    TopicInfo,
    Topology,
)

CLIENT = Client(client_id="c", client_host="/127.0.0.1", api_version=1)
ASSIGNMENT_DELAYED, MISSING_INTERNAL_TOPICS = 5, 3


@dataclass
class Topic:
    name: str
    topic_id: bytes
    partitions: int


@dataclass
class Topics:
    topics: dict[str, Topic] = field(default_factory=dict[str, Topic])

    @property
    def topics_by_id(self) -> dict[bytes, Topic]:
        return {topic.topic_id: topic for topic in self.topics.values()}

    def add(self, name: str, partitions: int) -> None:
        self.topics[name] = Topic(name, name.encode().ljust(16, b"."), partitions)


@dataclass
class Answer:
    responses: list[object] = field(default_factory=list[object])

    def send(self, response: object, /) -> None:
        self.responses.append(response)

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


@dataclass
class Held:
    """What a member has been told, as it reports it."""

    epoch: int = 0
    active: tuple[TaskIds, ...] = ()
    standby: tuple[TaskIds, ...] = ()


class Running:
    """A coordinator, the log that it writes, and a clock; group ``g`` reads ``in``, and keeps a state in ``log``."""

    def __init__(
        self,
        log: list[ReplayedRecord] | None = None,
        *,
        partitions: int = 2,
        config: StreamsGroupConfig | None = None,
    ) -> None:
        self.now = 0.0
        self.log = [] if log is None else log
        self.topics = Topics()
        self.topics.add("in", partitions)
        self.topics.add("log", partitions)
        self.config = StreamsGroupConfig() if config is None else config
        self.coordinator = GroupCoordinator(
            GroupConfig(), self.topics, new_member_suffix=lambda: "", streams_config=lambda _: self.config
        )
        self.coordinator.load(self.log, now=0.0)
        self.held: dict[str, Held] = {}

    def perform(self, result: CoordinatorResult) -> None:
        for record in result.records:
            self.log.append(ReplayedRecord(record.key, record.value, len(self.log)))
        for handle, response in result.replies:
            handle.send(response)

    def send(self, request: StreamsGroupHeartbeatRequest, *, may_create: bool = True) -> StreamsGroupHeartbeatResponse:
        answer = Answer()
        result = self.coordinator.streams_group_heartbeat(
            request, CLIENT, answer, now=self.now, wall_ms=round(self.now * 1000), may_create=lambda _: may_create
        )
        self.perform(result)
        (response,) = answer.responses
        assert isinstance(response, StreamsGroupHeartbeatResponse)
        return response

    def join(
        self, member: str, *, process: str | None = None, may_create: bool = True
    ) -> StreamsGroupHeartbeatResponse:
        self.held[member] = Held()
        part = Subtopology(
            subtopology_id="0",
            source_topics=("in",),
            source_topic_regex=(),
            state_changelog_topics=(TopicInfo(name="log", partitions=0, replication_factor=0, topic_configs=()),),
            repartition_sink_topics=(),
            repartition_source_topics=(),
            copartition_groups=(),
        )
        request = replace(
            beating(member, Held()),
            topology=Topology(epoch=0, subtopologies=(part,)),
            rebalance_timeout_ms=10_000,
            process_id=member if process is None else process,
        )
        return self._note(member, self.send(request, may_create=may_create))

    def beat(self, member: str) -> StreamsGroupHeartbeatResponse:
        return self._note(member, self.send(beating(member, self.held[member])))

    def leave(self, member: str) -> StreamsGroupHeartbeatResponse:
        self.held.pop(member, None)
        return self.send(beating(member, Held(epoch=-1)))

    def _note(self, member: str, response: StreamsGroupHeartbeatResponse) -> StreamsGroupHeartbeatResponse:
        if response.error_code == ErrorCode.NONE:
            held = self.held[member]
            held.epoch = response.member_epoch
            if response.active_tasks is not None and response.standby_tasks is not None:
                held.active, held.standby = response.active_tasks, response.standby_tasks
        return response

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.coordinator.advance(self.now, round(self.now * 1000)))

    def described(self) -> DescribedGroup:
        request = StreamsGroupDescribeRequest(group_ids=("g",), include_authorized_operations=False)
        (group,) = finish(self.coordinator.describe_streams_groups(request)).groups
        return group


def beating(member: str, held: Held) -> StreamsGroupHeartbeatRequest:
    return StreamsGroupHeartbeatRequest(
        group_id="g",
        member_id=member,
        member_epoch=held.epoch,
        endpoint_information_epoch=0,
        active_tasks=held.active,
        standby_tasks=held.standby,
        warmup_tasks=(),
    )


def partitions(tasks: tuple[TaskIds, ...] | None) -> list[int]:
    return sorted(partition for each in tasks or () for partition in each.partitions)


def members_of(group: DescribedGroup) -> dict[str, Member]:
    return {member.member_id: member for member in group.members}


def statuses(response: StreamsGroupHeartbeatResponse) -> list[int]:
    return [status.status_code for status in response.status or ()]


def details(response: StreamsGroupHeartbeatResponse) -> list[str]:
    return [status.status_detail for status in response.status or ()]


def test_a_member_that_is_silent_for_a_session_is_removed_and_another_takes_its_tasks() -> None:
    running = Running()
    running.join("a")
    running.join("b")
    settle(running)
    running.wait(40)
    assert running.beat("b").active_tasks is None
    running.wait(5)
    assert list(members_of(running.described())) == ["b"]
    assert partitions(running.beat("b").active_tasks) == [0, 1]


def test_a_heartbeat_starts_the_session_again() -> None:
    running = Running()
    running.join("a")
    for _ in range(3):
        running.wait(44)
        assert running.beat("a").error_code == ErrorCode.NONE


def test_a_member_that_keeps_a_task_it_has_to_give_back_is_removed_after_its_rebalance_timeout() -> None:
    running = Running()
    running.join("a")
    running.join("b")
    kept = replace(running.held["a"])
    running.send(beating("a", kept))
    running.wait(9)
    running.send(beating("a", kept))
    assert set(members_of(running.described())) == {"a", "b"}
    running.wait(1)
    assert set(members_of(running.described())) == {"b"}
    assert running.send(beating("a", kept)).error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_member_that_has_given_back_in_time_stays() -> None:
    running = Running()
    running.join("a")
    running.join("b")
    running.beat("a")
    running.wait(9)
    running.beat("a")
    running.wait(9)
    assert set(members_of(running.described())) == {"a", "b"}


def test_the_first_assignment_waits_for_the_initial_delay() -> None:
    running = Running(config=StreamsGroupConfig(initial_rebalance_delay=3.0))
    assert statuses(running.join("a")) == [ASSIGNMENT_DELAYED]
    running.join("b")
    running.wait(2.9)
    response = running.beat("a")
    assert (statuses(response), partitions(running.held["a"].active)) == ([ASSIGNMENT_DELAYED], [])
    running.wait(0.1)
    assert running.described().group_state == "Reconciling"
    assert [len(partitions(running.beat(member).active_tasks)) for member in "ab"] == [1, 1]
    assert running.described().group_state == "Stable"


def test_the_delay_of_a_group_that_its_members_have_left_assigns_nothing() -> None:
    running = Running(config=StreamsGroupConfig(initial_rebalance_delay=3.0))
    running.join("a")
    running.leave("a")
    running.wait(3)
    group = running.described()
    assert (group.group_state, group.assignment_epoch) == ("Empty", group.group_epoch)


def test_an_assignment_waits_until_the_interval_since_the_last_one_is_over() -> None:
    running = Running(config=StreamsGroupConfig(assignment_interval=5.0))
    running.join("a")
    running.wait(4)
    assert statuses(running.join("b")) == [ASSIGNMENT_DELAYED]
    assert statuses(running.beat("a")) == [ASSIGNMENT_DELAYED]
    running.wait(1)
    assert statuses(running.beat("b")) == []
    assert partitions(running.beat("a").active_tasks) == [0] or partitions(running.held["a"].active) == [1]


def test_internal_topics_are_asked_for_until_they_exist() -> None:
    running = Running()
    del running.topics.topics["log"]
    assert statuses(running.join("a")) == [MISSING_INTERNAL_TOPICS]
    missing = running.coordinator.streams.take_missing_topics()
    assert [(topic.name, topic.partitions) for topic in missing] == [("log", 2)]
    assert running.coordinator.streams.take_missing_topics() == ()
    assert running.described().group_state == "NotReady"
    running.topics.add("log", 2)
    response = running.beat("a")
    assert (statuses(response), partitions(response.active_tasks)) == ([], [0, 1])


def test_internal_topics_that_may_not_be_created_are_named() -> None:
    running = Running()
    del running.topics.topics["log"]
    assert details(running.join("a", may_create=False)) == [
        "Internal topics are missing: log; Unauthorized to CREATE on topics log."
    ]
    assert running.coordinator.streams.take_missing_topics() == ()


def test_members_are_told_why_internal_topics_could_not_be_created() -> None:
    running = Running()
    del running.topics.topics["log"]
    running.join("a")
    running.coordinator.streams.note_creation("g", {"log": "no room"})
    assert details(running.beat("a")) == ["Internal topics are missing: log; Creation failed: log (no room)."]
    running.coordinator.streams.note_creation("g", {})
    assert details(running.beat("a")) == ["Internal topics are missing: log"]


def test_a_group_is_full_at_its_largest_size() -> None:
    running = Running(config=StreamsGroupConfig(max_size=1))
    running.join("a")
    assert running.join("b").error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert running.join("a").error_code == ErrorCode.NONE


def test_another_number_of_standby_replicas_is_a_rebalance() -> None:
    running = Running()
    running.join("a")
    running.join("b")
    settle(running)
    epoch = running.described().group_epoch
    running.config = StreamsGroupConfig(standby_replicas=1)
    settle(running)
    assert running.described().group_epoch == epoch + 1
    assert {member: partitions(held.standby) for member, held in running.held.items()} == {
        member: [partition for partition in (0, 1) if partition not in partitions(held.active)]
        for member, held in running.held.items()
    }


def settle(running: Running) -> None:
    for _ in range(6):
        for member in tuple(running.held):
            assert running.beat(member).error_code == ErrorCode.NONE
    assert running.described().group_state == "Stable"


@pytest.mark.parametrize("members", ["a", "ab", "abc"])
def test_a_group_goes_on_after_a_restart(members: str) -> None:
    running = Running(config=StreamsGroupConfig(standby_replicas=1))
    for member in members:
        running.join(member)
    settle(running)
    before = running.described()
    again = Running(running.log, config=running.config)
    again.held = running.held
    assert members_of(again.described()) == members_of(before)
    settle(again)
    assert again.described().group_epoch == before.group_epoch
    again.wait(45)
    assert again.described().group_state == "Empty"


def test_a_revocation_that_was_under_way_times_out_after_a_restart() -> None:
    running = Running()
    running.join("a")
    running.join("b")
    kept = replace(running.held["a"])
    running.send(beating("a", kept))
    again = Running(running.log)
    again.wait(10)
    assert set(members_of(again.described())) == {"b"}


def test_a_deleted_group_is_not_there_after_a_restart() -> None:
    running = Running()
    running.join("a")
    running.leave("a")
    answer = Answer()
    running.perform(running.coordinator.delete_groups(DeleteGroupsRequest(groups_names=("g",)), CLIENT, answer))
    (response,) = answer.responses
    assert isinstance(response, DeleteGroupsResponse)
    assert [result.error_code for result in response.results] == [ErrorCode.NONE]
    assert Running(running.log).described().error_code == ErrorCode.GROUP_ID_NOT_FOUND


def test_a_group_is_seen_with_the_partitions_that_its_members_read() -> None:
    running = Running()
    running.join("a")
    view = running.coordinator.group("g")
    assert view is not None
    (member,) = view.members
    assert member.assigned is not None
    assert member.assigned.topics == {"in"}
    running.beat("a")
    view = running.coordinator.group("g")
    assert view is not None
    assert view.members[0].assigned is not None
    assert view.members[0].assigned.partitions == {("in", 0), ("in", 1)}


@pytest.mark.parametrize("seed", range(40))
def test_no_task_ever_has_two_owners_and_no_process_has_it_twice(seed: int) -> None:
    """Members come, go and join again, and the broker restarts; afterwards everything is assigned."""
    chance = random.Random(seed)
    count = chance.randint(1, 6)
    replicas = chance.randint(0, 2)
    running = Running(partitions=count, config=StreamsGroupConfig(standby_replicas=replicas))
    for number in range(80):
        member = f"m{chance.randint(0, 5)}"
        if member not in running.held:
            running.join(member, process=f"p{chance.randint(0, 3)}")
        elif chance.random() < 0.15:
            running.leave(member)
        elif chance.random() < 0.1:
            running.join(member, process=members_of(running.described())[member].process_id)
        elif number == 50:
            running, held = Running(running.log, partitions=count, config=running.config), running.held
            running.held = held
        else:
            running.beat(member)
        check_owners(running)
    if not running.held:
        running.join("m0")
    settle(running)
    check_owners(running)
    owned = Counter(task for held in running.held.values() for task in partitions(held.active))
    assert owned == Counter(range(count))
    processes = {member.process_id for member in running.described().members}
    copies = Counter(task for held in running.held.values() for task in partitions(held.standby))
    assert copies == +Counter(dict.fromkeys(range(count), min(replicas, len(processes) - 1)))


def check_owners(running: Running) -> None:
    """Check what members have been told and may still be running, not what the broker believes."""
    active = Counter(task for held in running.held.values() for task in partitions(held.active))
    assert max(active.values(), default=0) <= 1, active
    process_of = {member.member_id: member.process_id for member in running.described().members}
    copies = Counter(
        (process_of[member], task)
        for member, held in running.held.items()
        if member in process_of
        for task in (*partitions(held.active), *partitions(held.standby))
    )
    assert max(copies.values(), default=0) <= 1, copies

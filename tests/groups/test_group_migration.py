"""A group with members changes between the protocols: time-outs, policies, limits, and what a restart finds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
from kafkalite.coordinators.groups.consumer.migration import MigrationPolicy
from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest, DescribedGroup
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.groups.test_group_migration_promises import GROUP, SUBSCRIPTION, TOPIC, WALL_MS, Topics, encoded
from tests.support.group_harness import Call, replayed

SESSION_MS = 10_000
REBALANCE_MS = 30_000


@dataclass
class Broker:
    """A coordinator with a clock and a log."""

    policy: MigrationPolicy = MigrationPolicy.BIDIRECTIONAL
    config: GroupConfig = field(default_factory=lambda: GroupConfig(offsets_retention_check_interval=1e9))
    consumer_config: ConsumerGroupConfig = field(default_factory=ConsumerGroupConfig)
    now: float = 1_000.0
    log: list[tuple[bytes, bytes | None]] = field(default_factory=list[tuple[bytes, bytes | None]])

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        ids = count(1)
        self.coordinator = GroupCoordinator(
            self.config,
            Topics(),
            new_member_suffix=lambda: f"m{next(ids)}",
            consumer_config=lambda _: self.consumer_config,
            migration_policy=self.policy,
        )
        self.coordinator.load(replayed(self.log), now=self.now)

    def take(self, result: CoordinatorResult) -> None:
        self.log += [(record.key, record.value) for record in result.records]
        for reply in result.replies:
            reply.handle.send(reply.response)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.coordinator.advance(self.now, WALL_MS))

    def beat(self, member_id: str = "new", epoch: int = 0) -> ConsumerGroupHeartbeatResponse:
        call = Call()
        request = ConsumerGroupHeartbeatRequest(
            group_id=GROUP,
            member_id=member_id,
            member_epoch=epoch,
            rebalance_timeout_ms=REBALANCE_MS,
            subscribed_topic_names=(TOPIC,),
            topic_partitions=(),
        )
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=1)
        self.take(self.coordinator.consumer_group_heartbeat(request, client, call, now=self.now, wall_ms=WALL_MS))
        return call.answer(ConsumerGroupHeartbeatResponse)

    def join(self, member_id: str = "", *, version: int = 3, protocol: str = "range") -> JoinGroupResponse:
        call = Call()
        request = JoinGroupRequest(
            group_id=GROUP,
            session_timeout_ms=SESSION_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            member_id=member_id,
            protocol_type="consumer",
            protocols=(JoinGroupRequestProtocol(name=protocol, metadata=SUBSCRIPTION),),
        )
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=version)
        self.take(self.coordinator.join_group(request, client, call, now=self.now))
        self.pass_time(0.0)
        return call.joined

    def sync(self, member_id: str, generation: int, partitions: list[int] | None = None) -> Call:
        call = Call()
        shares = (
            ()
            if partitions is None
            else (SyncGroupRequestAssignment(member_id=member_id, assignment=encoded(partitions)),)
        )
        request = SyncGroupRequest(group_id=GROUP, generation_id=generation, member_id=member_id, assignments=shares)
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=3)
        self.take(self.coordinator.sync_group(request, client, call, now=self.now))
        return call

    def classic_beat(self, member_id: str, generation: int) -> ErrorCode:
        call = Call()
        request = HeartbeatRequest(group_id=GROUP, generation_id=generation, member_id=member_id)
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=3)
        self.take(self.coordinator.heartbeat(request, client, call, now=self.now))
        return call.error

    def classic_group(self) -> str:
        """Make a stable classic group of one member, and return its id."""
        joined = self.join()
        self.sync(joined.member_id, joined.generation_id, [0, 1, 2, 3, 4])
        return joined.member_id

    def described(self) -> DescribedGroup:
        request = ConsumerGroupDescribeRequest(group_ids=(GROUP,))
        (group,) = finish(self.coordinator.describe_consumer_groups(request)).groups
        return group

    def members(self) -> set[str]:
        view = self.coordinator.group(GROUP)
        assert view is not None
        return {member.member_id for member in view.members}


def test_a_mixed_group_is_the_same_after_a_restart() -> None:
    broker = Broker()
    old = broker.classic_group()
    broker.beat()
    before = broker.described()
    broker.restart()
    assert broker.described() == before
    assert {member.member_type for member in before.members} == {0, 1}
    assert broker.classic_beat(old, 1) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_heartbeat_that_was_held_is_answered_by_the_group_that_there_is_now() -> None:
    broker = Broker()
    old = broker.classic_group()
    broker.beat()
    call = Call()
    request = HeartbeatRequest(group_id=GROUP, generation_id=1, member_id=old)
    broker.take(broker.coordinator.answer_heartbeat(request, call, now=broker.now))
    assert call.error is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_classic_member_keeps_its_own_session_timeout() -> None:
    broker = Broker(consumer_config=ConsumerGroupConfig(session_timeout=60.0))
    old = broker.classic_group()
    broker.beat()
    broker.pass_time(SESSION_MS / 1000 - 0.1)
    assert broker.members() == {old, "new"}
    broker.pass_time(0.2)
    assert broker.members() == {"new"}


def test_a_classic_member_that_does_not_join_again_is_removed() -> None:
    broker = Broker()
    old = broker.classic_group()
    broker.beat()
    for _ in range(REBALANCE_MS // 5_000 - 1):
        assert broker.classic_beat(old, 1) is ErrorCode.REBALANCE_IN_PROGRESS
        broker.pass_time(5.0)
        assert old in broker.members()
    assert broker.classic_beat(old, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    broker.pass_time(5.1)
    assert broker.members() == {"new"}


def test_a_classic_member_that_does_not_ask_for_its_assignment_is_removed() -> None:
    broker = Broker()
    old = broker.classic_group()
    broker.beat()
    epoch = broker.join(old).generation_id
    for _ in range(REBALANCE_MS // 5_000):
        assert broker.classic_beat(old, epoch) is ErrorCode.NONE
        broker.pass_time(4.9)
        broker.beat(epoch=broker.beat(epoch=0).member_epoch)
    assert broker.members() == {old, "new"}
    broker.pass_time(1.0)
    assert broker.members() == {"new"}


def test_a_classic_member_that_asked_stays() -> None:
    broker = Broker()
    old = broker.classic_group()
    broker.beat()
    epoch = broker.join(old).generation_id
    assert broker.sync(old, epoch).synced.error_code == ErrorCode.NONE
    for _ in range(8):
        assert broker.classic_beat(old, epoch) is ErrorCode.NONE
        broker.pass_time(5.0)
    assert old in broker.members()


def test_the_group_is_classic_again_when_the_session_of_the_last_new_member_ends() -> None:
    broker = Broker(consumer_config=ConsumerGroupConfig(session_timeout=5.0))
    old = broker.classic_group()
    epoch = broker.beat().member_epoch
    broker.pass_time(5.1)
    view = broker.coordinator.group(GROUP)
    assert view is not None
    assert (view.state.value, view.generation) == ("PreparingRebalance", epoch)
    assert {member.member_id for member in view.members} == {old}
    joined = broker.join(old)
    assert (joined.leader, joined.generation_id) == (old, epoch + 1)


@pytest.mark.parametrize("policy", MigrationPolicy)
def test_the_policy_says_in_which_directions_a_group_changes(policy: MigrationPolicy) -> None:
    broker = Broker(policy=policy)
    old = broker.classic_group()
    assert broker.beat().error_code == (ErrorCode.NONE if policy.upgrades else ErrorCode.GROUP_ID_NOT_FOUND)
    assert broker.members() == ({old, "new"} if policy.upgrades else {old})
    broker = Broker(policy=policy)
    epoch = broker.beat().member_epoch
    joined = broker.join()
    if policy is MigrationPolicy.DISABLED:
        assert joined.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        assert broker.members() == {"new"}
        return
    assert broker.beat(epoch=-1).error_code == ErrorCode.NONE
    assert broker.members() == {joined.member_id}
    assert bool(broker.described().error_code) == policy.downgrades
    assert joined.generation_id > epoch


def test_a_group_that_would_be_too_large_does_not_change() -> None:
    broker = Broker(consumer_config=ConsumerGroupConfig(max_size=1))
    old = broker.classic_group()
    assert broker.beat().error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert broker.members() == {old}
    broker = Broker(config=replace(Broker().config, group_max_size=1))
    epoch = broker.beat().member_epoch
    first, second = broker.join().member_id, broker.join().member_id
    broker.beat(epoch=-1)
    assert broker.members() == {first, second}
    assert broker.described().group_epoch > epoch


def test_a_member_without_an_assignment_comes_along() -> None:
    broker = Broker()
    joined = broker.join()
    broker.sync(joined.member_id, joined.generation_id)
    assert broker.beat().assignment is not None
    assert broker.members() == {joined.member_id, "new"}

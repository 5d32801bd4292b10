"""What a group promises while members of the classic and of the consumer protocol come and go (online migration).

A partition has one owner at every moment, as the members see it; the group's epoch and generation only grow while it
has members; a broker that restarts goes on where it was; and a group that is left alone settles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kafkalite.coordinators.assignors import Subscription, assign_range
from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest, DescribedGroup
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    TopicPartition,
    decode_assignment,
    encode_consumer_protocol,
)
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.support.group_harness import Call, replayed

GROUP = "billing"
TOPIC = "orders"
TOPIC_ID = bytes(15) + b"\1"
PARTITIONS = 5
MODERN = 3
CLASSIC = 3
WALL_MS = 1_700_000_000_000
SESSION = 10.0
REBALANCE_MS = 6_000
SUBSCRIPTION = encode_consumer_protocol(ConsumerProtocolSubscription(topics=(TOPIC,)))

modern_clients = st.integers(0, MODERN - 1)
classic_clients = st.integers(0, CLASSIC - 1)


@dataclass(frozen=True)
class Topic:
    name: str = TOPIC
    topic_id: bytes = TOPIC_ID
    partitions: int = PARTITIONS


@dataclass(frozen=True)
class Topics:
    topics: dict[str, Topic] = field(default_factory=lambda: {TOPIC: Topic()})
    topics_by_id: dict[bytes, Topic] = field(default_factory=lambda: {TOPIC_ID: Topic()})


@dataclass
class Modern:
    """A client of the consumer protocol. Epoch 0 is that of one that is to join."""

    member_id: str
    epoch: int = 0
    owned: frozenset[int] = frozenset()
    runs: bool = False


@dataclass
class Classic:
    """A client of the classic protocol; it gives everything back before it joins again."""

    member_id: str = ""
    generation: int = -1
    owned: frozenset[int] = frozenset()
    runs: bool = False
    joins: Call | None = None
    syncs: Call | None = None


class Promises(RuleBasedStateMachine):
    @initialize(modern=st.sets(modern_clients), classic=st.sets(classic_clients))
    def begin(self, modern: set[int], classic: set[int]) -> None:
        self.now = 1_000.0
        self.log: list[tuple[bytes, bytes | None]] = []
        self.member_ids = count(1)
        self.modern = [Modern(f"n{next(self.member_ids)}") for _ in range(MODERN)]
        self.classic = [Classic() for _ in range(CLASSIC)]
        self.epoch = 0
        self.restart()
        for client in sorted(classic):
            self.step(client)
        for client in sorted(modern):
            self.beat(client)

    def teardown(self) -> None:
        if hasattr(self, "modern"):
            self.settle()

    # Members of the consumer protocol

    @rule(client=modern_clients)
    def beat(self, client: int) -> None:
        """Send a heartbeat, with which a client that does not run yet joins."""
        member = self.modern[client]
        member.runs = True
        joins = member.epoch == 0
        answer = self.heartbeat(
            ConsumerGroupHeartbeatRequest(
                group_id=GROUP,
                member_id=member.member_id,
                member_epoch=member.epoch,
                rebalance_timeout_ms=REBALANCE_MS if joins else -1,
                subscribed_topic_names=(TOPIC,) if joins else None,
                topic_partitions=(TopicPartitions(topic_id=TOPIC_ID, partitions=tuple(sorted(member.owned))),)
                if member.owned
                else (),
            )
        )
        if answer.error_code:
            assert answer.error_code in (
                ErrorCode.FENCED_MEMBER_EPOCH,
                ErrorCode.UNKNOWN_MEMBER_ID,
                ErrorCode.GROUP_ID_NOT_FOUND,
            )
            member.epoch, member.owned = 0, frozenset()
            return
        member.epoch = answer.member_epoch
        if answer.assignment is not None:
            member.owned = frozenset(each for topic in answer.assignment.topic_partitions for each in topic.partitions)

    @rule(client=modern_clients, says_so=st.booleans())
    def stop_modern(self, client: int, says_so: bool) -> None:
        member = self.modern[client]
        if says_so and member.epoch:
            self.heartbeat(
                ConsumerGroupHeartbeatRequest(
                    group_id=GROUP, member_id=member.member_id, member_epoch=-1, topic_partitions=None
                )
            )
        self.modern[client] = Modern(f"n{next(self.member_ids)}")

    # Members of the classic protocol

    @rule(client=classic_clients)
    def step(self, client: int) -> None:
        """Do what a client does next: join, ask for its assignment, or send a heartbeat."""
        member = self.classic[client]
        member.runs = True
        if member.joins is not None:
            self.after_join(member, member.joins)
        elif member.syncs is not None:
            self.after_sync(member, member.syncs)
        elif member.generation < 0:
            self.join(member)
        else:
            self.classic_heartbeat(member)

    def join(self, member: Classic) -> None:
        member.owned, member.generation = frozenset(), -1
        member.joins = Call()
        request = JoinGroupRequest(
            group_id=GROUP,
            session_timeout_ms=round(SESSION * 1000),
            rebalance_timeout_ms=REBALANCE_MS,
            member_id=member.member_id,
            protocol_type="consumer",
            protocols=(JoinGroupRequestProtocol(name="range", metadata=SUBSCRIPTION),),
        )
        self.take(self.coordinator.join_group(request, client(9), member.joins, now=self.now))

    def after_join(self, member: Classic, call: Call) -> None:
        if call.waits:
            return
        answer, member.joins = call.joined, None
        match answer.error_code:
            case ErrorCode.NONE:
                member.member_id, member.generation = answer.member_id, answer.generation_id
                self.sync(member, {each.member_id for each in answer.members})
            case ErrorCode.MEMBER_ID_REQUIRED:
                member.member_id = answer.member_id
                self.join(member)
            case ErrorCode.REBALANCE_IN_PROGRESS:
                pass
            case code:
                assert code == ErrorCode.UNKNOWN_MEMBER_ID
                member.member_id = ""

    def sync(self, member: Classic, members: set[str]) -> None:
        member.syncs = Call()
        shares = assign_range({each: Subscription(topics=(TOPIC,)) for each in members}, {TOPIC: PARTITIONS})
        request = SyncGroupRequest(
            group_id=GROUP,
            generation_id=member.generation,
            member_id=member.member_id,
            protocol_type="consumer",
            protocol_name="range",
            assignments=tuple(
                SyncGroupRequestAssignment(member_id=each, assignment=encoded([index for _, index in share]))
                for each, share in shares.items()
            ),
        )
        self.take(self.coordinator.sync_group(request, client(5), member.syncs, now=self.now))

    def after_sync(self, member: Classic, call: Call) -> None:
        if call.waits:
            return
        answer, member.syncs = call.synced, None
        if answer.error_code:
            self.lose(member, answer.error_code)
            return
        assigned = decode_assignment(answer.assignment).assigned_partitions if answer.assignment else ()
        member.owned = frozenset(each for topic in assigned for each in topic.partitions)

    def classic_heartbeat(self, member: Classic) -> None:
        call = Call()
        request = HeartbeatRequest(group_id=GROUP, generation_id=member.generation, member_id=member.member_id)
        self.take(self.coordinator.heartbeat(request, client(4), call, now=self.now))
        error = call.answer(HeartbeatResponse).error_code
        if error:
            self.lose(member, error)
            self.join(member)

    def lose(self, member: Classic, error: int) -> None:
        member.owned, member.generation = frozenset(), -1
        if error != ErrorCode.REBALANCE_IN_PROGRESS:
            assert error in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION)
            member.member_id = "" if error == ErrorCode.UNKNOWN_MEMBER_ID else member.member_id

    @rule(client=classic_clients, says_so=st.booleans())
    def stop_classic(self, client: int, says_so: bool) -> None:
        member = self.classic[client]
        if says_so and member.member_id:
            self.goodbye(member.member_id)
        self.classic[client] = Classic()

    def goodbye(self, member_id: str) -> None:
        request = LeaveGroupRequest(group_id=GROUP, members=(MemberIdentity(member_id=member_id),))
        self.take(self.coordinator.leave_group(request, client(5), Call(), now=self.now))

    # Time, and the broker

    @rule(seconds=st.sampled_from((0.5, 2.0, 4.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.coordinator.advance(self.now, self.wall_ms))
        # One that has not reached the broker for the session's time gives up what it has, as the clients do.
        known = self.known_members()
        for modern in self.modern:
            if modern.epoch and modern.member_id not in known:
                modern.epoch, modern.owned = 0, frozenset()
        for classic in self.classic:
            if classic.generation >= 0 and classic.member_id not in known:
                classic.owned = frozenset()

    @rule()
    def restart(self) -> None:
        """Begin again with what the log holds; requests that wait are lost with their connections."""
        config = ConsumerGroupConfig(session_timeout=SESSION)
        before = self.known_members() if self.log else set()
        self.coordinator = GroupCoordinator(
            GroupConfig(offsets_retention_check_interval=1e9),
            Topics(),
            new_member_suffix=lambda: f"m{next(self.member_ids)}",
            consumer_config=lambda _: config,
        )
        self.coordinator.load(replayed(self.log), now=self.now)
        self.take(self.coordinator.advance(self.now, self.wall_ms))
        for member in self.classic:
            member.joins = member.syncs = None
            if not member.owned:
                member.generation = -1
        # A classic group is recorded when its leader has assigned: who has joined since, and the generation that has
        # begun, may be unknown.
        if self.described() is not None:
            assert self.known_members() == before
        else:
            self.epoch = 0

    # What must hold

    @invariant()
    def a_partition_has_one_owner(self) -> None:
        owned = [each for member in self.members for each in member.owned]
        assert len(owned) == len(set(owned))

    @invariant()
    def the_epoch_only_grows(self) -> None:
        view = self.coordinator.group(GROUP)
        epoch = view.generation if view is not None and view.members else 0
        assert epoch >= self.epoch or epoch == 0
        self.epoch = epoch

    def settle(self) -> None:
        """Let the members that run go on alone: together they end with every partition."""
        for _ in range(25):
            self.time_passes(1.0)
            for _ in range(3):
                for number in range(CLASSIC):
                    if self.classic[number].runs:
                        self.step(number)
                        self.a_partition_has_one_owner()
            for number in range(MODERN):
                if self.modern[number].runs:
                    self.beat(number)
                    self.a_partition_has_one_owner()
        running = [each for each in self.members if each.runs]
        owned = [partition for each in running for partition in each.owned]
        assert sorted(owned) == (list(range(PARTITIONS)) if running else [])

    # Helpers

    @property
    def members(self) -> list[Modern | Classic]:
        return [*self.modern, *self.classic]

    @property
    def wall_ms(self) -> int:
        return WALL_MS + round(self.now * 1000)

    def take(self, result: CoordinatorResult) -> None:
        self.log += [(record.key, record.value) for record in result.records]
        for reply in result.replies:
            assert isinstance(reply.handle, Call)
            reply.handle.send(reply.response)

    def heartbeat(self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse:
        call = Call()
        result = self.coordinator.consumer_group_heartbeat(request, client(1), call, now=self.now, wall_ms=self.wall_ms)
        self.take(result)
        return call.answer(ConsumerGroupHeartbeatResponse)

    def described(self) -> DescribedGroup | None:
        """Return the group if it is a consumer group."""
        request = ConsumerGroupDescribeRequest(group_ids=(GROUP,))
        (group,) = finish(self.coordinator.describe_consumer_groups(request)).groups
        return None if group.error_code else group

    def known_members(self) -> set[str]:
        view = self.coordinator.group(GROUP)
        return set() if view is None else {member.member_id for member in view.members}


def client(api_version: int) -> Client:
    return Client(client_id="c", client_host="/127.0.0.1", api_version=api_version)


def encoded(partitions: list[int]) -> bytes:
    assigned = (TopicPartition(topic=TOPIC, partitions=tuple(partitions)),) if partitions else ()
    return encode_consumer_protocol(ConsumerProtocolAssignment(assigned_partitions=assigned))


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

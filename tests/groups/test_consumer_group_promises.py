"""What consumer groups promise, against members that follow KIP-848, lose answers, crash, come back and dawdle.

A partition has one owner at every moment, as the members see it; an owner may commit for what it has; member and group
epochs only grow; a broker that restarts goes on where it was; and a group that is left alone settles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_describe import Assignment, ConsumerGroupDescribeRequest, DescribedGroup
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from tests.support.group_harness import Call, replayed

GROUP = "billing"
CLIENTS = 5
STATICS = 2
WALL_MS = 1_700_000_000_000
SESSION = 10.0
REBALANCE = 6.0
NAMES = ("orders", "returns")

Partition = tuple[bytes, int]
clients = st.integers(0, CLIENTS - 1)
subscriptions = st.sampled_from((NAMES, NAMES[:1], NAMES[1:]))


@dataclass(frozen=True)
class Topic:
    name: str
    topic_id: bytes
    partitions: int


class Topics:
    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[bytes, Topic] = {}
        for number, name in enumerate(NAMES):
            self.put(Topic(name, bytes([number + 1]) * 16, 3))

    def put(self, topic: Topic) -> None:
        self.topics[topic.name] = self.topics_by_id[topic.topic_id] = topic


@dataclass
class Consumer:
    """A client: what it knows of its membership. Epoch 0 is that of one that is to join."""

    instance_id: str | None
    member_id: str
    subscription: tuple[str, ...] = NAMES
    assignor: str | None = None
    epoch: int = 0
    owned: frozenset[Partition] = frozenset()
    runs: bool = False
    is_sure: bool = True
    """Whether it has every answer; if not, its next heartbeat says everything once more."""


class Promises(RuleBasedStateMachine):
    @initialize(founders=st.sets(clients), interval=st.sampled_from((0.0, 1.0)))
    def begin(self, founders: set[int], interval: float) -> None:
        self.now = 1_000.0
        self.topics = Topics()
        self.interval = interval
        self.log: list[tuple[bytes, bytes | None]] = []
        self.member_ids = count(1)
        self.consumers = [
            Consumer(f"till-{i}" if i < STATICS else None, f"m{next(self.member_ids)}") for i in range(CLIENTS)
        ]
        self.group_epoch = 0
        self.restart()
        for client in sorted(founders):
            self.start(client, NAMES, None)

    def teardown(self) -> None:
        if hasattr(self, "consumers"):
            self.settle()

    # What happens

    @precondition(lambda self: not all(each.runs for each in self.consumers))
    @rule(client=clients, subscription=subscriptions, assignor=st.sampled_from((None, "range", "roundrobin")))
    def start(self, client: int, subscription: tuple[str, ...], assignor: str | None) -> None:
        consumer = self.consumers[client]
        if not consumer.runs:
            consumer.runs, consumer.subscription, consumer.assignor = True, subscription, assignor
            self.beat(client, is_answer_lost=False)

    @rule(client=clients, is_answer_lost=st.booleans())
    def beat(self, client: int, is_answer_lost: bool) -> None:
        """Send a heartbeat, which reports what the member has."""
        consumer = self.consumers[client]
        if not consumer.runs:
            return
        says_all = consumer.epoch == 0 or not consumer.is_sure
        answer = self.send(
            ConsumerGroupHeartbeatRequest(
                group_id=GROUP,
                member_id=consumer.member_id,
                member_epoch=consumer.epoch,
                instance_id=consumer.instance_id,
                rebalance_timeout_ms=round(REBALANCE * 1000) if says_all else -1,
                server_assignor=consumer.assignor if says_all else None,
                subscribed_topic_names=consumer.subscription if says_all else None,
                topic_partitions=reported(consumer.owned),
            )
        )
        if is_answer_lost:
            consumer.is_sure = False
        else:
            self.hear(consumer, answer)

    def hear(self, consumer: Consumer, answer: ConsumerGroupHeartbeatResponse) -> None:
        match answer.error_code:
            case ErrorCode.NONE:
                assert answer.member_epoch >= consumer.epoch
                consumer.epoch, consumer.is_sure = answer.member_epoch, True
                if answer.assignment is not None:
                    consumer.owned = frozenset(
                        (topic.topic_id, each)
                        for topic in answer.assignment.topic_partitions
                        for each in topic.partitions
                    )
            case ErrorCode.UNRELEASED_INSTANCE_ID:
                # The former incarnation has crashed; this one goes on asking until its session has ended.
                assert (consumer.epoch, consumer.owned) == (0, frozenset())
            case code:
                assert code in (ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID), answer
                consumer.epoch, consumer.owned = 0, frozenset()

    @rule(client=clients)
    def everyone_but_one_beats(self, client: int) -> None:
        for each in range(CLIENTS):
            if each != client:
                self.beat(each, is_answer_lost=False)

    @rule(client=clients, subscription=subscriptions)
    def subscribe(self, client: int, subscription: tuple[str, ...]) -> None:
        consumer = self.consumers[client]
        if consumer.runs:
            consumer.subscription, consumer.is_sure = subscription, False
            self.beat(client, is_answer_lost=False)

    @rule(client=clients)
    def crash(self, client: int) -> None:
        """Stop without a word; the next incarnation has another member id."""
        self.forget(self.consumers[client])

    @rule(client=clients, for_a_while=st.booleans())
    def leave(self, client: int, for_a_while: bool) -> None:
        consumer = self.consumers[client]
        if consumer.runs and consumer.epoch:
            goodbye = ConsumerGroupHeartbeatRequest(
                group_id=GROUP,
                member_id=consumer.member_id,
                member_epoch=-2 if for_a_while and consumer.instance_id else -1,
                instance_id=consumer.instance_id,
                topic_partitions=None,
            )
            known = (ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.GROUP_ID_NOT_FOUND)
            assert self.send(goodbye).error_code in known
            self.forget(consumer)

    @rule(seconds=st.sampled_from((0.5, 2.0, 4.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.coordinator.advance(self.now, self.wall_ms))
        # One that has not reached the broker for the session's time gives up what it has, as the clients do.
        for consumer in self.consumers:
            if consumer.epoch and not self.is_known(consumer):
                consumer.epoch, consumer.owned = 0, frozenset()

    @rule()
    def restart(self) -> None:
        """Begin again with what the log holds."""
        before = self.described() if self.log else None
        config = ConsumerGroupConfig(session_timeout=SESSION, assignment_interval=self.interval)
        self.coordinator = GroupCoordinator(
            GroupConfig(offsets_retention_check_interval=1e9),
            self.topics,
            new_member_suffix=lambda: f"m{next(self.member_ids)}",
            consumer_config=lambda _: config,
        )
        self.coordinator.load(replayed(self.log), now=self.now)
        self.take(self.coordinator.advance(self.now, self.wall_ms))
        if before is not None:
            assert self.described() == before

    @rule(name=st.sampled_from(NAMES))
    def add_a_partition(self, name: str) -> None:
        topic = self.topics.topics[name]
        if topic.partitions < 6:
            self.topics.put(replace(topic, partitions=topic.partitions + 1))

    # What must hold

    @invariant()
    def a_partition_has_one_owner(self) -> None:
        owners = [partition for consumer in self.consumers for partition in consumer.owned]
        assert len(owners) == len(set(owners))

    @invariant()
    def owners_may_commit(self) -> None:
        for consumer in self.consumers:
            if consumer.owned and consumer.is_sure:
                assert {code for _, code in self.commit(consumer)} == {ErrorCode.NONE}

    @invariant()
    def the_group_epoch_only_grows(self) -> None:
        group = self.group()
        if not group.error_code:
            assert group.group_epoch >= self.group_epoch
            self.group_epoch = group.group_epoch

    def settle(self) -> None:
        """Let the members that run go on alone: they end with every partition that one of them wants."""
        for _ in range(16):
            self.time_passes(2.0)
            for client in range(CLIENTS):
                self.beat(client, is_answer_lost=False)
        self.a_partition_has_one_owner()
        running = [each for each in self.consumers if each.runs]
        wanted = {name for each in running for name in each.subscription}
        owned = {partition for each in running for partition in each.owned}
        expected = {
            (topic.topic_id, partition)
            for name, topic in self.topics.topics.items()
            if name in wanted
            for partition in range(topic.partitions)
        }
        assert owned == expected
        for each in running:
            names = {self.topics.topics_by_id[topic_id].name for topic_id, _ in each.owned}
            assert names <= set(each.subscription)

    # Helpers

    @property
    def wall_ms(self) -> int:
        return WALL_MS + round(self.now * 1000)

    def forget(self, consumer: Consumer) -> None:
        consumer.runs, consumer.epoch, consumer.owned, consumer.is_sure = False, 0, frozenset(), True
        consumer.member_id = f"m{next(self.member_ids)}"

    def take(self, result: CoordinatorResult) -> None:
        self.log += [(record.key, record.value) for record in result.records]

    def send(self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse:
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=1)
        result = self.coordinator.consumer_group_heartbeat(request, client, Call(), now=self.now, wall_ms=self.wall_ms)
        self.take(result)
        (reply,) = result.replies
        assert isinstance(reply.response, ConsumerGroupHeartbeatResponse)
        return reply.response

    def commit(self, consumer: Consumer) -> list[tuple[int, int]]:
        rows = tuple(
            OffsetCommitRequestTopic(
                topic_id=topic.topic_id,
                partitions=tuple(
                    OffsetCommitRequestPartition(partition_index=each, committed_offset=1, committed_metadata=None)
                    for each in topic.partitions
                ),
            )
            for topic in reported(consumer.owned)
        )
        request = OffsetCommitRequest(
            group_id=GROUP,
            generation_id_or_member_epoch=consumer.epoch,
            member_id=consumer.member_id,
            group_instance_id=consumer.instance_id,
            topics=rows,
        )
        client = Client(client_id="c", client_host="/127.0.0.1", api_version=10)
        result = self.coordinator.offset_commit(request, client, Call(), now=self.now, wall_ms=self.wall_ms)
        self.take(result)
        (reply,) = result.replies
        assert isinstance(reply.response, OffsetCommitResponse)
        return [(each.partition_index, each.error_code) for topic in reply.response.topics for each in topic.partitions]

    def group(self) -> DescribedGroup:
        request = ConsumerGroupDescribeRequest(group_ids=(GROUP,))
        (group,) = finish(self.coordinator.describe_consumer_groups(request)).groups
        return group

    def described(self) -> list[tuple[object, ...]]:
        """Return the epochs and the members of the group; nothing if there is none."""
        group = self.group()
        if group.error_code:
            return []
        members = sorted(group.members, key=lambda member: member.member_id)
        plain = [
            replace(member, assignment=_sorted(member.assignment), target_assignment=_sorted(member.target_assignment))
            for member in members
        ]
        return [(group.group_epoch, group.assignment_epoch, group.group_state, plain)]

    def is_known(self, consumer: Consumer) -> bool:
        return any(member.member_id == consumer.member_id for member in self.group().members)


def _sorted(assignment: Assignment) -> Assignment:
    return Assignment(topic_partitions=tuple(sorted(assignment.topic_partitions, key=lambda topic: topic.topic_id)))


def reported(owned: frozenset[Partition]) -> tuple[TopicPartitions, ...]:
    return tuple(
        TopicPartitions(topic_id=topic_id, partitions=tuple(sorted(each for of, each in owned if of == topic_id)))
        for topic_id in sorted({topic_id for topic_id, _ in owned})
    )


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

"""A coordinator with its driver, on a clock that tests move by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.coordinator import GroupCoordinator
from kafkalite.coordinators.groups.registry import GroupConfig
from kafkalite.coordinators.groups.views import GroupView
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import Client, CoordinatorResult
from kafkalite.requests.steps import finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_protocol import ConsumerProtocolSubscription, encode_consumer_protocol
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kafkalite_wire.messages.describe_groups import DescribedGroup, DescribeGroupsRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
    OffsetFetchResponse,
)
from kafkalite_wire.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)

GROUP = "billing"
START = 1_000.0
WALL_MS_AT_START = 1_700_000_000_000
SESSION = 10.0
REBALANCE = 60.0

Response = TypeVar("Response")
Key = TypeVar("Key", str, bytes)


def subscription(*topics: str) -> bytes:
    return encode_consumer_protocol(ConsumerProtocolSubscription(topics=topics), 1)


def replayed(log: Sequence[tuple[bytes, bytes | None]]) -> list[ReplayedRecord]:
    """Return keys and values as the records of a log."""
    return [ReplayedRecord(key, value, offset) for offset, (key, value) in enumerate(log)]


class EveryTopic:
    """A cluster in which every topic exists, with many partitions. Every id is that of ``name``."""

    def __init__(self, name: str = "orders") -> None:
        self._name = name

    @property
    def topics(self) -> Mapping[str, Topic]:
        return _Topics(lambda name: Topic(name))

    @property
    def topics_by_id(self) -> Mapping[bytes, Topic]:
        return _Topics(lambda topic_id: Topic(self._name, topic_id))


@dataclass(frozen=True)
class Topic:
    name: str
    topic_id: bytes = bytes(16)
    partitions: int = 2**31


class _Topics(dict[Key, Topic]):
    def __init__(self, topic: Callable[[Key], Topic]) -> None:
        self._topic: Callable[[Key], Topic] = topic

    def get(self, key: Key, default: object = None) -> Topic:
        del default
        return self._topic(key)


class Call:
    """A request that was made, and its answer as soon as there is one."""

    def __init__(self) -> None:
        self.answers: list[object] = []

    @property
    def waits(self) -> bool:
        return not self.answers

    def send(self, response: object, /) -> None:
        assert self.waits, "answered twice"
        self.answers.append(response)

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)

    def answer(self, of: type[Response]) -> Response:
        assert len(self.answers) == 1, f"{len(self.answers)} answers"
        answer = self.answers[0]
        assert isinstance(answer, of)
        return answer

    @property
    def joined(self) -> JoinGroupResponse:
        return self.answer(JoinGroupResponse)

    @property
    def synced(self) -> SyncGroupResponse:
        return self.answer(SyncGroupResponse)

    @property
    def error(self) -> ErrorCode:
        answer = self.answers[0]
        assert len(self.answers) == 1
        if isinstance(answer, OffsetCommitResponse):
            codes = {partition.error_code for topic in answer.topics for partition in topic.partitions}
            assert len(codes) == 1
            return ErrorCode(codes.pop())
        assert isinstance(answer, JoinGroupResponse | SyncGroupResponse | HeartbeatResponse | LeaveGroupResponse)
        return ErrorCode(answer.error_code)


@dataclass
class Bench:
    """What the server does around a coordinator: time, log and replies."""

    config: GroupConfig = field(default_factory=GroupConfig)
    now: float = START
    log: list[tuple[bytes, bytes | None]] = field(default_factory=list[tuple[bytes, bytes | None]])

    def __post_init__(self) -> None:
        self._suffixes = (str(number) for number in count(1))
        self.start()

    def start(self) -> None:
        self.coordinator = GroupCoordinator(self.config, EveryTopic(), new_member_suffix=lambda: next(self._suffixes))
        self.coordinator.load(replayed(self.log), now=self.now)
        self.pass_time(0.0)

    def restart(self) -> None:
        """Lose everything that is not in the log."""
        self.start()

    @property
    def wall_ms(self) -> int:
        return WALL_MS_AT_START + round((self.now - START) * 1000)

    def perform(self, effects: CoordinatorResult) -> None:
        self.log += [(record.key, record.value) for record in effects.records]
        for reply in effects.replies:
            reply.handle.send(reply.response)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock, and run every timer on the way."""
        until = self.now + seconds
        while (due := self.coordinator.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.perform(self.coordinator.advance(self.now, self.wall_ms))
        self.now = until
        self.perform(self.coordinator.advance(self.now, self.wall_ms))

    def _call(self, ask: Callable[[Call], CoordinatorResult]) -> Call:
        call = Call()
        self.perform(ask(call))
        return call

    # Requests

    def join(
        self,
        member_id: str = "",
        *,
        group: str = GROUP,
        instance_id: str | None = None,
        protocols: Mapping[str, bytes] | Sequence[str] = ("range",),
        protocol_type: str = "consumer",
        session: float = SESSION,
        rebalance: float = REBALANCE,
        client_id: str = "app",
        version: int = 9,
    ) -> Call:
        named = protocols if isinstance(protocols, Mapping) else dict.fromkeys(protocols, subscription("orders"))
        request = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=round(session * 1000),
            rebalance_timeout_ms=round(rebalance * 1000),
            member_id=member_id,
            group_instance_id=instance_id,
            protocol_type=protocol_type,
            protocols=tuple(JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in named.items()),
        )
        client = self.client(version, client_id)
        return self._call(lambda call: self.coordinator.join_group(request, client, call, now=self.now))

    def sync(
        self,
        member_id: str,
        generation: int,
        assignments: Mapping[str, bytes] | None = None,
        *,
        group: str = GROUP,
        instance_id: str | None = None,
        protocol_type: str | None = "consumer",
        protocol_name: str | None = "range",
        version: int = 5,
    ) -> Call:
        request = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance_id,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=tuple(
                SyncGroupRequestAssignment(member_id=member, assignment=assignment)
                for member, assignment in (assignments or {}).items()
            ),
        )
        client = self.client(version)
        return self._call(lambda call: self.coordinator.sync_group(request, client, call, now=self.now))

    def heartbeat(
        self, member_id: str, generation: int, *, group: str = GROUP, instance_id: str | None = None
    ) -> ErrorCode:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member_id, group_instance_id=instance_id
        )
        client = self.client(4)
        return self._call(lambda call: self.coordinator.heartbeat(request, client, call, now=self.now)).error

    def leave(self, *identities: tuple[str, str | None], group: str = GROUP, version: int = 5) -> LeaveGroupResponse:
        members = tuple(MemberIdentity(member_id=member, group_instance_id=static) for member, static in identities)
        if version < 3:
            request = LeaveGroupRequest(group_id=group, member_id=identities[0][0])
        else:
            request = LeaveGroupRequest(group_id=group, members=members)
        client = self.client(version)
        left = self._call(lambda call: self.coordinator.leave_group(request, client, call, now=self.now))
        return left.answer(LeaveGroupResponse)

    def commit(
        self,
        offset: int,
        member_id: str = "",
        generation: int = -1,
        *,
        group: str = GROUP,
        topic: str = "orders",
        partition: int = 0,
        instance_id: str | None = None,
        metadata: str | None = None,
        retention_time_ms: int = -1,
        topic_id: bytes = bytes(16),
        version: int = 9,
    ) -> ErrorCode:
        request = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=instance_id,
            retention_time_ms=retention_time_ms,
            topics=(
                OffsetCommitRequestTopic(
                    name=topic,
                    topic_id=topic_id,
                    partitions=(
                        OffsetCommitRequestPartition(
                            partition_index=partition,
                            committed_offset=offset,
                            committed_leader_epoch=3,
                            committed_metadata=metadata,
                        ),
                    ),
                ),
            ),
        )
        client = self.client(version)
        return self._call(
            lambda call: self.coordinator.offset_commit(request, client, call, now=self.now, wall_ms=self.wall_ms)
        ).error

    def fetch(self, request: OffsetFetchRequest, *, version: int) -> OffsetFetchResponse:
        client = self.client(version)
        return finish(self.coordinator.offset_fetch(request, client))

    def committed(self, topic: str = "orders", partition: int = 0, *, group: str = GROUP) -> int:
        """Ask how far a group has come in one partition."""
        topics = (OffsetFetchRequestTopic(name=topic, partition_indexes=(partition,)),)
        fetched = self.fetch(OffsetFetchRequest(group_id=group, topics=topics), version=7)
        return fetched.topics[0].partitions[0].committed_offset

    def describe(self, group: str = GROUP, *, version: int = 6) -> DescribedGroup:
        request = DescribeGroupsRequest(groups=(group,))
        client = self.client(version)
        return finish(self.coordinator.describe_groups(request, client)).groups[0]

    def list_groups(self, *, states: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> dict[str, str]:
        """List the groups, with their states."""
        request = ListGroupsRequest(states_filter=states, types_filter=types)
        listed = finish(self.coordinator.list_groups(request))
        return {group.group_id: group.group_state for group in listed.groups}

    def delete(self, *groups: str) -> list[ErrorCode]:
        request = DeleteGroupsRequest(groups_names=groups)
        client = self.client(2)
        deleted = self._call(lambda call: self.coordinator.delete_groups(request, client, call))
        return [ErrorCode(result.error_code) for result in deleted.answer(DeleteGroupsResponse).results]

    def cancel(self, call: Call) -> None:
        """Lose the connection that a call was made on."""
        self.perform(self.coordinator.cancel(call))

    @staticmethod
    def client(version: int, client_id: str = "app") -> Client:
        return Client(client_id=client_id, client_host="/127.0.0.1", api_version=version)

    # Looking in

    @property
    def group(self) -> GroupView:
        found = self.coordinator.group(GROUP)
        assert found is not None
        return found

    def state(self) -> GroupState:
        return GroupState(self.group.state)

    # Groups to begin with

    def new_member(self, **given: object) -> tuple[str, Call]:
        """Join as a dynamic member does: first for an id, then with it."""
        first = self.join(**given)  # type: ignore[arg-type] # the arguments of join, passed through
        assert first.error is ErrorCode.MEMBER_ID_REQUIRED
        member_id = first.joined.member_id
        return member_id, self.join(member_id, **given)  # type: ignore[arg-type] # as above

    def stable_group(self, size: int = 1, **given: object) -> list[str]:
        """Bring a group of dynamic members together; the first one leads."""
        members = [self.new_member(**given) for _ in range(size)]
        self.pass_time(0.0)
        generation = members[0][1].joined.generation_id
        names = [member for member, _ in members]
        calls = [self.sync(member, generation) for member in names[1:]]
        calls.append(self.sync(names[0], generation, {member: member.encode() for member in names}))
        assert [call.error for call in calls] == [ErrorCode.NONE] * size
        assert self.state() is GroupState.STABLE
        return names

    def keep_alive(self, seconds: float, members: Sequence[str]) -> None:
        """Advance the clock while members send their heartbeats."""
        generation = self.group.generation
        until = self.now + seconds
        while self.now < until:
            self.pass_time(min(3.0, until - self.now))
            for member in members:
                self.heartbeat(member, generation)

"""The coordinator of all groups of a broker: requests and the time go in, records and replies come out."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from kafkalite.coordinators.groups.administration import delete_groups, describe_groups, list_groups
from kafkalite.coordinators.groups.classic.group import Group as ClassicGroup
from kafkalite.coordinators.groups.classic.membership import Membership
from kafkalite.coordinators.groups.classic.rebalance import Rebalances
from kafkalite.coordinators.groups.classic.registry import ClassicGroups
from kafkalite.coordinators.groups.classic.responses import join_refused, sync_refused
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.classic.steering import refuse_waiting, suspend
from kafkalite.coordinators.groups.classic.waiting import Waiting
from kafkalite.coordinators.groups.consumer.classic_members import ClassicMembers
from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
from kafkalite.coordinators.groups.consumer.describing import describe_consumer_groups
from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
from kafkalite.coordinators.groups.consumer.membership import ConsumerMembership
from kafkalite.coordinators.groups.consumer.migration import Migration, MigrationPolicy
from kafkalite.coordinators.groups.fetching import fetch_offsets
from kafkalite.coordinators.groups.former_partitions import MisplacedRecord, is_misplaced
from kafkalite.coordinators.groups.loading import load
from kafkalite.coordinators.groups.modern.group import ModernGroup
from kafkalite.coordinators.groups.offset_table import OffsetTable, PendingOffsets
from kafkalite.coordinators.groups.offsets import Offsets
from kafkalite.coordinators.groups.records import group_of
from kafkalite.coordinators.groups.registry import CoordinatedGroup, GroupConfig, Groups, partition_for
from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
from kafkalite.coordinators.groups.share.describing import describe_share_groups
from kafkalite.coordinators.groups.share.membership import ShareMembership
from kafkalite.coordinators.groups.steering import Steering
from kafkalite.coordinators.groups.streams.configs import StreamsGroupConfig
from kafkalite.coordinators.groups.streams.describing import describe_streams_groups
from kafkalite.coordinators.groups.streams.membership import StreamsMembership, refusal
from kafkalite.coordinators.groups.views import GroupView, classic_view
from kafkalite.coordinators.results import (
    NO_RESULT,
    Client,
    CoordinatorResult,
    ProducerIdAndEpoch,
    ResultBuilder,
    WallTime,
)
from kafkalite.coordinators.timers import Timers
from kafkalite.requests.steps import WorkMeter, finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatResponse
from kafkalite_wire.messages.heartbeat import HeartbeatResponse
from kafkalite_wire.messages.leave_group import LeaveGroupResponse
from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from kafkalite.coordinators.groups.classic.rebalance import AssignmentHook
    from kafkalite.coordinators.groups.consumer.membership import TargetHook
    from kafkalite.coordinators.groups.modern.membership import ModernMembership
    from kafkalite.coordinators.groups.offsets import EncodedDeletion
    from kafkalite.coordinators.groups.records import LiveRecord, Skip
    from kafkalite.coordinators.replay import ReplayedRecord
    from kafkalite.coordinators.results import ResponseSink
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.consumer_group_describe import (
        ConsumerGroupDescribeRequest,
        ConsumerGroupDescribeResponse,
    )
    from kafkalite_wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
    from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
    from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest
    from kafkalite_wire.messages.join_group import JoinGroupRequest
    from kafkalite_wire.messages.leave_group import LeaveGroupRequest
    from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
    from kafkalite_wire.messages.share_group_describe import ShareGroupDescribeRequest, ShareGroupDescribeResponse
    from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatRequest
    from kafkalite_wire.messages.streams_group_describe import (
        StreamsGroupDescribeRequest,
        StreamsGroupDescribeResponse,
    )
    from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest
    from kafkalite_wire.messages.sync_group import SyncGroupRequest

__all__ = ["GroupConfig", "GroupCoordinator", "partition_for"]

_OFFSETS_A_RESULT: Final = 20


def _ignore(record: ReplayedRecord, reason: str) -> None:
    del record, reason


def _default_consumer_config(group: str) -> ConsumerGroupConfig:
    del group
    return ConsumerGroupConfig()


def _default_share_config(group: str) -> ShareGroupConfig:
    del group
    return ShareGroupConfig()


def _default_streams_config(group: str) -> StreamsGroupConfig:
    del group
    return StreamsGroupConfig()


class GroupCoordinator:
    """All groups, with their members and committed offsets.

    ``now`` is monotonic seconds, ``wall_ms`` is record time in milliseconds since 1970. ``handle`` comes back in the
    one :class:`Reply` to the request. The service appends the records of a result before it sends the replies, and
    calls :meth:`advance` when :meth:`next_deadline` has come. State changes before the records are appended: a service
    that cannot append them loads a new coordinator and disconnects the :meth:`waiting_handles` of the old one.

    ``topics`` are the cluster's topics: offsets are committed only for partitions that exist. ``new_member_suffix``
    returns the unique part of a member id, in Kafka a random UUID, and ``new_member_id`` the id of a member of a
    consumer group that has none, in Kafka a random UUID in base 64; the suffix by default. ``assignment_hook`` may
    change what the leaders of groups assign, and ``target_hook`` the target assignments of consumer groups.
    """

    def __init__(
        self,
        config: GroupConfig,
        topics: ClusterTopics,
        *,
        new_member_suffix: Callable[[], str],
        new_member_id: Callable[[], str] | None = None,
        assignment_hook: AssignmentHook | None = None,
        target_hook: TargetHook | None = None,
        consumer_config: Callable[[str], ConsumerGroupConfig] | None = None,
        share_config: Callable[[str], ShareGroupConfig] | None = None,
        streams_config: Callable[[str], StreamsGroupConfig] | None = None,
        migration_policy: MigrationPolicy = MigrationPolicy.BIDIRECTIONAL,
    ) -> None:
        self._config = config
        self._timers = Timers()
        self._waiting = Waiting()
        self._rebalances = Rebalances(config, self._timers, self._waiting, assignment_hook)
        self._topics = topics
        self._groups = Groups()
        self._classic = ClassicGroups(self._groups, self._rebalances)
        self._table = OffsetTable()
        self._pending = PendingOffsets()
        self._offsets = Offsets(config, self._groups, self._table, self._pending, topics, self._new_group)
        self._membership = Membership(config, self._classic, self._rebalances, self._waiting, new_member_suffix)
        self._consumer_config = consumer_config or _default_consumer_config
        new_member_id = new_member_id or new_member_suffix
        migration = Migration(self._groups, topics, self._rebalances, config, migration_policy)
        self._consumers = ConsumerMembership(
            self._groups, topics, self._timers, self._consumer_config, new_member_id, migration, target_hook
        )
        self._classic_members = ClassicMembers(config, topics, self._timers, self._consumers, migration, new_member_id)
        self.shares = ShareMembership(self._groups, topics, self._timers, share_config or _default_share_config)
        """The share groups, and the states that the share coordinator is to keep for them."""
        self.streams = StreamsMembership(self._groups, topics, self._timers, streams_config or _default_streams_config)
        """The streams groups, and the internal topics that are to be created for them."""
        self._kinds = (self._consumers, self.shares, self.streams)
        self.steering = Steering(self._groups, self._classic, self._rebalances, self._kinds, self._builder)
        """The controls of tests."""
        self._wall = WallTime()
        self._misplaced: list[MisplacedRecord] = []
        self._expiry = self._timers.timer(self._expire)

    # Members

    def join_group(
        self, request: JoinGroupRequest, client: Client, handle: ResponseSink, *, now: float
    ) -> CoordinatorResult:
        """Add a member to the next generation of its group (JoinGroup)."""
        result = self._builder(now)
        if self._groups.is_failed(request.group_id):
            result.reply(handle, join_refused(client.api_version, request.member_id, ErrorCode.NOT_COORDINATOR))
            return result.build()
        group = self._consumer_group(request.group_id)
        if group is None:
            self._membership.join(request, client, handle, result)
        else:
            result.reply(handle, self._classic_members.join(group, request, client, result))
        self._watch_expiry(now)
        return result.build()

    def sync_group(
        self, request: SyncGroupRequest, client: Client, handle: ResponseSink, *, now: float
    ) -> CoordinatorResult:
        """Take the leader's assignments and hand them out (SyncGroup)."""
        result = self._builder(now)
        if self._groups.is_failed(request.group_id):
            result.reply(handle, sync_refused(ErrorCode.NOT_COORDINATOR))
            return result.build()
        group = self._consumer_group(request.group_id)
        if group is None:
            self._membership.sync(request, client, handle, result)
        else:
            result.reply(handle, self._classic_members.sync(group, request, client, now))
        return result.build()

    def heartbeat(
        self,
        request: HeartbeatRequest,
        client: Client,  # noqa: ARG002 - all requests of members have the same shape
        handle: ResponseSink,
        *,
        now: float,
    ) -> CoordinatorResult:
        """Restart a member's session, and answer whether it must rejoin (Heartbeat)."""
        result = self._builder(now)
        if self._groups.is_failed(request.group_id):
            result.reply(handle, HeartbeatResponse(error_code=ErrorCode.NOT_COORDINATOR))
        elif (group := self._consumer_group(request.group_id)) is not None:
            result.reply(handle, self._classic_members.heartbeat(group, request, now))
        else:
            result.reply(handle, self._membership.heartbeat(request, result))
        return result.build()

    def answer_heartbeat(self, request: HeartbeatRequest, handle: ResponseSink, *, now: float) -> CoordinatorResult:
        """Answer a delayed heartbeat: whether to rejoin. It does not restart the session a second time."""
        result = self._builder(now)
        group = self._consumer_group(request.group_id)
        if group is None:
            result.reply(handle, self._membership.heartbeat(request, result, is_new=False))
        else:  # it has changed its protocol since
            result.reply(handle, self._classic_members.heartbeat(group, request, now, is_new=False))
        return result.build()

    def leave_group(
        self, request: LeaveGroupRequest, client: Client, handle: ResponseSink, *, now: float
    ) -> CoordinatorResult:
        """Remove members (LeaveGroup)."""
        result = self._builder(now)
        if self._groups.is_failed(request.group_id):
            result.reply(handle, LeaveGroupResponse(error_code=ErrorCode.NOT_COORDINATOR))
            return result.build()
        group = self._consumer_group(request.group_id)
        if group is None:
            result.reply(handle, self._membership.leave(request, client, result))
        else:
            result.reply(handle, self._classic_members.leave(group, request, client, result))
        return result.build()

    def _consumer_group(self, group_id: str) -> ConsumerGroup | None:
        """Return a consumer group with members, whose classic members are served as well."""
        group = self._groups.get(group_id)
        return group if isinstance(group, ConsumerGroup) and group.members else None

    def consumer_group_heartbeat(
        self,
        request: ConsumerGroupHeartbeatRequest,
        client: Client,
        handle: ResponseSink,
        *,
        now: float,
        wall_ms: int,
        may_read: Callable[[str], bool] = lambda _: True,
    ) -> CoordinatorResult:
        """Answer the heartbeat of a consumer group's member, which may join or leave with it (KIP-848).

        ``may_read`` says which topics its regular expressions may match.
        """
        not_coordinator = ConsumerGroupHeartbeatResponse(error_code=ErrorCode.NOT_COORDINATOR)
        return self._beat(
            request.group_id,
            handle,
            lambda result: self._consumers.heartbeat(request, client, result, may_read),
            not_coordinator,
            now,
            wall_ms,
        )

    def share_group_heartbeat(
        self, request: ShareGroupHeartbeatRequest, client: Client, handle: ResponseSink, *, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Answer the heartbeat of a share group's member, which may join or leave with it (KIP-932)."""
        not_coordinator = ShareGroupHeartbeatResponse(error_code=ErrorCode.NOT_COORDINATOR)
        return self._beat(
            request.group_id,
            handle,
            lambda result: self.shares.heartbeat(request, client, result),
            not_coordinator,
            now,
            wall_ms,
        )

    def streams_group_heartbeat(
        self,
        request: StreamsGroupHeartbeatRequest,
        client: Client,
        handle: ResponseSink,
        *,
        now: float,
        wall_ms: int,
        may_create: Callable[[str], bool] = lambda _: True,
    ) -> CoordinatorResult:
        """Answer the heartbeat of a streams group's member, which may join or leave with it (KIP-1071).

        ``may_create`` says which internal topics may be created for it.
        """
        return self._beat(
            request.group_id,
            handle,
            lambda result: self.streams.heartbeat(request, client, result, may_create),
            refusal(ErrorCode.NOT_COORDINATOR),
            now,
            wall_ms,
        )

    def _beat(
        self,
        group_id: str,
        handle: ResponseSink,
        answer: Callable[[ResultBuilder], object],
        not_coordinator: object,
        now: float,
        wall_ms: int,
    ) -> CoordinatorResult:
        """Answer the heartbeat of a group whose partitions the broker assigns."""
        self._wall.note(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        result.reply(handle, not_coordinator if self._groups.is_failed(group_id) else answer(result))
        self._watch_expiry(now)
        return result.build()

    def cancel(self, handle: ResponseSink) -> CoordinatorResult:
        """Drop a handle, because its client has disconnected. Its member stays until its session ends, as in Kafka."""
        self._waiting.abandon(handle)
        return NO_RESULT

    # Offsets

    def offset_commit(
        self, request: OffsetCommitRequest, client: Client, handle: ResponseSink, *, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Store offsets for partitions that exist (OffsetCommit)."""
        self._wall.note(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        result.reply(handle, self._offsets.commit(request, client, wall_ms, result))
        self._watch_expiry(now)
        return result.build()

    def txn_offset_commit(
        self,
        request: OffsetCommitRequest,
        producer: ProducerIdAndEpoch,
        handle: ResponseSink,
        *,
        by_id: bool,
        now: float,
        wall_ms: int,
    ) -> CoordinatorResult:
        """Keep offsets until a producer's transaction ends (TxnOffsetCommit); reply as to an OffsetCommit."""
        self._wall.note(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        response = self._offsets.commit_in_transaction(request, producer, wall_ms, result, by_id=by_id)
        result.reply(handle, response)
        self._watch_expiry(now)
        return result.build()

    def end_transaction(
        self, producer_id: int, belongs: Callable[[str], bool], *, commit: bool, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Set or drop what a transaction has committed, because its marker is in the groups' partition."""
        result = ResultBuilder(now, wall_ms)
        self._offsets.end_transaction(producer_id, belongs, result, commit=commit)
        return result.build()

    def offset_fetch(self, request: OffsetFetchRequest, client: Client) -> Steps[OffsetFetchResponse]:
        """Look offsets up, in steps (OffsetFetch)."""
        return fetch_offsets(request, client.api_version, self._groups, self._table, self._pending, self._topics)

    def offset_delete(
        self,
        request: OffsetDeleteRequest,
        client: Client,  # noqa: ARG002 - all requests have the same shape
        handle: ResponseSink,
    ) -> CoordinatorResult:
        """Delete offsets, unless members may be reading their topics (OffsetDelete)."""
        result = self._timeless_builder()
        result.reply(handle, self._offsets.delete(request, result))
        return result.build()

    def delete_topic_offsets(self, topic: str, topic_id: bytes) -> Iterator[CoordinatorResult]:
        """Forget the offsets of a topic that has been deleted, a few in each result."""
        committed = self._table.committed_to(topic, topic_id)
        while some := list(islice(committed, _OFFSETS_A_RESULT)):
            result = self._timeless_builder()
            self._offsets.delete_of_topic(topic, some, result)
            yield result.build()
        result = self._timeless_builder()
        self._offsets.delete_pending_of_topic(topic, result)
        yield result.build()

    # Administration

    def list_groups(self, request: ListGroupsRequest) -> Steps[ListGroupsResponse]:
        """List groups by state and type, in steps (ListGroups)."""
        return list_groups(request, self._groups)

    def describe_groups(self, request: DescribeGroupsRequest, client: Client) -> Steps[DescribeGroupsResponse]:
        """Describe groups with their members, in steps (DescribeGroups)."""
        return describe_groups(request, client.api_version, self._groups)

    def describe_consumer_groups(self, request: ConsumerGroupDescribeRequest) -> Steps[ConsumerGroupDescribeResponse]:
        """Describe consumer groups with their members and assignments, in steps (ConsumerGroupDescribe)."""
        return describe_consumer_groups(request, self._groups, self._topics, self._consumer_config("").assignors[0])

    def describe_share_groups(self, request: ShareGroupDescribeRequest) -> Steps[ShareGroupDescribeResponse]:
        """Describe share groups with their members and assignments, in steps (ShareGroupDescribe)."""
        return describe_share_groups(request, self._groups, self._topics)

    def describe_streams_groups(self, request: StreamsGroupDescribeRequest) -> Steps[StreamsGroupDescribeResponse]:
        """Describe streams groups with their topologies, members and tasks, in steps (StreamsGroupDescribe)."""
        return describe_streams_groups(request, self._groups)

    def delete_groups(
        self,
        request: DeleteGroupsRequest,
        client: Client,  # noqa: ARG002 - all requests have the same shape
        handle: ResponseSink,
        *,
        encoded: EncodedDeletion | None = None,
    ) -> CoordinatorResult:
        """Delete groups without members, and their offsets (DeleteGroups); part of it may be encoded for one group."""
        result = self._timeless_builder()
        result.reply(handle, delete_groups(request, self._groups, self._offsets, result, encoded))
        return result.build()

    def has_many_offsets(self, group_id: str) -> bool:
        """Return whether the deletion of a group takes long, unless it is encoded before."""
        return self._offsets.has_many(group_id)

    def encode_deletion(self, group_id: str, meter: WorkMeter) -> Steps[EncodedDeletion]:
        """Encode what deletes a group's offsets, in steps."""
        return self._offsets.encode_deletion(group_id, meter)

    def has_no_group(self, group_id: str) -> bool:
        """Return whether there is no group of any kind with an id."""
        return self._groups.get(group_id) is None

    # The log and the time

    def load(
        self,
        records: Iterable[ReplayedRecord],
        *,
        now: float,
        skip: Skip = _ignore,
        belongs: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Take over the groups that a partition of ``__consumer_offsets`` holds, before any request for them.

        A rebalance that was under way is not in the log: its members rejoin when a heartbeat or sync asks them to.
        Records that cannot be decoded, and those of unknown types, are passed to ``skip``.
        """
        finish(self._load(records, skip, WorkMeter(), now, belongs))

    def _load(
        self,
        records: Iterable[ReplayedRecord],
        skip: Skip,
        meter: WorkMeter,
        now: float,
        belongs: Callable[[str], bool],
        left_out: Callable[[LiveRecord], None] = lambda _: None,
    ) -> Steps[None]:
        yield from load(
            records,
            skip,
            meter,
            self._config,
            self._classic,
            self._table,
            self._pending,
            self._rebalances,
            self._kinds,
            self._builder(now),
            belongs=belongs,
            left_out=left_out,
        )
        self._watch_expiry(now)

    def load_partition(
        self,
        records: Iterable[ReplayedRecord],
        skip: Skip,
        meter: WorkMeter,
        *,
        number: int,
        partitions: int,
        now: float,
        wall_ms: int,
    ) -> Steps[None]:
        """Load one partition of so many, in steps; the coordinator service calls this once for each.

        A partition that was added to the topic changes which one a group belongs to. As in Kafka, the records that
        such a group has in its former partition no longer count.
        """
        del wall_ms  # what groups need of it comes with the next request

        def left_out(each: LiveRecord) -> None:
            if each.value is not None and is_misplaced(group_of(each.key), number, partitions):
                self._misplaced.append(MisplacedRecord(group_of(each.key), number, each.record))

        @cache
        def belongs(group_id: str) -> bool:
            return partition_for(group_id, partitions) == number

        return self._load(records, skip, meter, now, belongs, left_out)

    def move_misplaced(self, *, now: float) -> CoordinatorResult:
        """Move the groups that an earlier release has kept in other partitions, unless they are in their own too."""
        found, self._misplaced = self._misplaced, []
        result = self._builder(now)
        moved = [each for each in found if self._groups.get(each.group_id) is None]
        for group_id, partition, record in found:
            result.record(group_id, record.key, None, partition=partition)
        for group_id, _, record in moved:
            result.record(group_id, record.key, record.value)
        if moved:
            self.load([each.record for each in moved], now=now)
        return result.build()

    def fail_partitions(self, failed: Collection[int], partitions: int) -> None:
        """Answer NOT_COORDINATOR for the groups of partitions that could not be loaded, out of so many."""
        self._groups.fail_partitions(failed, partitions)

    def register(self, group: CoordinatedGroup) -> None:
        """Add a group of any kind."""
        self._groups.add(group)

    def next_deadline(self) -> float | None:
        """Return when :meth:`advance` must be called, None while no timer is set; any other call may change it."""
        return self._timers.next_deadline()

    def advance(self, now: float, wall_ms: int) -> CoordinatorResult:
        """Run the timers that are due: sessions and rebalances time out, offsets expire."""
        self._wall.note(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        while (timer := self._timers.pop_due(now)) is not None:
            timer.action(result)
        return result.build()

    # The coordinator moves

    def refuse_waiting(self, belongs: Callable[[str], bool], *, now: float) -> CoordinatorResult:
        """Answer every join and sync that waits in the groups that belong, with NOT_COORDINATOR."""
        result = self._builder(now)
        refuse_waiting(self._chosen(belongs), self._rebalances, result)
        return result.build()

    def reload(self, belongs: Callable[[str], bool], records: Iterable[ReplayedRecord], *, now: float) -> None:
        """Forget the groups that belong, for which nothing waits, and load them from their log as :meth:`load` does."""
        result = self._builder(now)
        self.suspend(belongs)
        for group_id in [group.group_id for group in self._groups if belongs(group.group_id)]:
            self._groups.discard(group_id, result)
            self._table.discard(group_id)
            self._pending.discard_group(group_id)
        finish(
            load(
                records,
                _ignore,
                WorkMeter(),
                self._config,
                self._classic,
                self._table,
                self._pending,
                self._rebalances,
                self._kinds,
                result,
                belongs=belongs,
            )
        )

    def suspend(self, belongs: Callable[[str], bool]) -> None:
        """Cancel the timers of the groups that belong until they are loaded again."""
        suspend(self._chosen(belongs))
        for group in self._groups:
            if isinstance(group, ModernGroup) and belongs(group.group_id):
                group.suspend()

    # Queries

    def groups(self) -> tuple[GroupView, ...]:
        """Return a view of each group."""
        return tuple(view for group in self._groups if (view := self._view(group)) is not None)

    def group(self, group_id: str) -> GroupView | None:
        """Return a view of a group."""
        found = self._groups.get(group_id)
        return None if found is None else self._view(found)

    def _view(self, group: CoordinatedGroup) -> GroupView | None:
        offsets = {
            (topic, partition): committed
            for topic, partitions in self._table.of(group.group_id).items()
            for partition, committed in partitions.items()
        }
        if isinstance(group, ClassicGroup):
            return classic_view(group, offsets)
        kind = self._kind_of(group)
        return None if kind is None else kind.view(group, offsets)

    def _kind_of(self, group: CoordinatedGroup | None) -> ModernMembership[Any, Any, Any] | None:
        return next((kind for kind in self._kinds if isinstance(group, kind.group_class)), None)

    def is_rebalancing(self, group_id: str) -> bool:
        """Return whether the group's members must rejoin."""
        group = self._classic.get(group_id)
        return group is not None and group.state is GroupState.PREPARING_REBALANCE

    def settled_session_timeout(self, request: HeartbeatRequest) -> float | None:
        """Return the session time-out of a member whose heartbeat would bring no news, None for any other."""
        group = self._classic.get(request.group_id)
        if group is None or group.state is not GroupState.STABLE or request.generation_id != group.generation:
            return None
        if group.validate(request.member_id, request.group_instance_id):
            return None
        return group.members[request.member_id].session_timeout

    def waiting_handles(self) -> Collection[ResponseSink]:
        """Return the handles of joins and syncs that are owed a response."""
        return self._waiting.handles()

    def _chosen(self, belongs: Callable[[str], bool]) -> Iterable[ClassicGroup]:
        return [group for group in self._classic if belongs(group.group_id)]

    def _new_group(self, group_id: str, result: ResultBuilder) -> CoordinatedGroup:
        return self._rebalances.new_group(group_id, result.wall_ms)

    def _builder(self, now: float) -> ResultBuilder:
        return ResultBuilder(now, self._wall.at(now))

    def _timeless_builder(self) -> ResultBuilder:
        return ResultBuilder(0.0, None)

    def _watch_expiry(self, now: float) -> None:
        if self._expiry.when is None and len(self._groups):
            self._expiry.move(now + self._config.offsets_retention_check_interval)

    def _expire(self, result: ResultBuilder) -> None:
        if result.wall_ms is not None:
            self._offsets.expire(result.wall_ms, result)
        self._watch_expiry(result.now)

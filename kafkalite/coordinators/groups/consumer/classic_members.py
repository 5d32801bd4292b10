"""What JoinGroup, SyncGroup, Heartbeat and LeaveGroup do to a consumer group (KIP-848, online migration).

For a member of the classic protocol the member epoch is its generation. REBALANCE_IN_PROGRESS tells it to join again,
with which it says what it still has, and SyncGroup answers what the broker has assigned to it. There is no leader.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import CONSUMER
from kafkalite.coordinators.groups.classic.responses import join_refused, sync_refused
from kafkalite.coordinators.groups.consumer.group import new_member
from kafkalite.coordinators.groups.consumer.member import ClassicProtocol, MemberState
from kafkalite.coordinators.groups.consumer.migration import MigrationPolicy, by_topic_id, encoded_assignment
from kafkalite.coordinators.groups.modern.membership import MemberRefusedError, unknown_member
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_group_heartbeat import TopicPartitions
from kafkalite_wire.messages.consumer_protocol import decode_subscription
from kafkalite_wire.messages.heartbeat import HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupResponse, MemberIdentity, MemberResponse
from kafkalite_wire.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
    from kafkalite.coordinators.groups.consumer.member import ConsumerMember
    from kafkalite.coordinators.groups.consumer.membership import ConsumerMembership
    from kafkalite.coordinators.groups.consumer.migration import Migration
    from kafkalite.coordinators.groups.registry import GroupConfig
    from kafkalite.coordinators.results import Client, ResultBuilder
    from kafkalite.coordinators.timers import Timer, Timers
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.consumer_protocol import ConsumerProtocolSubscription
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest
    from kafkalite_wire.messages.join_group import JoinGroupRequest
    from kafkalite_wire.messages.leave_group import LeaveGroupRequest
    from kafkalite_wire.messages.sync_group import SyncGroupRequest

_REBALANCE_TIMEOUT_SINCE: Final = 1
_MEMBER_ID_REQUIRED_SINCE: Final = 4
_PROTOCOL_IN_SYNC_SINCE: Final = 5
_BATCH_LEAVE_SINCE: Final = 3


class ClassicMembers:
    """The members of consumer groups that use the classic protocol."""

    def __init__(
        self,
        config: GroupConfig,
        topics: ClusterTopics,
        timers: Timers,
        members: ConsumerMembership,
        migration: Migration,
        new_member_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._topics = topics
        self._timers = timers
        self._members = members
        self._migration = migration
        self._new_member_id = new_member_id

    # JoinGroup

    def join(
        self, group: ConsumerGroup, request: JoinGroupRequest, client: Client, result: ResultBuilder
    ) -> JoinGroupResponse:
        """Take over what a member wants and still has, and answer its epoch."""
        shortest, longest = self._config.group_min_session_timeout, self._config.group_max_session_timeout
        if not shortest <= request.session_timeout_ms / 1000 <= longest:
            return join_refused(client.api_version, request.member_id, ErrorCode.INVALID_SESSION_TIMEOUT)
        try:
            return self._join(group, request, client, result)
        except MemberRefusedError as refused:
            return join_refused(client.api_version, "", refused.error)

    def _join(
        self, group: ConsumerGroup, request: JoinGroupRequest, client: Client, result: ResultBuilder
    ) -> JoinGroupResponse:
        instance_id = request.group_instance_id
        member_id = request.member_id or self._new_member_id()
        self._check_join(group, request, member_id)
        if not request.member_id and instance_id is None and client.api_version >= _MEMBER_ID_REQUIRED_SINCE:
            return join_refused(client.api_version, member_id, ErrorCode.MEMBER_ID_REQUIRED)
        subscription = _subscription(request)
        replaced = None if instance_id is None else group.static_members.get(instance_id)
        is_downgrade = replaced is not None and self._migration.can_downgrade_with(group, replaced=replaced)
        member = self._member(group, request, member_id, result)
        updated = replace(
            member,
            instance_id=instance_id or member.instance_id,
            rack_id=subscription.rack_id or member.rack_id,
            client_id=client.client_id,
            client_host=client.client_host,
            subscribed_topics=frozenset(subscription.topics),
            subscribed_regex="",
            rebalance_timeout_ms=_rebalance_timeout_ms(request, client.api_version),
            classic=ClassicProtocol(session_timeout_ms=request.session_timeout_ms, protocols=request.protocols),
        )
        has_changed = self._members.subscribe(group, member, updated, result)
        if not is_downgrade:
            self._members.assign(group, result)
        is_stale = is_downgrade and group.epoch > group.assignment_epoch
        if not is_stale:
            owned = by_topic_id(subscription.owned_partitions, self._topics)
            reported = tuple(
                TopicPartitions(topic_id=topic_id, partitions=tuple(partitions))
                for topic_id, partitions in owned.items()
            )
            self._members.reconcile(group, member_id, reported, result, has_changed=has_changed)
        joined = group.members[member_id]
        if is_downgrade:
            self._migration.downgrade(group, result, must_rebalance=is_stale)
        else:
            group.cancel_timers(member_id, group.joins)
            self._members.restart_session(group, member_id, result.now)
            self._set(group.syncs, group, joined, result.now)
        return JoinGroupResponse(
            generation_id=joined.member_epoch,
            protocol_type=CONSUMER,
            protocol_name=request.protocols[0].name,
            leader="",
            member_id=member_id,
            members=(),
        )

    def _check_join(self, group: ConsumerGroup, request: JoinGroupRequest, member_id: str) -> None:
        if self._migration.policy is MigrationPolicy.DISABLED or not group.supports(
            request.protocol_type, request.protocols
        ):
            raise MemberRefusedError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "")
        self._members.check_room(group.group_id, member_id, request.group_instance_id)

    def _member(
        self, group: ConsumerGroup, request: JoinGroupRequest, member_id: str, result: ResultBuilder
    ) -> ConsumerMember:
        instance_id = request.group_instance_id
        if instance_id is None:
            return group.members.get(member_id) or new_member(member_id)
        known_id = group.static_members.get(instance_id)
        if request.member_id:
            return _validated(group, request.member_id, instance_id)
        if known_id is None:
            return new_member(member_id)
        return self._members.replace_static(group, group.members[known_id], member_id, result)

    # SyncGroup

    def sync(self, group: ConsumerGroup, request: SyncGroupRequest, client: Client, now: float) -> SyncGroupResponse:
        """Answer what a member has been assigned."""
        if client.api_version >= _PROTOCOL_IN_SYNC_SINCE and None in (request.protocol_type, request.protocol_name):
            return sync_refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        try:
            member, classic = _classic(group, request.member_id, request.group_instance_id, request.generation_id)
        except MemberRefusedError as refused:
            return sync_refused(refused.error)
        protocol = classic.protocols[0]
        if request.protocol_type not in (None, CONSUMER) or request.protocol_name not in (None, protocol.name):
            return sync_refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        if group.assignment_epoch > member.member_epoch and member.state is not MemberState.UNREVOKED_PARTITIONS:
            self._await_join(group, member, now)
            return sync_refused(ErrorCode.REBALANCE_IN_PROGRESS)
        group.cancel_timers(member.member_id, group.syncs)
        self._members.restart_session(group, member.member_id, now)
        assigned = {topic_id: frozenset(epochs) for topic_id, epochs in member.assigned.items()}
        return SyncGroupResponse(
            protocol_type=request.protocol_type,
            protocol_name=request.protocol_name,
            assignment=encoded_assignment(assigned, self._topics, protocol.metadata),
        )

    # Heartbeat

    def heartbeat(self, group: ConsumerGroup, request: HeartbeatRequest, now: float) -> HeartbeatResponse:
        """Restart a member's session, and answer whether it must join again."""
        try:
            member, _ = _classic(group, request.member_id, request.group_instance_id, request.generation_id)
        except MemberRefusedError as refused:
            return HeartbeatResponse(error_code=refused.error)
        self._members.restart_session(group, member.member_id, now)
        if not group.has_news_for(member):
            return HeartbeatResponse()
        self._await_join(group, member, now)
        return HeartbeatResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS)

    # LeaveGroup

    def leave(
        self, group: ConsumerGroup, request: LeaveGroupRequest, client: Client, result: ResultBuilder
    ) -> LeaveGroupResponse:
        """Remove members, of either protocol."""
        is_batch = client.api_version >= _BATCH_LEAVE_SINCE
        leaving = request.members if is_batch else (MemberIdentity(member_id=request.member_id),)
        gone: dict[str, None] = {}
        responses: list[MemberResponse] = []
        for identity in leaving:
            error = ErrorCode.NONE
            try:
                gone[_leaving(group, identity).member_id] = None
            except MemberRefusedError as refused:
                error = refused.error
            responses.append(
                MemberResponse(
                    member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=error
                )
            )
        if gone:
            self._members.remove(group, tuple(gone), result)
        if is_batch:
            return LeaveGroupResponse(members=tuple(responses))
        return LeaveGroupResponse(error_code=responses[0].error_code)

    # Time-outs

    def _await_join(self, group: ConsumerGroup, member: ConsumerMember, now: float) -> None:
        if member.member_id not in group.joins:
            self._set(group.joins, group, member, now)

    def _set(self, timers: dict[str, Timer], group: ConsumerGroup, member: ConsumerMember, now: float) -> None:
        """Remove a member unless it comes back within its rebalance time-out."""
        timer = timers.get(member.member_id)
        if timer is None:
            expire = partial(self._members.expire, group, member.member_id)
            timer = timers[member.member_id] = self._timers.timer(expire)
        timer.move(now + member.rebalance_timeout_ms / 1000)


def _subscription(request: JoinGroupRequest) -> ConsumerProtocolSubscription:
    try:
        return decode_subscription(request.protocols[0].metadata)
    except WireError:
        raise MemberRefusedError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "") from None


def _rebalance_timeout_ms(request: JoinGroupRequest, api_version: int) -> int:
    return request.session_timeout_ms if api_version < _REBALANCE_TIMEOUT_SINCE else request.rebalance_timeout_ms


def _classic(
    group: ConsumerGroup, member_id: str, instance_id: str | None, generation: int
) -> tuple[ConsumerMember, ClassicProtocol]:
    member = _validated(group, member_id, instance_id)
    if member.classic is None:
        raise unknown_member(group.group_id, member_id)
    if generation != member.member_epoch:
        raise MemberRefusedError(ErrorCode.ILLEGAL_GENERATION, "")
    return member, member.classic


def _validated(group: ConsumerGroup, member_id: str, instance_id: str | None) -> ConsumerMember:
    """Return a member, named by its id, and if it is static by its instance id too."""
    member = _static(group, instance_id) if instance_id is not None else group.members.get(member_id)
    if member is None:
        raise unknown_member(group.group_id, member_id)
    if member.member_id != member_id:
        raise MemberRefusedError(ErrorCode.FENCED_INSTANCE_ID, "")
    return member


def _leaving(group: ConsumerGroup, identity: MemberIdentity) -> ConsumerMember:
    if identity.member_id or identity.group_instance_id is None:
        return _validated(group, identity.member_id, identity.group_instance_id)
    # An administrator removes a static member by its instance id alone.
    member = _static(group, identity.group_instance_id)
    if member is None:
        raise unknown_member(group.group_id, identity.member_id)
    return member


def _static(group: ConsumerGroup, instance_id: str) -> ConsumerMember | None:
    member_id = group.static_members.get(instance_id)
    return None if member_id is None else group.members[member_id]

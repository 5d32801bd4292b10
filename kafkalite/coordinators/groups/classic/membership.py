"""What JoinGroup, SyncGroup, Heartbeat and LeaveGroup do to a group (KIP-394, KIP-345, KIP-559, KIP-814)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import Group, Member
from kafkalite.coordinators.groups.classic.rebalance import NEW_MEMBER_JOIN_TIMEOUT
from kafkalite.coordinators.groups.classic.records import write_group, write_new_group
from kafkalite.coordinators.groups.classic.responses import join_refused, joined, sync_refused, synced
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
    MemberResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.classic.registry import ClassicGroups
    from kafkalite.coordinators.groups.classic.waiting import Waiting
    from kafkalite.coordinators.groups.registry import GroupConfig
    from kafkalite.coordinators.results import Client, ResponseSink, ResultBuilder
    from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
    from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

_REBALANCE_TIMEOUT_SINCE: Final = 1
_MEMBER_ID_REQUIRED_SINCE: Final = 4
_SKIP_ASSIGNMENT_SINCE: Final = 9
_PROTOCOL_IN_SYNC_SINCE: Final = 5
_BATCH_LEAVE_SINCE: Final = 3


@dataclass(frozen=True, slots=True)
class _Join:
    """A JoinGroup request with its client and result."""

    request: JoinGroupRequest
    client: Client
    handle: ResponseSink
    result: ResultBuilder

    @property
    def version(self) -> int:
        return self.client.api_version

    @property
    def session_timeout(self) -> float:
        return self.request.session_timeout_ms / 1000

    @property
    def rebalance_timeout(self) -> float:
        if self.version < _REBALANCE_TIMEOUT_SINCE:
            return self.session_timeout
        return self.request.rebalance_timeout_ms / 1000

    def refused(self, error: ErrorCode, *, member_id: str | None = None) -> JoinGroupResponse:
        return join_refused(self.version, self.request.member_id if member_id is None else member_id, error)


class Membership:
    """The requests of members."""

    def __init__(
        self,
        config: GroupConfig,
        groups: ClassicGroups,
        rebalances: Rebalances,
        waiting: Waiting,
        new_member_suffix: Callable[[], str],
    ) -> None:
        self._config = config
        self._groups = groups
        self._rebalances = rebalances
        self._waiting = waiting
        self._new_member_suffix = new_member_suffix

    # JoinGroup

    def join(self, request: JoinGroupRequest, client: Client, handle: ResponseSink, result: ResultBuilder) -> None:
        """Add a member to the group's next generation; the response usually waits for it."""
        response = self._join(_Join(request, client, handle, result))
        if response is not None:
            result.reply(handle, response)

    def _join(self, join: _Join) -> JoinGroupResponse | None:
        request, config = join.request, self._config
        if not request.group_id:
            return join.refused(ErrorCode.INVALID_GROUP_ID)
        if not config.group_min_session_timeout <= join.session_timeout <= config.group_max_session_timeout:
            return join.refused(ErrorCode.INVALID_SESSION_TIMEOUT)
        if not self._groups.make_room(request.group_id, join.result):
            return join.refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        group = self._groups.get(request.group_id)
        if group is None:
            if request.member_id:
                return join.refused(ErrorCode.UNKNOWN_MEMBER_ID)
            group = self._groups.create(request.group_id, join.result)
            write_new_group(group, join.result)
        if not self._has_room(group, request.member_id):
            group.remove(request.member_id)
            return join.refused(ErrorCode.GROUP_MAX_SIZE_REACHED, member_id="")
        if not group.supports(request.protocol_type, request.protocols):
            return join.refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        return self._join_known(group, join) if request.member_id else self._join_new(group, join)

    def _has_room(self, group: Group, member_id: str) -> bool:
        limit = self._config.group_max_size
        match group.state:
            case GroupState.EMPTY | GroupState.DEAD:
                return True
            case GroupState.PREPARING_REBALANCE:
                # While a group that has grown too large rebalances, those who come first stay.
                member = group.members.get(member_id)
                return (member is not None and member.awaiting_join is not None) or group.awaiting_join < limit
            case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
                return member_id in group.members or len(group.members) < limit

    def _join_new(self, group: Group, join: _Join) -> JoinGroupResponse | None:
        instance_id = join.request.group_instance_id
        name = join.client.client_id if instance_id is None else instance_id
        new_id = f"{name}-{self._new_member_suffix()}"
        if instance_id in group.static_members:
            self._rejoin_static(group, group.members[group.static_members[instance_id]], new_id, join)
            return None
        if instance_id is not None or join.version < _MEMBER_ID_REQUIRED_SINCE:
            self._add(group, new_id, join)
            return None
        # Only members that know their id take part, so that a client which gives up and retries leaves
        # no member behind that all others would wait for (KIP-394).
        pending = group.pending_join[new_id] = self._rebalances.session(group, new_id)
        pending.move(join.result.now + join.session_timeout)
        return join.refused(ErrorCode.MEMBER_ID_REQUIRED, member_id=new_id)

    def _join_known(self, group: Group, join: _Join) -> JoinGroupResponse | None:
        request, member_id = join.request, join.request.member_id
        if member_id in group.pending_join:
            if request.group_instance_id is not None:
                # Static members are never asked to come back with an id; Kafka raises IllegalStateException.
                return join.refused(ErrorCode.UNKNOWN_SERVER_ERROR, member_id="")
            self._add(group, member_id, join)
            return None
        error = group.validate(member_id, request.group_instance_id)
        if error:
            return join.refused(error)
        member = group.members[member_id]
        if member.protocols == request.protocols:
            # The answer to its last join was lost, so it gets it again. A leader of a stable group however always
            # starts a rebalance: it may have seen new partitions.
            follows = group.state is GroupState.STABLE and group.leader != member_id
            if follows or group.state is GroupState.COMPLETING_REBALANCE:
                return joined(join.version, group, member)
        self._update(group, member, join)
        self._rebalances.prepare_or_complete(group, join.result)
        return None

    def _add(self, group: Group, member_id: str, join: _Join) -> None:
        if group.state is GroupState.PREPARING_REBALANCE and group.previous_state is GroupState.EMPTY:
            group.new_member_added = True
        member = Member(
            member_id=member_id,
            group_instance_id=join.request.group_instance_id,
            client_id=join.client.client_id,
            client_host=join.client.client_host,
            session_timeout=join.session_timeout,
            rebalance_timeout=join.rebalance_timeout,
            protocols=join.request.protocols,
            session=self._rebalances.session(group, member_id),
            is_new=True,
            awaiting_join=self._waiting.add(join.handle, join.version),
        )
        group.add(member, join.request.protocol_type)
        member.session.move(join.result.now + NEW_MEMBER_JOIN_TIMEOUT)
        self._rebalances.prepare_or_complete(group, join.result)

    def _update(self, group: Group, member: Member, join: _Join) -> None:
        # Kafka never answers a join that the same member's next join overtakes; we end it, for order's sake.
        self._rebalances.refuse_waiting(
            group, member, ErrorCode.REBALANCE_IN_PROGRESS, join.result, member_id=member.member_id
        )
        group.update(
            member,
            join.request.protocols,
            session_timeout=join.session_timeout,
            rebalance_timeout=join.rebalance_timeout,
        )
        group.await_join(member, self._waiting.add(join.handle, join.version))

    def _rejoin_static(self, group: Group, old: Member, new_id: str, join: _Join) -> None:
        """Replace a static member that was restarted, if possible without a rebalance (KIP-345)."""
        rebalances, result = self._rebalances, join.result
        old_leader = group.leader
        rebalances.refuse_waiting(group, old, ErrorCode.FENCED_INSTANCE_ID, result, member_id=old.member_id)
        new = group.replace_static_member(old, new_id, rebalances.session(group, new_id))
        rebalances.keep_alive(new, result)
        self._update(group, new, join)
        match group.state:
            case GroupState.STABLE if group.select_protocol() == group.protocol_name:
                write_group(group, result)
                self._answer_unchanged(group, new, old_leader, join)
            case GroupState.STABLE | GroupState.COMPLETING_REBALANCE:
                rebalances.prepare(group, result)
            case _:
                rebalances.complete_if_joined(group, result)

    def _answer_unchanged(self, group: Group, member: Member, old_leader: str | None, join: _Join) -> None:
        if join.version >= _SKIP_ASSIGNMENT_SINCE:
            leads = group.leader == member.member_id
            response = joined(join.version, group, member, skip_assignment=leads)
        else:
            # An older client that learns that it leads would assign again, so the answer names its former id (KIP-814).
            response = joined(join.version, group, member, leader=old_leader, tell_members=False)
        self._rebalances.answer_join(group, member, response, join.result)

    # SyncGroup

    def sync(self, request: SyncGroupRequest, client: Client, handle: ResponseSink, result: ResultBuilder) -> None:
        """Take the leader's assignments, or answer a member with its own as soon as it is known."""
        response = self._sync(request, client, handle, result)
        if response is not None:
            result.reply(handle, response)

    def _sync(
        self, request: SyncGroupRequest, client: Client, handle: ResponseSink, result: ResultBuilder
    ) -> SyncGroupResponse | None:
        if client.api_version >= _PROTOCOL_IN_SYNC_SINCE and (
            request.protocol_type is None or request.protocol_name is None
        ):
            return sync_refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        if not request.group_id:
            return sync_refused(ErrorCode.INVALID_GROUP_ID)
        group = self._groups.get(request.group_id)
        if group is None or group.state is GroupState.EMPTY:
            return sync_refused(ErrorCode.UNKNOWN_MEMBER_ID)
        error = _validate_in_generation(group, request.member_id, request.group_instance_id, request.generation_id)
        if error:
            return sync_refused(error)
        if _differs(request.protocol_type, group.protocol_type) or _differs(request.protocol_name, group.protocol_name):
            return sync_refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        if group.state is GroupState.PREPARING_REBALANCE:
            return sync_refused(ErrorCode.REBALANCE_IN_PROGRESS)
        member = group.members[request.member_id]
        self._rebalances.synced(group, member.member_id)
        if group.state is GroupState.STABLE:
            return synced(group, member)
        # A sync that the same member's next sync overtakes is answered too, unlike in Kafka.
        self._rebalances.answer_sync(member, sync_refused(ErrorCode.REBALANCE_IN_PROGRESS), result)
        member.awaiting_sync = self._waiting.add(handle, client.api_version)
        if group.leader == member.member_id:
            assignments = {given.member_id: given.assignment for given in request.assignments}
            self._rebalances.assign(group, assignments, result)
        return None

    # Heartbeat

    def heartbeat(self, request: HeartbeatRequest, result: ResultBuilder, *, is_new: bool = True) -> HeartbeatResponse:
        """Restart the member's session if the heartbeat is new, and answer whether it must rejoin."""
        if not request.group_id:
            return HeartbeatResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        group = self._groups.get(request.group_id)
        if group is None:
            return HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)
        error = _validate_in_generation(group, request.member_id, request.group_instance_id, request.generation_id)
        if error:
            return HeartbeatResponse(error_code=error)
        if is_new:
            self._rebalances.keep_alive(group.members[request.member_id], result)
        if group.state is GroupState.PREPARING_REBALANCE:
            return HeartbeatResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS)
        return HeartbeatResponse()

    # LeaveGroup

    def leave(self, request: LeaveGroupRequest, client: Client, result: ResultBuilder) -> LeaveGroupResponse:
        """Remove members at once."""
        batch = client.api_version >= _BATCH_LEAVE_SINCE
        leaving = request.members if batch else (MemberIdentity(member_id=request.member_id),)
        if not request.group_id:
            return LeaveGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        group = self._groups.get(request.group_id)
        if group is None:
            results = [_left(identity, ErrorCode.UNKNOWN_MEMBER_ID) for identity in leaving]
        else:
            results = self._leave(group, leaving, result)
        if batch:
            return LeaveGroupResponse(members=tuple(results))
        return LeaveGroupResponse(error_code=results[0].error_code)

    def _leave(self, group: Group, leaving: Iterable[MemberIdentity], result: ResultBuilder) -> list[MemberResponse]:
        results = [_left(identity, self._leave_one(group, identity, result)) for identity in leaving]
        if any(result.error_code == ErrorCode.NONE for result in results):
            if group.state in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE):
                self._rebalances.prepare_or_complete(group, result)
            else:
                self._rebalances.complete_if_joined(group, result)
        return results

    def _leave_one(self, group: Group, identity: MemberIdentity, result: ResultBuilder) -> ErrorCode:
        member_id = identity.member_id
        if not member_id:
            # An administrator removes a static member by its instance id alone.
            known = group.static_members.get(identity.group_instance_id or "")
            if identity.group_instance_id is None or known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            member_id = known
        elif member_id in group.pending_join:
            group.remove(member_id)
            return ErrorCode.NONE
        else:
            error = group.validate(member_id, identity.group_instance_id)
            if error:
                return error
        self._rebalances.remove(group, group.members[member_id], result)
        return ErrorCode.NONE


def _validate_in_generation(group: Group, member_id: str, group_instance_id: str | None, generation: int) -> ErrorCode:
    error = group.validate(member_id, group_instance_id)
    if error is ErrorCode.NONE and generation != group.generation:
        return ErrorCode.ILLEGAL_GENERATION
    return error


def _differs(given: str | None, known: str | None) -> bool:
    return given is not None and known is not None and given != known


def _left(identity: MemberIdentity, error: ErrorCode) -> MemberResponse:
    return MemberResponse(member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=error)

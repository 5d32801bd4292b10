"""Responses to JoinGroup and SyncGroup, in the form of each version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from kafkalite_wire.messages.sync_group import SyncGroupResponse

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Group, Member

_NULLABLE_PROTOCOL_NAME: Final = 7
"""The version of JoinGroup since which a protocol without a name is null; before, it is empty."""


def join_refused(api_version: int, member_id: str, error: ErrorCode) -> JoinGroupResponse:
    """Answer a join that does not lead into a generation."""
    return JoinGroupResponse(error_code=error, member_id=member_id, protocol_name=_protocol_name(None, api_version))


def joined(
    api_version: int,
    group: Group,
    member: Member,
    *,
    leader: str | None = None,
    tell_members: bool = True,
    skip_assignment: bool = False,
) -> JoinGroupResponse:
    """Answer a join with the group's generation, and a leader with all members unless ``tell_members`` is False.

    ``leader`` is the one to be named if it is not the group's.
    """
    leads = group.leader == member.member_id
    return JoinGroupResponse(
        generation_id=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=_protocol_name(group.protocol_name, api_version),
        leader=leader or group.leader or "",
        skip_assignment=skip_assignment,
        member_id=member.member_id,
        members=_members(group) if leads and tell_members else (),
    )


def sync_refused(error: ErrorCode) -> SyncGroupResponse:
    """Answer a sync without an assignment."""
    return SyncGroupResponse(error_code=error)


def synced(group: Group, member: Member) -> SyncGroupResponse:
    """Answer a sync with the member's assignment."""
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol_name, assignment=member.assignment
    )


def _members(group: Group) -> tuple[JoinGroupResponseMember, ...]:
    return tuple(
        JoinGroupResponseMember(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            metadata=member.metadata(group.protocol_name),
        )
        for member in group.members.values()
    )


def _protocol_name(name: str | None, api_version: int) -> str | None:
    return name or (None if api_version >= _NULLABLE_PROTOCOL_NAME else "")

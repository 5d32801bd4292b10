"""What ListGroups, DescribeGroups and DeleteGroups do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from kafkalite_wire.messages.describe_groups import (
    DescribedGroup,
    DescribedGroupMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from kafkalite_wire.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.coordinators.groups.classic.registry import Groups
    from kafkalite.coordinators.groups.offsets import Offsets
    from kafkalite.coordinators.results import ResultBuilder

CLASSIC: Final = "classic"
"""The type of groups whose members assign among themselves, in distinction to those of KIP-848 and KIP-932."""

_GROUP_ID_NOT_FOUND_SINCE: Final = 6


def list_groups(request: ListGroupsRequest, groups: Groups) -> ListGroupsResponse:
    """List the groups in given states and of given types, in any spelling; no filter lets all through."""
    states = {state.strip().lower() for state in request.states_filter}
    types = {group_type.lower() for group_type in request.types_filter}
    return ListGroupsResponse(
        groups=tuple(
            ListedGroup(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state.value,
                group_type=CLASSIC,
            )
            for group in groups
            if (not states or group.state.value.lower() in states) and (not types or CLASSIC in types)
        )
    )


def describe_groups(
    request: DescribeGroupsRequest, api_version: int, groups: Groups, is_failed: Callable[[str], bool]
) -> DescribeGroupsResponse:
    """Describe groups; members' metadata is included in state Stable only."""
    described = [
        _failed(group_id)
        if is_failed(group_id)
        else _missing(group_id, api_version)
        if group is None
        else _described(group)
        for group_id in request.groups
        for group in (groups.get(group_id),)
    ]
    return DescribeGroupsResponse(groups=tuple(described))


def delete_groups(
    request: DeleteGroupsRequest,
    groups: Groups,
    offsets: Offsets,
    is_failed: Callable[[str], bool],
    result: ResultBuilder,
) -> DeleteGroupsResponse:
    """Delete the groups that have no members (KIP-229)."""
    results: list[DeletableGroupResult] = []
    for group_id in dict.fromkeys(request.groups_names):
        group = groups.get(group_id)
        error = ErrorCode.NONE
        if is_failed(group_id):
            error = ErrorCode.NOT_COORDINATOR
        elif group is None:
            error = ErrorCode.GROUP_ID_NOT_FOUND
        elif group.state is not GroupState.EMPTY:
            error = ErrorCode.NON_EMPTY_GROUP
        else:
            offsets.delete_group(group, result)
        results.append(DeletableGroupResult(group_id=group_id, error_code=error))
    return DeleteGroupsResponse(results=tuple(results))


def _described(group: Group) -> DescribedGroup:
    stable = group.state is GroupState.STABLE
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol_name or "") if stable else "",
        members=tuple(
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata(group.protocol_name) if stable else b"",
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ),
    )


def _failed(group_id: str) -> DescribedGroup:
    return DescribedGroup(error_code=ErrorCode.NOT_COORDINATOR, group_id=group_id, group_state="")


def _missing(group_id: str, api_version: int) -> DescribedGroup:
    # Before version 6 a group that never was looks like one that is no more (KIP-1043).
    if api_version < _GROUP_ID_NOT_FOUND_SINCE:
        return DescribedGroup(group_id=group_id, group_state=GroupState.DEAD.value)
    return DescribedGroup(
        error_code=ErrorCode.GROUP_ID_NOT_FOUND,
        error_message=f"Group {group_id} not found.",
        group_id=group_id,
        group_state=GroupState.DEAD.value,
    )

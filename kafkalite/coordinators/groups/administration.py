"""ListGroups, DescribeGroups and DeleteGroups, for groups of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from kafkalite_wire.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse
from kafkalite_wire.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.offsets import EncodedDeletion, Offsets
    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.results import ResultBuilder

_DEAD: Final = "Dead"
_WORK_OF_A_GROUP: Final = 3
_GROUP_ID_NOT_FOUND_SINCE: Final = 6


def list_groups(request: ListGroupsRequest, groups: Groups) -> Steps[ListGroupsResponse]:
    """List the groups in the given states and of the given types, in any spelling; an empty filter matches all.

    A group that is deleted between two steps may be missing.
    """
    states = {state.strip().lower() for state in request.states_filter}
    types = {group_type.lower() for group_type in request.types_filter}
    listed: list[ListedGroup] = []
    work = WorkMeter()
    for group in groups:
        if work.add():
            yield
        if groups.get(group.group_id) is not group:
            continue
        if (states and group.state_name.lower() not in states) or (types and group.group_type not in types):
            continue
        listed.append(
            ListedGroup(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state_name,
                group_type=group.group_type,
            )
        )
    return ListGroupsResponse(groups=tuple(listed))


def describe_groups(request: DescribeGroupsRequest, api_version: int, groups: Groups) -> Steps[DescribeGroupsResponse]:
    """Describe groups with their members."""
    described: list[DescribedGroup] = []
    work = WorkMeter()
    for group_id in request.groups:
        if work.add(_WORK_OF_A_GROUP):
            yield
        described.append(_described(group_id, api_version, groups))
        work.add(len(described[-1].members))
    return DescribeGroupsResponse(groups=tuple(described))


def delete_groups(
    request: DeleteGroupsRequest,
    groups: Groups,
    offsets: Offsets,
    result: ResultBuilder,
    encoded: EncodedDeletion | None = None,
) -> DeleteGroupsResponse:
    """Delete the groups that have no members (KIP-229)."""
    results: list[DeletableGroupResult] = []
    for group_id in dict.fromkeys(request.groups_names):
        group = groups.get(group_id)
        if groups.is_failed(group_id):
            error = ErrorCode.NOT_COORDINATOR
        elif group is None:
            error = ErrorCode.GROUP_ID_NOT_FOUND
        else:
            error = group.validate_delete()
            if not error:
                is_encoded = encoded is not None and encoded.group_id == group_id
                offsets.delete_group(group, result, encoded if is_encoded else None)
        results.append(DeletableGroupResult(group_id=group_id, error_code=error))
    return DeleteGroupsResponse(results=tuple(results))


def _described(group_id: str, api_version: int, groups: Groups) -> DescribedGroup:
    if groups.is_failed(group_id):
        return DescribedGroup(error_code=ErrorCode.NOT_COORDINATOR, group_id=group_id, group_state="")
    group = groups.get(group_id)
    described = None if group is None else group.describe()
    if described is not None:
        return described
    # Before version 6 a group that does not exist is described like a dead one (KIP-1043).
    if api_version < _GROUP_ID_NOT_FOUND_SINCE:
        return DescribedGroup(group_id=group_id, group_state=_DEAD)
    return DescribedGroup(
        error_code=ErrorCode.GROUP_ID_NOT_FOUND,
        error_message=f"Group {group_id} not found." if group is None else f"Group {group_id} is not a classic group.",
        group_id=group_id,
        group_state=_DEAD,
    )

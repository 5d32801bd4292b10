"""ListGroups, DescribeGroups and DeleteGroups. The group coordinator answers them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.handlers.authorized_operations import GROUP_OPERATIONS
from kafkalite.handlers.group_membership import client_of

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
    from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
    from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse


def list_groups(
    broker: BrokerEndpoint,
    request: ListGroupsRequest,
    context: RequestContext,  # noqa: ARG001  # all handlers have the same shape
) -> Steps[ListGroupsResponse]:
    """List the groups, filtered by state and type."""
    return broker.cluster.groups.coordinator.list_groups(request)


def describe_groups(
    broker: BrokerEndpoint, request: DescribeGroupsRequest, context: RequestContext
) -> Steps[DescribeGroupsResponse]:
    """Describe groups: state, members and assignments, and on request the authorized operations (KIP-430)."""
    response = yield from broker.cluster.groups.coordinator.describe_groups(request, client_of(context))
    return _with_operations(response) if request.include_authorized_operations else response


def delete_groups(broker: BrokerEndpoint, request: DeleteGroupsRequest, context: RequestContext) -> None:
    """Delete groups that have no members, with their committed offsets."""
    groups, response = broker.cluster.groups, context.defer()
    groups.perform(groups.coordinator.delete_groups(request, client_of(context), response))


def _with_operations(response: DescribeGroupsResponse) -> DescribeGroupsResponse:
    """Add the authorized operations to the groups that are described without an error."""
    groups = tuple(
        group if group.error_code else replace(group, authorized_operations=GROUP_OPERATIONS)
        for group in response.groups
    )
    return replace(response, groups=groups)

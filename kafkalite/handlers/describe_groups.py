"""DescribeGroups, versions 0-6: describe classic groups: their state, members and assignments.

The group coordinator decides; the authorized operations are added here, if asked for (KIP-430).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.handlers.authorized_operations import GROUP_OPERATIONS
from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: DescribeGroupsRequest, context: RequestContext) -> None:
    """Describe classic groups: their state, members and assignments."""
    reply = context.defer()
    groups = broker.cluster.groups
    answer = reply
    if request.include_authorized_operations:
        answer = reply.redirected(lambda response: reply.send(_with_operations(response)))
    groups.perform(groups.coordinator.describe_groups(request, client_of(context), answer))


def _with_operations(response: DescribeGroupsResponse) -> DescribeGroupsResponse:
    """Add the authorized operations, for groups that are described without an error."""
    groups = tuple(
        group if group.error_code else replace(group, authorized_operations=GROUP_OPERATIONS)
        for group in response.groups
    )
    return replace(response, groups=groups)

"""DescribeGroups, versions 0-6: describe classic groups: their state, members and assignments.

The group coordinator decides; the authorized operations are added here, if asked for (KIP-430).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.handlers.authorized_operations import GROUP_OPERATIONS
from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: DescribeGroupsRequest, context: Context, reply: Reply[DescribeGroupsResponse]) -> None:
    """Describe classic groups: their state, members and assignments."""
    groups = node.groups
    telling = _WithOperations(reply) if request.include_authorized_operations else reply
    groups.perform(groups.coordinator.describe_groups(request, client_of(context), telling))


class _WithOperations:
    """Adds the authorized operations to the answer, for groups that are described without an error."""

    def __init__(self, reply: Reply[DescribeGroupsResponse]) -> None:
        self._reply = reply
        self.on_abandoned = reply.on_abandoned
        self.on_followed = reply.on_followed
        self.fail = reply.fail

    def send(self, response: DescribeGroupsResponse) -> None:
        groups = tuple(
            group if group.error_code else replace(group, authorized_operations=GROUP_OPERATIONS)
            for group in response.groups
        )
        self._reply.send(replace(response, groups=groups))

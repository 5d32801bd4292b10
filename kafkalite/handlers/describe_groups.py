"""DescribeGroups, versions 0-6: describe classic groups: their state, members and assignments.

The rules are those of :mod:`kafkalite.groups`; this hands the request to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, Reply, deferred
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: DescribeGroupsRequest, context: Context, reply: Reply[DescribeGroupsResponse]) -> None:
    """Describe classic groups: their state, members and assignments."""
    groups = node.groups
    groups.perform(groups.coordinator.describe_groups(request, client_of(context), reply))

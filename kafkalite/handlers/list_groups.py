"""ListGroups, versions 0-5: list the groups, filtered by state from version 4 on and by type from 5 on.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: ListGroupsRequest, context: Context, reply: Reply[ListGroupsResponse]) -> None:
    """List the groups, filtered by state from version 4 on and by type from 5 on."""
    groups = node.groups
    groups.perform(groups.coordinator.list_groups(request, client_of(context), reply))

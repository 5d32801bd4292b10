"""DeleteGroups, versions 0-3: delete groups that have no members, with their committed offsets.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: DeleteGroupsRequest, context: Context, reply: Reply[DeleteGroupsResponse]) -> None:
    """Delete groups that have no members, with their committed offsets."""
    groups = node.groups
    groups.perform(groups.coordinator.delete_groups(request, client_of(context), reply))

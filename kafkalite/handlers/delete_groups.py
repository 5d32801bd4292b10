"""DeleteGroups, versions 0-3: delete groups that have no members, with their committed offsets.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext


def handle(node: Node, request: DeleteGroupsRequest, context: RequestContext) -> None:
    """Delete groups that have no members, with their committed offsets."""
    reply = context.defer()
    groups = node.groups
    groups.perform(groups.coordinator.delete_groups(request, client_of(context), reply))

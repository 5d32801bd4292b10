"""JoinGroup, versions 0-9: join a group, or rejoin it for its next generation.

The reply waits until all members have joined. The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.join_group import JoinGroupRequest

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext


def handle(node: Node, request: JoinGroupRequest, context: RequestContext) -> None:
    """Join a group, or rejoin it for its next generation. The reply waits until all members have joined."""
    reply = context.defer()
    groups = node.groups
    reply.on_disconnect(lambda: groups.perform(groups.coordinator.cancel(reply)))
    groups.perform(groups.coordinator.join_group(request, client_of(context), reply, now=node.now()))

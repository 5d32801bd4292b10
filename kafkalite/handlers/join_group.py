"""JoinGroup, versions 0-9: join a group, or rejoin it for its next generation.

The reply waits until all members have joined. The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: JoinGroupRequest, context: Context, reply: Reply[JoinGroupResponse]) -> None:
    """Join a group, or rejoin it for its next generation. The reply waits until all members have joined."""
    groups = node.groups
    reply.on_abandoned(lambda: groups.perform(groups.coordinator.cancel(reply)))
    groups.perform(groups.coordinator.join_group(request, client_of(context), reply, now=node.now()))
    groups.announce_rebalance(request.group_id)

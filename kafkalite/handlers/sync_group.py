"""SyncGroup, versions 0-5: bring (as leader) or fetch (as follower) the assignment of a generation.

Followers wait for the leader. The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: SyncGroupRequest, context: Context, reply: Reply[SyncGroupResponse]) -> None:
    """Bring (as leader) or fetch (as follower) the assignment of a generation. Followers wait for the leader."""
    groups = node.groups
    reply.on_abandoned(lambda: groups.perform(groups.coordinator.cancel(reply)))
    groups.perform(groups.coordinator.sync_group(request, client_of(context), reply, now=node.now()))

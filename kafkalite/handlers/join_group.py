"""JoinGroup, versions 0-9: join a group, or rejoin it for its next generation.

The reply waits until all members have joined. The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.join_group import JoinGroupRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: JoinGroupRequest, context: RequestContext) -> None:
    """Join a group, or rejoin it for its next generation. The reply waits until all members have joined."""
    reply = context.defer()
    groups = broker.cluster.groups
    reply.on_disconnect(lambda: groups.perform(groups.coordinator.cancel(reply)))
    groups.perform(groups.coordinator.join_group(request, client_of(context), reply, now=broker.cluster.now()))

"""SyncGroup, versions 0-5: bring (as leader) or fetch (as follower) the assignment of a generation.

Followers wait for the leader. The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.sync_group import SyncGroupRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: SyncGroupRequest, context: RequestContext) -> None:
    """Bring (as leader) or fetch (as follower) the assignment of a generation. Followers wait for the leader."""
    reply = context.defer()
    groups = broker.cluster.groups
    reply.on_disconnect(lambda: groups.perform(groups.coordinator.cancel(reply)))
    groups.perform(groups.coordinator.sync_group(request, client_of(context), reply, now=broker.cluster.now()))

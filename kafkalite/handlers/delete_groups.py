"""DeleteGroups, versions 0-3: delete groups that have no members, with their committed offsets.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: DeleteGroupsRequest, context: RequestContext) -> None:
    """Delete groups that have no members, with their committed offsets."""
    reply = context.defer()
    groups = broker.cluster.groups
    groups.perform(groups.coordinator.delete_groups(request, client_of(context), reply))

"""ListGroups, versions 0-5: list the groups, filtered by state from version 4 on and by type from 5 on.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.list_groups import ListGroupsRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: ListGroupsRequest, context: RequestContext) -> None:
    """List the groups, filtered by state from version 4 on and by type from 5 on."""
    reply = context.defer()
    groups = broker.cluster.groups
    groups.perform(groups.coordinator.list_groups(request, client_of(context), reply))

"""LeaveGroup, versions 0-5: leave a group at once; from version 3 on for several members, also by their instance ids.

The group coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.leave_group import LeaveGroupRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: LeaveGroupRequest, context: RequestContext) -> None:
    """Leave a group at once; from version 3 on for several members, also by their instance ids."""
    reply = context.defer()
    groups = broker.cluster.groups
    groups.perform(groups.coordinator.leave_group(request, client_of(context), reply, now=broker.cluster.now()))

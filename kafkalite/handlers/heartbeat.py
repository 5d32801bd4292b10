"""Heartbeat, versions 0-4: say that a member lives, and learn whether it must rejoin.

An answer that has nothing to tell may wait for news of a rebalance (``kafkalite.group.heartbeat.hold.ms``). The rules
are those of :mod:`kafkalite.coordinators.groups`; this hands the request to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.messages.heartbeat import HeartbeatRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: HeartbeatRequest, context: RequestContext) -> None:
    """Say that a member lives, and learn whether it must rejoin."""
    reply = context.defer()
    broker.cluster.groups.heartbeat(request, client_of(context), reply)

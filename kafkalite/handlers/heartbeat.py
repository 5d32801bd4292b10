"""Heartbeat, versions 0-4: say that a member lives, and learn whether it must rejoin.

An answer that has nothing to tell may wait for news of a rebalance (``kafkalite.group.heartbeat.hold.ms``). The rules
are those of :mod:`kafkalite.coordinators.groups`; this hands the request to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

if TYPE_CHECKING:
    from kafkalite.node import Node


@deferred
def handle(node: Node, request: HeartbeatRequest, context: Context, reply: Reply[HeartbeatResponse]) -> None:
    """Say that a member lives, and learn whether it must rejoin."""
    node.groups.heartbeat(request, client_of(context), reply)

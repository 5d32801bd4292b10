"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup and ConsumerGroupHeartbeat: requests of members.

The group coordinator answers them.

The first request after a start waits until the coordinator is loaded; later ones need one step.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kafkalite.coordinators.results import Client
from kafkalite.handlers.authorized_operations import may_describe
from kafkalite.security.access_control import ResourceType

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest
    from kafkalite_wire.messages.join_group import JoinGroupRequest
    from kafkalite_wire.messages.leave_group import LeaveGroupRequest
    from kafkalite_wire.messages.sync_group import SyncGroupRequest


def join_group(broker: BrokerEndpoint, request: JoinGroupRequest, context: RequestContext) -> Steps[None]:
    """Join a group, or rejoin it for its next generation. The response waits until all members have joined."""
    groups = broker.cluster.groups
    coordinator = yield from groups.load()
    response = _deferred(broker, context)
    groups.perform(coordinator.join_group(request, client_of(context), response, now=broker.cluster.now()))


def sync_group(broker: BrokerEndpoint, request: SyncGroupRequest, context: RequestContext) -> Steps[None]:
    """Bring (as leader) or fetch (as follower) the assignment of a generation. Followers wait for the leader."""
    groups = broker.cluster.groups
    coordinator = yield from groups.load()
    response = _deferred(broker, context)
    groups.perform(coordinator.sync_group(request, client_of(context), response, now=broker.cluster.now()))


def heartbeat(broker: BrokerEndpoint, request: HeartbeatRequest, context: RequestContext) -> Steps[None]:
    """Restart a member's session, and answer whether it must rejoin.

    A response without news may wait for news of a rebalance (``kafkalite.group.heartbeat.hold.ms``).
    """
    yield from broker.cluster.groups.load()
    broker.cluster.groups.heartbeat(request, client_of(context), context.defer())


def leave_group(broker: BrokerEndpoint, request: LeaveGroupRequest, context: RequestContext) -> Steps[None]:
    """Remove members at once, by their member ids or instance ids."""
    groups, response = broker.cluster.groups, context.defer()
    coordinator = yield from groups.load()
    groups.perform(coordinator.leave_group(request, client_of(context), response, now=broker.cluster.now()))


def consumer_group_heartbeat(
    broker: BrokerEndpoint, request: ConsumerGroupHeartbeatRequest, context: RequestContext
) -> Steps[None]:
    """Keep a member of a consumer group, and answer what it may read (KIP-848). With it a member joins and leaves."""
    cluster, response = broker.cluster, context.defer()
    coordinator = yield from cluster.groups.load()
    result = coordinator.consumer_group_heartbeat(
        request,
        client_of(context),
        response,
        now=cluster.now(),
        wall_ms=cluster.wall_ms(),
        may_read=partial(may_describe, context, ResourceType.TOPIC),
    )
    cluster.groups.perform(result)


def client_of(context: RequestContext) -> Client:
    """Return what groups keep of their members' clients."""
    return Client(client_id=context.client_id, client_host=context.client_host, api_version=context.api_version)


def _deferred(broker: BrokerEndpoint, context: RequestContext) -> ResponseHandle[Any]:
    """Return the handle of a response that waits for other members, and is dropped when its client disconnects."""
    groups, response = broker.cluster.groups, context.defer()
    response.on_disconnect(lambda: groups.perform(groups.coordinator.cancel(response)))
    return response

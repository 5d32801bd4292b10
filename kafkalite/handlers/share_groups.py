"""The requests about the members of share groups (KIP-932). The group coordinator answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.share.batches import NO_OFFSET
from kafkalite.handlers.authorized_operations import with_group_operations
from kafkalite.handlers.group_membership import client_of
from kafkalite.requests.steps import Steps, WorkMeter

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.share.state import ShareKey
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.share_group_describe import ShareGroupDescribeRequest, ShareGroupDescribeResponse
    from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse

_WORK_OF_A_STATE: Final = 8


def share_group_heartbeat(
    broker: BrokerEndpoint, request: ShareGroupHeartbeatRequest, context: RequestContext
) -> Steps[None]:
    """Keep a member of a share group, and answer what it may read (KIP-932). With it a member joins and leaves."""
    cluster, response = broker.cluster, context.defer()
    coordinator = yield from cluster.groups.load()
    held: list[ShareGroupHeartbeatResponse] = []
    is_ready = False

    def respond(answer: ShareGroupHeartbeatResponse) -> None:
        # What a member is assigned it may fetch from at once.
        if is_ready:
            response.send(answer)
        else:
            held.append(answer)

    handle = response.redirected(respond)
    result = coordinator.share_group_heartbeat(
        request, client_of(context), handle, now=cluster.now(), wall_ms=cluster.wall_ms()
    )
    cluster.groups.perform(result)
    yield from _initialize(broker, coordinator.shares.take_new_states())
    is_ready = True
    for answer in held:
        response.send(answer)


def _initialize(broker: BrokerEndpoint, new_states: Collection[tuple[ShareKey, int]]) -> Steps[None]:
    if not new_states:
        return
    cluster = broker.cluster
    yield from cluster.share_states.load()
    meter = WorkMeter()
    for key, epoch in new_states:
        if meter.add(_WORK_OF_A_STATE):
            yield
        cluster.share_states.initialize(key, state_epoch=epoch, start_offset=NO_OFFSET)


def share_group_describe(
    broker: BrokerEndpoint, request: ShareGroupDescribeRequest, context: RequestContext
) -> Steps[ShareGroupDescribeResponse]:
    """Describe share groups: epochs, members and assignments (KIP-932)."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.describe_share_groups(request)
    return with_group_operations(response, context) if request.include_authorized_operations else response

"""ListGroups, DescribeGroups, ConsumerGroupDescribe and DeleteGroups. The group coordinator answers them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.handlers.authorized_operations import may_describe, with_group_operations
from kafkalite.handlers.group_membership import client_of
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.security.access_control import Operation, ResourceType
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.results import CoordinatorResult, ResponseSink
    from kafkalite.coordinators.share.state import ShareKey
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.consumer_group_describe import (
        ConsumerGroupDescribeRequest,
        ConsumerGroupDescribeResponse,
    )
    from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
    from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse

_DELETED_PER_STEP: Final = 20
_WORK_OF_COUNTING: Final = 0.1


def list_groups(
    broker: BrokerEndpoint,
    request: ListGroupsRequest,
    context: RequestContext,
) -> Steps[ListGroupsResponse]:
    """List the groups that the client may describe, filtered by state and type."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.list_groups(request)
    if context.access is None or context.access.allows_cluster(Operation.DESCRIBE, logged=False):
        return response
    groups = tuple(group for group in response.groups if may_describe(context, ResourceType.GROUP, group.group_id))
    return replace(response, groups=groups)


def describe_groups(
    broker: BrokerEndpoint, request: DescribeGroupsRequest, context: RequestContext
) -> Steps[DescribeGroupsResponse]:
    """Describe groups: state, members and assignments, and on request the authorized operations (KIP-430)."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.describe_groups(request, client_of(context))
    return with_group_operations(response, context) if request.include_authorized_operations else response


def consumer_group_describe(
    broker: BrokerEndpoint, request: ConsumerGroupDescribeRequest, context: RequestContext
) -> Steps[ConsumerGroupDescribeResponse]:
    """Describe consumer groups: epochs, members, current and target assignments (KIP-848)."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.describe_consumer_groups(request)
    return with_group_operations(response, context) if request.include_authorized_operations else response


def delete_groups(broker: BrokerEndpoint, request: DeleteGroupsRequest, context: RequestContext) -> Steps[None]:
    """Delete groups that have no members, with their committed offsets."""
    groups, client, response = broker.cluster.groups, client_of(context), context.defer()

    def delete(names: tuple[str, ...], handle: ResponseSink) -> CoordinatorResult:
        return groups.coordinator.delete_groups(DeleteGroupsRequest(groups_names=names), client, handle)

    def delete_large(name: str, handle: ResponseSink) -> Steps[CoordinatorResult]:
        encoded = yield from groups.coordinator.encode_deletion(name, meter)
        wanted = DeleteGroupsRequest(groups_names=(name,))
        return groups.coordinator.delete_groups(wanted, client, handle, encoded=encoded)

    context.outlives_client = True
    coordinator = yield from groups.load()
    meter = WorkMeter()
    share_states = [key for name in request.groups_names for key in coordinator.shares.states_of(name)]
    parts: list[Callable[[ResponseSink], CoordinatorResult | Steps[CoordinatorResult]]] = []
    names: tuple[str, ...] = ()
    for name in dict.fromkeys(request.groups_names):
        if meter.add(_WORK_OF_COUNTING):
            yield
        if coordinator.has_many_offsets(name):
            parts += (partial(delete, names), partial(delete_large, name))
            names = ()
        else:
            names += (name,)
        if len(names) == _DELETED_PER_STEP:
            parts.append(partial(delete, names))
            names = ()
    if names or not parts:
        parts.append(partial(delete, names))
    yield from groups.perform_parts(parts, response, _merge)
    if share_states:
        yield from _delete_share_states(broker, [key for key in share_states if coordinator.has_no_group(key.group_id)])


def _delete_share_states(broker: BrokerEndpoint, keys: Sequence[ShareKey]) -> Steps[None]:
    """Forget how far share groups were that have been deleted."""
    yield from broker.cluster.share_states.load()
    meter = WorkMeter()
    for key in keys:
        if meter.add():
            yield
        broker.cluster.share_states.delete(key)
    gone = frozenset(keys)
    broker.cluster.share_partitions.forget(lambda key: key in gone)


def _merge(parts: list[DeleteGroupsResponse]) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(results=tuple(result for part in parts for result in part.results))

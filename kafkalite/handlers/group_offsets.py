"""OffsetCommit, OffsetFetch and OffsetDelete: the committed offsets of groups. The group coordinator answers them.

``require_stable`` in OffsetFetch changes nothing: there are no transactional commits yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.group_membership import client_of

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse


def offset_commit(broker: BrokerEndpoint, request: OffsetCommitRequest, context: RequestContext) -> None:
    """Store the offsets that a group has reached; a commit does not change who owns a partition."""
    cluster, groups, response = broker.cluster, broker.cluster.groups, context.defer()
    groups.perform(
        groups.coordinator.offset_commit(
            request, client_of(context), response, now=cluster.now(), wall_ms=cluster.wall_ms()
        )
    )


def offset_fetch(
    broker: BrokerEndpoint, request: OffsetFetchRequest, context: RequestContext
) -> Steps[OffsetFetchResponse]:
    """Return the committed offsets of groups, for some partitions or for all."""
    return broker.cluster.groups.coordinator.offset_fetch(request, client_of(context))


def offset_delete(broker: BrokerEndpoint, request: OffsetDeleteRequest, context: RequestContext) -> None:
    """Delete committed offsets, except in topics that members of the group may be reading (KIP-496)."""
    groups, response = broker.cluster.groups, context.defer()
    groups.perform(groups.coordinator.offset_delete(request, client_of(context), response))

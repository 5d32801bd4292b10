"""OffsetCommit, OffsetFetch and OffsetDelete: the committed offsets of groups. The group coordinator answers them.

``require_stable`` in OffsetFetch changes nothing: there are no transactional commits yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.offsets import merge_commit
from kafkalite.handlers.group_membership import client_of

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.results import CoordinatorResult, ResponseSink
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.offset_commit import (
        OffsetCommitRequest,
        OffsetCommitRequestTopic,
        OffsetCommitResponse,
    )
    from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse


_PARTITIONS_PER_STEP: Final = 200


def offset_commit(broker: BrokerEndpoint, request: OffsetCommitRequest, context: RequestContext) -> Steps[None] | None:
    """Store the offsets that a group has reached; a commit does not change who owns a partition.

    A commit of more partitions than fit into a step is carried out as several commits, one after the other; Kafka
    appends it in one batch.
    """
    cluster, groups, client, response = broker.cluster, broker.cluster.groups, client_of(context), context.defer()

    def commit(part: OffsetCommitRequest, handle: ResponseSink) -> CoordinatorResult:
        return groups.coordinator.offset_commit(part, client, handle, now=cluster.now(), wall_ms=cluster.wall_ms())

    if sum(len(topic.partitions) for topic in request.topics) <= _PARTITIONS_PER_STEP:
        groups.perform(commit(request, response))
        return None
    context.outlives_client = True
    parts = [partial(commit, replace(request, topics=topics)) for topics in _split(request.topics)]
    return groups.perform_parts(parts, response, _merge)


def _split(topics: Iterable[OffsetCommitRequestTopic]) -> Iterator[tuple[OffsetCommitRequestTopic, ...]]:
    part: list[OffsetCommitRequestTopic] = []
    size = 0
    for topic in topics:
        left = topic.partitions
        while size + len(left) > _PARTITIONS_PER_STEP:
            room = _PARTITIONS_PER_STEP - size
            yield (*part, replace(topic, partitions=left[:room]))
            left, part, size = left[room:], [], 0
        part.append(replace(topic, partitions=left))
        size += len(left)
    yield tuple(part)


def _merge(parts: list[OffsetCommitResponse]) -> OffsetCommitResponse:
    return merge_commit(topic for part in parts for topic in part.topics)


def offset_fetch(
    broker: BrokerEndpoint, request: OffsetFetchRequest, context: RequestContext
) -> Steps[OffsetFetchResponse]:
    """Return the committed offsets of groups, for some partitions or for all."""
    return broker.cluster.groups.coordinator.offset_fetch(request, client_of(context))


def offset_delete(broker: BrokerEndpoint, request: OffsetDeleteRequest, context: RequestContext) -> None:
    """Delete committed offsets, except in topics that members of the group may be reading (KIP-496)."""
    groups, response = broker.cluster.groups, context.defer()
    groups.perform(groups.coordinator.offset_delete(request, client_of(context), response))

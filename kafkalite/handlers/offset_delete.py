"""OffsetDelete, version 0: a group forgets how far it came, except in topics that its members may be reading (KIP-496).

The rules are those of :mod:`kafkalite.coordinators.groups`; partitions that do not exist are answered for here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: OffsetDeleteRequest, context: RequestContext) -> None:
    """Hand the partitions that exist to the group, and answer for the others here."""
    reply = context.defer()
    known: list[OffsetDeleteRequestTopic] = []
    unknown: list[OffsetDeleteResponseTopic] = []
    for topic in request.topics:
        exists = broker.cluster.storage.topics.get(topic.name)
        count = 0 if exists is None else exists.partitions
        within = tuple(partition for partition in topic.partitions if 0 <= partition.partition_index < count)
        if within:
            known.append(replace(topic, partitions=within))
        if len(within) < len(topic.partitions):
            unknown.append(_unknown(topic, count))
    groups = broker.cluster.groups
    accepted = replace(request, topics=tuple(known))
    answer = reply.redirected(lambda response: reply.send(_merged(unknown, response))) if unknown else reply
    groups.perform(groups.coordinator.offset_delete(accepted, client_of(context), answer))


def _unknown(topic: OffsetDeleteRequestTopic, count: int) -> OffsetDeleteResponseTopic:
    return OffsetDeleteResponseTopic(
        name=topic.name,
        partitions=tuple(
            OffsetDeleteResponsePartition(
                partition_index=partition.partition_index, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            )
            for partition in topic.partitions
            if not 0 <= partition.partition_index < count
        ),
    )


def _merged(unknown: list[OffsetDeleteResponseTopic], response: OffsetDeleteResponse) -> OffsetDeleteResponse:
    """Put unknown partitions before the coordinator's answer, each topic once; an error of the group stands alone."""
    if response.error_code:
        return response
    partitions: dict[str, tuple[OffsetDeleteResponsePartition, ...]] = {}
    for topic in (*unknown, *response.topics):
        partitions[topic.name] = partitions.get(topic.name, ()) + topic.partitions
    topics = tuple(OffsetDeleteResponseTopic(name=name, partitions=rows) for name, rows in partitions.items())
    return replace(response, topics=topics)

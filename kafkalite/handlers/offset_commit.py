"""OffsetCommit, versions 2-10: note how far a group has come; it says nothing of who owns what.

Topics are named up to version 9 and identified from 10 on. A commit for a topic that does not exist is refused for that
topic alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_BY_TOPIC_ID: Final = 10


def handle(
    broker: BrokerEndpoint, request: OffsetCommitRequest, context: RequestContext
) -> OffsetCommitResponse | None:
    """Hand the topics that exist to the group, and answer for the others here."""
    by_id = context.api_version >= _BY_TOPIC_ID
    known: list[OffsetCommitRequestTopic] = []
    refused: list[OffsetCommitResponseTopic] = []
    for topic in request.topics:
        name = broker.cluster.topic_name(topic.topic_id) if by_id else topic.name
        exists = broker.cluster.storage.topics.get(name) if name is not None else None
        if exists is None:
            code = ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            refused.append(_refused(topic, [p.partition_index for p in topic.partitions], code))
            continue
        # Also a commit by name keeps the id, so that a topic made anew under that name does not inherit it.
        identified = replace(topic, name=exists.name, topic_id=exists.topic_id)
        beyond = [p.partition_index for p in topic.partitions if not 0 <= p.partition_index < exists.partitions]
        if beyond:
            refused.append(_refused(identified, beyond, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
        within = tuple(p for p in topic.partitions if p.partition_index not in beyond)
        if within:
            known.append(replace(identified, partitions=within))
    if not known:
        return _merged(refused, OffsetCommitResponse(topics=()))
    accepted = replace(request, topics=tuple(known))
    cluster, groups = broker.cluster, broker.cluster.groups
    reply = context.defer()
    answer = reply.redirected(lambda response: reply.send(_merged(refused, response))) if refused else reply
    groups.perform(
        groups.coordinator.offset_commit(
            accepted, client_of(context), answer, now=cluster.now(), wall_ms=cluster.wall_ms()
        )
    )
    return None


def _refused(topic: OffsetCommitRequestTopic, indexes: list[int], code: ErrorCode) -> OffsetCommitResponseTopic:
    return OffsetCommitResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=tuple(OffsetCommitResponsePartition(partition_index=index, error_code=code) for index in indexes),
    )


def _merged(refused: list[OffsetCommitResponseTopic], response: OffsetCommitResponse) -> OffsetCommitResponse:
    """Put what was refused here before the coordinator's answer, each topic once."""
    answered: dict[str | bytes, OffsetCommitResponseTopic] = {}
    for topic in (*refused, *response.topics):
        earlier = answered.get(_key(topic))
        partitions = topic.partitions if earlier is None else earlier.partitions + topic.partitions
        answered[_key(topic)] = replace(topic, partitions=partitions)
    return replace(response, topics=tuple(answered.values()))


def _key(topic: OffsetCommitResponseTopic) -> str | bytes:
    return topic.name if topic.topic_id == ZERO_UUID else topic.topic_id

"""OffsetFetch, versions 1-10: how far a group has come, for some of its partitions or for all.

Several groups in one request from version 8 on, topics by id from version 10 on. ``require_stable`` changes nothing:
there are no transactional commits yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.handlers.group_client import client_of
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.response_handle import ResponseHandle

_BY_TOPIC_ID: Final = 10
_NO_OFFSET: Final = -1


def handle(broker: BrokerEndpoint, request: OffsetFetchRequest, context: RequestContext) -> None:
    """Ask the groups by name, and translate ids on the way in and out."""
    reply = context.defer()
    if context.api_version < _BY_TOPIC_ID:
        _fetch(broker, request, context, reply)
        return
    unknown: dict[str, list[OffsetFetchRequestTopics]] = {}
    groups = tuple(_named(broker, group, unknown.setdefault(group.group_id, [])) for group in request.groups)

    def answer(response: OffsetFetchResponse) -> None:
        identified = (_identified(broker, group, unknown.get(group.group_id, [])) for group in response.groups)
        reply.send(replace(response, groups=tuple(identified)))

    _fetch(broker, replace(request, groups=groups), context, reply.redirected(answer))


def _fetch(
    broker: BrokerEndpoint,
    request: OffsetFetchRequest,
    context: RequestContext,
    reply: ResponseHandle[OffsetFetchResponse],
) -> None:
    groups = broker.cluster.groups
    groups.perform(groups.coordinator.offset_fetch(request, client_of(context), reply, now=broker.cluster.now()))


def _named(
    broker: BrokerEndpoint, group: OffsetFetchRequestGroup, unknown: list[OffsetFetchRequestTopics]
) -> OffsetFetchRequestGroup:
    if group.topics is None:
        return group
    topics: list[OffsetFetchRequestTopics] = []
    for topic in group.topics:
        name = broker.cluster.topic_name(topic.topic_id)
        if name is None:
            unknown.append(topic)
        else:
            topics.append(replace(topic, name=name))
    return replace(group, topics=tuple(topics))


def _identified(
    broker: BrokerEndpoint, group: OffsetFetchResponseGroup, unknown_topics: list[OffsetFetchRequestTopics]
) -> OffsetFetchResponseGroup:
    """Give the topics of an answer their ids, and add those whose ids are unknown."""
    if group.error_code:
        return group
    known = [
        replace(topic, topic_id=found.topic_id)
        for topic in group.topics
        if (found := broker.cluster.storage.topics.get(topic.name)) is not None
    ]
    unknown = [
        OffsetFetchResponseTopics(
            topic_id=topic.topic_id,
            name="",
            partitions=tuple(
                OffsetFetchResponsePartitions(
                    partition_index=index,
                    committed_offset=_NO_OFFSET,
                    metadata="",
                    error_code=ErrorCode.UNKNOWN_TOPIC_ID,
                )
                for index in topic.partition_indexes
            ),
        )
        for topic in unknown_topics
    ]
    return replace(group, topics=(*known, *unknown))

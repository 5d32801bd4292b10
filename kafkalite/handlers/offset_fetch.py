"""OffsetFetch, versions 1-10: how far a group has come, for some of its partitions or for all.

Several groups in one request from version 8 on, topics by id from version 10 on. ``require_stable`` changes nothing:
there are no transactional commits yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.handlers.group_client import client_of
from kafkalite.handlers.handling import Context, deferred
from kafkalite.reply import Reply
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
    from kafkalite.node import Node

_BY_TOPIC_ID: Final = 10
_NO_OFFSET: Final = -1


@deferred
def handle(node: Node, request: OffsetFetchRequest, context: Context, reply: Reply[OffsetFetchResponse]) -> None:
    """Ask the groups by name, and translate ids on the way in and out."""
    if context.api_version < _BY_TOPIC_ID:
        _fetch(node, request, context, reply)
        return
    unknown: dict[str, list[OffsetFetchRequestTopics]] = {}
    groups = tuple(_named(node, group, unknown.setdefault(group.group_id, [])) for group in request.groups)
    _fetch(node, replace(request, groups=groups), context, _ById(node, reply, unknown))


def _fetch(node: Node, request: OffsetFetchRequest, context: Context, reply: Reply[OffsetFetchResponse]) -> None:
    groups = node.groups
    groups.perform(groups.coordinator.offset_fetch(request, client_of(context), reply, now=node.now()))


def _named(
    node: Node, group: OffsetFetchRequestGroup, unknown: list[OffsetFetchRequestTopics]
) -> OffsetFetchRequestGroup:
    if group.topics is None:
        return group
    topics: list[OffsetFetchRequestTopics] = []
    for topic in group.topics:
        name = node.topic_name(topic.topic_id)
        if name is None:
            unknown.append(topic)
        else:
            topics.append(replace(topic, name=name))
    return replace(group, topics=tuple(topics))


class _ById:
    """Gives the topics of an answer their ids, and adds those whose ids nobody knows."""

    def __init__(
        self,
        node: Node,
        reply: Reply[OffsetFetchResponse],
        unknown: dict[str, list[OffsetFetchRequestTopics]],
    ) -> None:
        self._node = node
        self._reply = reply
        self._unknown = unknown
        self.on_abandoned = reply.on_abandoned
        self.on_followed = reply.on_followed
        self.fail = reply.fail
        self.skip = reply.skip

    def send(self, response: OffsetFetchResponse) -> None:
        self._reply.send(replace(response, groups=tuple(self._group(group) for group in response.groups)))

    def _group(self, group: OffsetFetchResponseGroup) -> OffsetFetchResponseGroup:
        if group.error_code:
            return group
        known = [
            replace(topic, topic_id=found.topic_id)
            for topic in group.topics
            if (found := self._node.storage.topics.get(topic.name)) is not None
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
            for topic in self._unknown.get(group.group_id, ())
        ]
        return replace(group, topics=(*known, *unknown))

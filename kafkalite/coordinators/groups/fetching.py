"""What OffsetFetch answers: the committed offsets of one group (versions 1 to 7) or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.offset_table import NO_EPOCH, CommittedOffset, OffsetTable, TopicOffsets
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.coordinators.groups.classic.registry import Groups

NO_OFFSET: Final = -1
_SEVERAL_GROUPS_SINCE: Final = 8
_NONE: Final = CommittedOffset(offset=NO_OFFSET, leader_epoch=NO_EPOCH, commit_timestamp=0)


def fetch_offsets(
    request: OffsetFetchRequest,
    api_version: int,
    groups: Groups,
    table: OffsetTable,
    is_failed: Callable[[str], bool],
) -> OffsetFetchResponse:
    """Look committed offsets up; what was never committed has offset -1 and no error, also if no such group is."""

    def offsets_of(group_id: str) -> TopicOffsets:
        return {} if groups.get(group_id) is None else table.of(group_id)

    if api_version >= _SEVERAL_GROUPS_SINCE:
        return OffsetFetchResponse(
            groups=tuple(
                OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=ErrorCode.NOT_COORDINATOR)
                if is_failed(group.group_id)
                else _of_several(group, offsets_of(group.group_id))
                for group in request.groups
            )
        )
    if is_failed(request.group_id):
        return _refused(request, ErrorCode.NOT_COORDINATOR)
    offsets = offsets_of(request.group_id)
    if request.topics is None:
        wanted = [(topic, tuple(partitions)) for topic, partitions in offsets.items()]
    else:
        wanted = [(topic.name, topic.partition_indexes) for topic in request.topics]
    return OffsetFetchResponse(topics=tuple(_of_one(name, indexes, offsets) for name, indexes in wanted))


def _refused(request: OffsetFetchRequest, error: ErrorCode) -> OffsetFetchResponse:
    topics = tuple(
        OffsetFetchResponseTopic(
            name=topic.name,
            partitions=tuple(
                OffsetFetchResponsePartition(
                    partition_index=index, committed_offset=NO_OFFSET, metadata="", error_code=error
                )
                for index in topic.partition_indexes
            ),
        )
        for topic in request.topics or ()
    )
    return OffsetFetchResponse(error_code=error, topics=topics)


def _of_one(name: str, indexes: tuple[int, ...], offsets: TopicOffsets) -> OffsetFetchResponseTopic:
    partitions = offsets.get(name, {})
    return OffsetFetchResponseTopic(
        name=name,
        partitions=tuple(
            OffsetFetchResponsePartition(
                partition_index=index,
                committed_offset=committed.offset,
                committed_leader_epoch=committed.leader_epoch,
                metadata=committed.metadata,
            )
            for index in indexes
            for committed in (partitions.get(index, _NONE),)
        ),
    )


def _of_several(request: OffsetFetchRequestGroup, offsets: TopicOffsets) -> OffsetFetchResponseGroup:
    if request.topics is None:
        wanted = [(topic, ZERO_UUID, tuple(partitions)) for topic, partitions in offsets.items()]
    else:
        wanted = [(topic.name, topic.topic_id, topic.partition_indexes) for topic in request.topics]
    return OffsetFetchResponseGroup(
        group_id=request.group_id,
        topics=tuple(_of_topic(name, topic_id, indexes, offsets) for name, topic_id, indexes in wanted),
    )


def _of_topic(name: str, topic_id: bytes, indexes: tuple[int, ...], offsets: TopicOffsets) -> OffsetFetchResponseTopics:
    partitions = offsets.get(name, {})

    def committed(index: int) -> CommittedOffset:
        found = partitions.get(index, _NONE)
        # The offset of a topic that was deleted says nothing about another one of the same name.
        return found if found.is_of(topic_id) else _NONE

    return OffsetFetchResponseTopics(
        name=name,
        topic_id=topic_id,
        partitions=tuple(
            OffsetFetchResponsePartitions(
                partition_index=index,
                committed_offset=found.offset,
                committed_leader_epoch=found.leader_epoch,
                metadata=found.metadata,
            )
            for index in indexes
            for found in (committed(index),)
        ),
    )

"""OffsetFetch: the committed offsets of one group (versions before 8) or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.offset_table import (
    NO_EPOCH,
    CommittedOffset,
    OffsetTable,
    PendingOffsets,
    TopicOffsets,
)
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.topics import ClusterTopics

NO_OFFSET: Final = -1
_SEVERAL_GROUPS_SINCE: Final = 8
_BY_TOPIC_ID_SINCE: Final = 10
_NONE: Final = CommittedOffset(offset=NO_OFFSET, leader_epoch=NO_EPOCH, commit_timestamp=0)


def fetch_offsets(
    request: OffsetFetchRequest,
    api_version: int,
    groups: Groups,
    table: OffsetTable,
    pending: PendingOffsets,
    topics: ClusterTopics,
) -> Steps[OffsetFetchResponse]:
    """Look committed offsets up. Partitions without one, also of unknown groups, have offset -1 and no error.

    With ``require_stable``, a partition for which an open transaction commits an offset is refused (KIP-447).
    """
    work = WorkMeter()
    require_stable = request.require_stable and bool(pending)
    if api_version >= _SEVERAL_GROUPS_SINCE:
        by_id = topics if api_version >= _BY_TOPIC_ID_SINCE else None
        of_groups: list[OffsetFetchResponseGroup] = []
        for group in request.groups:
            if work.add():
                yield
            unstable = pending.of_group(group.group_id) if require_stable else frozenset[tuple[str, int]]()
            of_groups.append((yield from _of_group(group, groups, table, unstable, by_id, work)))
        return OffsetFetchResponse(groups=tuple(of_groups))
    asked = OffsetFetchRequestGroup(group_id=request.group_id, topics=None)
    error = _validate(asked, groups)
    if error:
        return _refused(request, error)
    offsets = _offsets(request.group_id, groups, table)
    unstable = pending.of_group(request.group_id) if require_stable else frozenset[tuple[str, int]]()
    if request.topics is None:
        wanted = [(topic, tuple(partitions)) for topic, partitions in offsets.items()]
    else:
        wanted = [(topic.name, topic.partition_indexes) for topic in request.topics]
    found: list[OffsetFetchResponseTopic] = []
    for name, indexes in wanted:
        partitions: list[OffsetFetchResponsePartition] = []
        committed_of = offsets.get(name, {})
        for index in indexes:
            if work.add():
                yield
            is_unstable = (name, index) in unstable
            committed = _NONE if is_unstable else committed_of.get(index, _NONE)
            partitions.append(
                OffsetFetchResponsePartition(
                    partition_index=index,
                    committed_offset=committed.offset,
                    committed_leader_epoch=committed.leader_epoch,
                    metadata=committed.metadata,
                    error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT if is_unstable else ErrorCode.NONE,
                )
            )
        found.append(OffsetFetchResponseTopic(name=name, partitions=tuple(partitions)))
    return OffsetFetchResponse(topics=tuple(found))


def _validate(request: OffsetFetchRequestGroup, groups: Groups) -> ErrorCode:
    if groups.is_failed(request.group_id):
        return ErrorCode.NOT_COORDINATOR
    group = groups.get(request.group_id)
    return ErrorCode.NONE if group is None else group.validate_fetch(request)


def _offsets(group_id: str, groups: Groups, table: OffsetTable) -> TopicOffsets:
    return {} if groups.get(group_id) is None else table.of(group_id)


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


def _of_group(
    request: OffsetFetchRequestGroup,
    groups: Groups,
    table: OffsetTable,
    unstable: Set[tuple[str, int]],
    by_id: ClusterTopics | None,
    work: WorkMeter,
) -> Steps[OffsetFetchResponseGroup]:
    error = _validate(request, groups)
    if error:
        return OffsetFetchResponseGroup(group_id=request.group_id, topics=(), error_code=error)
    offsets = _offsets(request.group_id, groups, table)
    found: list[OffsetFetchResponseTopics] = []
    unknown: list[OffsetFetchResponseTopics] = []
    if request.topics is None:
        for name, partitions in tuple(offsets.items()):
            topic = None if by_id is None else by_id.topics.get(name)
            if by_id is None or topic is not None:
                topic_id = ZERO_UUID if topic is None else topic.topic_id
                found.append(
                    (yield from _of_topic(name, topic_id, tuple(partitions), partitions, ZERO_UUID, unstable, work))
                )
    else:
        for asked in request.topics:
            topic = None if by_id is None else by_id.topics_by_id.get(asked.topic_id)
            if by_id is not None and topic is None:
                unknown.append(_unknown(asked))
                continue
            name, topic_id = (asked.name, ZERO_UUID) if topic is None else (topic.name, topic.topic_id)
            committed = offsets.get(name, {})
            indexes = asked.partition_indexes
            found.append((yield from _of_topic(name, topic_id, indexes, committed, topic_id, unstable, work)))
    return OffsetFetchResponseGroup(group_id=request.group_id, topics=(*found, *unknown))


def _of_topic(
    name: str,
    topic_id: bytes,
    indexes: Iterable[int],
    committed: Mapping[int, CommittedOffset],
    committed_for: bytes,
    unstable: Set[tuple[str, int]],
    work: WorkMeter,
) -> Steps[OffsetFetchResponseTopics]:
    partitions: list[OffsetFetchResponsePartitions] = []
    for index in indexes:
        if work.add():
            yield
        found = committed.get(index, _NONE)
        if not found.is_of(committed_for):
            found = _NONE  # The offset of a topic that was deleted does not count for another one of the same name.
        is_unstable = (name, index) in unstable
        if is_unstable:
            found = _NONE
        partitions.append(
            OffsetFetchResponsePartitions(
                partition_index=index,
                committed_offset=found.offset,
                committed_leader_epoch=found.leader_epoch,
                metadata=found.metadata,
                error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT if is_unstable else ErrorCode.NONE,
            )
        )
    return OffsetFetchResponseTopics(name=name, topic_id=topic_id, partitions=tuple(partitions))


def _unknown(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        name="",
        topic_id=topic.topic_id,
        partitions=tuple(
            OffsetFetchResponsePartitions(
                partition_index=index,
                committed_offset=NO_OFFSET,
                metadata="",
                error_code=ErrorCode.UNKNOWN_TOPIC_ID,
            )
            for index in topic.partition_indexes
        ),
    )

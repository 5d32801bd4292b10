"""What OffsetCommit and OffsetDelete do, and which offsets end with their topic or by age (KIP-211)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import CONSUMER, Group
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.offset_table import NO_EXPIRY, CommittedOffset, OffsetTable
from kafkalite.coordinators.groups.records import write_deleted_offset, write_offset
from kafkalite.coordinators.java_strings import utf16_length
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.classic.registry import Groups
    from kafkalite.coordinators.groups.config import GroupConfig
    from kafkalite.coordinators.results import Client, ResultBuilder

_GROUP_ID_NOT_FOUND_SINCE: Final = 9
_NO_RETENTION: Final = -1
_HEARTBEAT_STATES: Final = (GroupState.STABLE, GroupState.PREPARING_REBALANCE)


class Offsets:
    """Commits and deletions of offsets."""

    def __init__(self, config: GroupConfig, groups: Groups, table: OffsetTable, rebalances: Rebalances) -> None:
        self._config = config
        self._groups = groups
        self._table = table
        self._rebalances = rebalances

    # OffsetCommit

    def commit(
        self, request: OffsetCommitRequest, client: Client, wall_ms: int, result: ResultBuilder
    ) -> OffsetCommitResponse:
        """Store offsets; a member's commit restarts its session."""
        group = self._groups.get(request.group_id)
        error = self._validate(group, request, client)
        if error:
            return refuse_commit(request, error)
        if group is not None and group.state in _HEARTBEAT_STATES:
            self._rebalances.keep_alive(group.members[request.member_id], result)
        retention = request.retention_time_ms
        expiry = NO_EXPIRY if retention == _NO_RETENTION else wall_ms + retention
        topics = [
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=tuple(
                    [
                        OffsetCommitResponsePartition(
                            partition_index=partition.partition_index,
                            error_code=self._commit(request.group_id, topic, partition, wall_ms, expiry, result),
                        )
                        for partition in topic.partitions
                    ]
                ),
            )
            for topic in request.topics
        ]
        return OffsetCommitResponse(topics=tuple(topics))

    def _validate(self, group: Group | None, request: OffsetCommitRequest, client: Client) -> ErrorCode:
        generation = request.generation_id_or_member_epoch
        if group is None:
            if generation < 0:
                return ErrorCode.NONE  # A consumer that only keeps its offsets here: a group in name alone.
            if client.api_version >= _GROUP_ID_NOT_FOUND_SINCE:
                return ErrorCode.GROUP_ID_NOT_FOUND
            return ErrorCode.ILLEGAL_GENERATION
        if generation < 0 and group.state is GroupState.EMPTY:
            return ErrorCode.NONE
        if generation < 0 and not request.member_id and request.group_instance_id is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        error = group.validate(request.member_id, request.group_instance_id)
        if error:
            return error
        if generation != group.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if group.state is GroupState.COMPLETING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def _commit(
        self,
        group_id: str,
        topic: OffsetCommitRequestTopic,
        partition: OffsetCommitRequestPartition,
        wall_ms: int,
        expiry: int,
        result: ResultBuilder,
    ) -> ErrorCode:
        metadata = partition.committed_metadata or ""
        if utf16_length(metadata) > self._config.offset_metadata_max_bytes:
            return ErrorCode.OFFSET_METADATA_TOO_LARGE
        committed = CommittedOffset(
            offset=partition.committed_offset,
            leader_epoch=partition.committed_leader_epoch,
            metadata=metadata,
            commit_timestamp=wall_ms,
            expire_timestamp=expiry,
            topic_id=topic.topic_id,
        )
        if self._groups.get(group_id) is None:
            self._groups.create(group_id, result)
        self._table.put(group_id, topic.name, partition.partition_index, committed)
        write_offset(group_id, topic.name, partition.partition_index, committed, result)
        return ErrorCode.NONE

    # The end of offsets

    def delete(self, request: OffsetDeleteRequest, result: ResultBuilder) -> OffsetDeleteResponse:
        """Delete offsets on request, but not those of topics that members may be reading (KIP-496)."""
        if not request.group_id:
            return OffsetDeleteResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        group = self._groups.get(request.group_id)
        if group is None:
            return OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND)
        if group.state is not GroupState.EMPTY and group.protocol_type != CONSUMER:
            return OffsetDeleteResponse(error_code=ErrorCode.NON_EMPTY_GROUP)
        topics: list[OffsetDeleteResponseTopic] = []
        for topic in request.topics:
            subscribed = group.is_subscribed_to(topic.name)
            indexes = [partition.partition_index for partition in topic.partitions]
            known = self._table.of(request.group_id).get(topic.name, {})
            for index in () if subscribed else {*indexes}.intersection(known):
                self._delete(request.group_id, topic.name, index, result)
            error = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribed else ErrorCode.NONE
            topics.append(
                OffsetDeleteResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        OffsetDeleteResponsePartition(partition_index=index, error_code=error) for index in indexes
                    ),
                )
            )
        return OffsetDeleteResponse(topics=tuple(topics))

    def delete_topics(self, topics: Collection[str], result: ResultBuilder) -> None:
        """Delete the offsets of topics that have been deleted."""
        for topic in topics:
            for group_id, partitions in self._table.committed_to(topic):
                for partition in partitions:
                    self._delete(group_id, topic, partition, result)

    def delete_group(self, group: Group, result: ResultBuilder) -> None:
        """Delete a group that has no members, with its offsets."""
        for topic, partition in list(self._table.partitions_of(group.group_id)):
            self._delete(group.group_id, topic, partition, result)
        self._groups.delete(group, result)

    def expire(self, wall_ms: int, result: ResultBuilder) -> None:
        """Delete expired offsets, and the groups that are left with neither offsets nor members."""
        for group in self._groups:
            if self._expire(group, wall_ms, result) and group.state is GroupState.EMPTY:
                self._groups.delete(group, result)

    def _expire(self, group: Group, wall_ms: int, result: ResultBuilder) -> bool:
        topics = self._table.of(group.group_id)
        if not topics:
            return True
        since = _retained_since(group)
        if since is None:
            return False
        retention_ms = self._config.offsets_retention * 1000
        expired = [
            (topic, partition)
            for topic, partitions in topics.items()
            if not group.is_subscribed_to(topic)
            for partition, committed in partitions.items()
            if (
                wall_ms - since(committed) >= retention_ms
                if committed.expire_timestamp == NO_EXPIRY
                else wall_ms >= committed.expire_timestamp
            )
        ]
        for topic, partition in expired:
            self._delete(group.group_id, topic, partition, result)
        return not self._table.of(group.group_id)

    def _delete(self, group_id: str, topic: str, partition: int, result: ResultBuilder) -> None:
        self._table.remove(group_id, topic, partition)
        write_deleted_offset(group_id, topic, partition, result)


def _retained_since(group: Group) -> Callable[[CommittedOffset], int] | None:
    """Return when the retention of a group's offsets starts, in record time; None if they are kept."""
    if group.protocol_type is None or group.state is GroupState.STABLE:
        if group.protocol_type is not None and group.subscribed_topics is None:
            return None
        return lambda committed: committed.commit_timestamp
    if group.state is GroupState.EMPTY:
        emptied = group.state_timestamp
        return lambda committed: committed.commit_timestamp if emptied is None else emptied
    return None


def refuse_commit(request: OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse:
    """Answer a commit with one error for all of its partitions."""
    return OffsetCommitResponse(
        topics=tuple(
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=tuple(
                    OffsetCommitResponsePartition(partition_index=partition.partition_index, error_code=error)
                    for partition in topic.partitions
                ),
            )
            for topic in request.topics
        )
    )

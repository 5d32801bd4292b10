"""Commits of offsets, also within transactions; their deletion by request, with their topic or by age (KIP-211)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from kafkalite.coordinators.groups.offset_table import NO_EXPIRY, CommittedOffset, OffsetTable, PendingOffsets
from kafkalite.coordinators.groups.records import offset_key, write_deleted_offset, write_offset
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
from kafkalite_wire.messages.txn_offset_commit import TxnOffsetCommitResponseTopic
from kafkalite_wire.records import BatchBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kafkalite.coordinators.groups.registry import CoordinatedGroup, GroupConfig, Groups
    from kafkalite.coordinators.results import Client, ProducerIdAndEpoch, ResultBuilder
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite.requests.steps import Steps, WorkMeter

CommitTopic = TypeVar("CommitTopic", OffsetCommitResponseTopic, TxnOffsetCommitResponseTopic)

_OFFSETS_PER_STEP: Final = 100
_GROUP_ID_NOT_FOUND_SINCE: Final = 9
_BY_TOPIC_ID_SINCE: Final = 10
_NO_RETENTION: Final = -1


class EncodedDeletion(NamedTuple):
    """The tombstones of a group's offsets, and of which partitions they are."""

    group_id: str
    partitions: Mapping[str, frozenset[int]]
    tombstones: BatchBuilder


class Offsets:
    """Commits and deletions of offsets, for groups of all kinds.

    ``new_group`` returns the group that a commit without members creates.
    """

    def __init__(
        self,
        config: GroupConfig,
        groups: Groups,
        table: OffsetTable,
        pending: PendingOffsets,
        topics: ClusterTopics,
        new_group: Callable[[str, ResultBuilder], CoordinatedGroup],
    ) -> None:
        self._config = config
        self._groups = groups
        self._table = table
        self._pending = pending
        self._topics = topics
        self._new_group = new_group

    # OffsetCommit

    def commit(
        self, request: OffsetCommitRequest, client: Client, wall_ms: int, result: ResultBuilder
    ) -> OffsetCommitResponse:
        """Store offsets; a member's commit restarts its session. Unknown partitions are refused one by one."""
        return self._commit_known(
            request, wall_ms, result, by_id=client.api_version >= _BY_TOPIC_ID_SINCE, api_version=client.api_version
        )

    def commit_in_transaction(
        self,
        request: OffsetCommitRequest,
        producer: ProducerIdAndEpoch,
        wall_ms: int,
        result: ResultBuilder,
        *,
        by_id: bool,
    ) -> OffsetCommitResponse:
        """Keep offsets until the producer's transaction ends; see :meth:`end_transaction`."""
        result.producer = producer
        return self._commit_known(request, wall_ms, result, by_id=by_id, api_version=None)

    def end_transaction(
        self, producer_id: int, belongs: Callable[[str], bool], result: ResultBuilder, *, commit: bool
    ) -> None:
        """Set, or drop, the offsets that a transaction has committed for the groups of a partition."""
        if not commit:
            self._pending.drop(producer_id, belongs)
            return
        committed = self._pending.commit(producer_id, belongs)
        for group_id in {key[0] for key in committed}:
            if self._groups.get(group_id) is None:
                self._groups.add(self._new_group(group_id, result))
        self._table.put_all(committed)

    def _commit_known(
        self, request: OffsetCommitRequest, wall_ms: int, result: ResultBuilder, *, by_id: bool, api_version: int | None
    ) -> OffsetCommitResponse:
        known, refused = self._existing(request, by_id=by_id)
        if not known:
            return merge_commit(refused)
        error = self._validate(request, known, api_version, by_id=by_id)
        if error:
            return _beside(refused, refuse_commit(known, error))
        group = self._groups.get(request.group_id)
        if group is not None and result.producer is None:
            group.committed(request, result)
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
            for topic in known
        ]
        return _beside(refused, topics)

    def _existing(
        self, request: OffsetCommitRequest, *, by_id: bool
    ) -> tuple[list[OffsetCommitRequestTopic], list[OffsetCommitResponseTopic]]:
        """Separate partitions that exist from those that do not, which are answered."""
        known: list[OffsetCommitRequestTopic] = []
        refused: list[OffsetCommitResponseTopic] = []
        for topic in request.topics:
            exists = self._topics.topics_by_id.get(topic.topic_id) if by_id else self._topics.topics.get(topic.name)
            if exists is None:
                error = ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                refused += refuse_commit([topic], error)
                continue
            # A commit by name also stores the id, so that a later topic of that name does not inherit the offset.
            identified = replace(topic, name=exists.name, topic_id=exists.topic_id)
            within = tuple(p for p in topic.partitions if 0 <= p.partition_index < exists.partitions)
            if len(within) < len(topic.partitions):
                beyond = tuple(p for p in topic.partitions if not 0 <= p.partition_index < exists.partitions)
                refused += refuse_commit([replace(identified, partitions=beyond)], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
            if within:
                known.append(replace(identified, partitions=within))
        return known, refused

    def _validate(
        self,
        request: OffsetCommitRequest,
        known: list[OffsetCommitRequestTopic],
        api_version: int | None,
        *,
        by_id: bool,
    ) -> ErrorCode:
        """Check whether the sender may commit; no version means that it commits in a transaction."""
        if self._groups.is_failed(request.group_id):
            return ErrorCode.NOT_COORDINATOR
        group = self._groups.get(request.group_id)
        if group is not None:
            return group.validate_commit(replace(request, topics=tuple(known)), api_version=api_version)
        if request.generation_id_or_member_epoch < 0:
            return ErrorCode.NONE  # A consumer without members' protocol: a simple group is created for it.
        # TxnOffsetCommit has this error from the version on that has topic ids.
        if by_id if api_version is None else api_version >= _GROUP_ID_NOT_FOUND_SINCE:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return ErrorCode.ILLEGAL_GENERATION

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
            self._groups.add(self._new_group(group_id, result))
        key = (group_id, topic.name, partition.partition_index)
        if result.producer is not None:
            self._pending.put(result.producer.producer_id, key, committed)
        else:
            if self._pending:
                self._pending.supersede(key)
            self._table.put(*key, committed)
        write_offset(*key, committed, result)
        return ErrorCode.NONE

    # The end of offsets

    def delete(self, request: OffsetDeleteRequest, result: ResultBuilder) -> OffsetDeleteResponse:
        """Delete offsets on request, but not those of topics that members may be reading (KIP-496)."""
        if not request.group_id:
            return OffsetDeleteResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        if self._groups.is_failed(request.group_id):
            return OffsetDeleteResponse(error_code=ErrorCode.NOT_COORDINATOR)
        group = self._groups.get(request.group_id)
        if group is None:
            return OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND)
        error = group.validate_offset_delete()
        if error:
            return OffsetDeleteResponse(error_code=error)
        unknown: list[OffsetDeleteResponseTopic] = []
        deleted: list[OffsetDeleteResponseTopic] = []
        for topic in request.topics:
            exists = self._topics.topics.get(topic.name)
            count = 0 if exists is None else exists.partitions
            subscribed = group.is_subscribed_to(topic.name)
            error = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribed else ErrorCode.NONE
            indexes = [partition.partition_index for partition in topic.partitions]
            within = [index for index in indexes if 0 <= index < count]
            beyond = [index for index in indexes if not 0 <= index < count]
            committed = self._table.of(request.group_id).get(topic.name, {})
            for index in () if subscribed else {*within}:
                self._delete(request.group_id, topic.name, index, result, is_committed=index in committed)
            if within:
                deleted.append(_deleted(topic.name, within, error))
            if beyond:
                unknown.append(_deleted(topic.name, beyond, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
        return OffsetDeleteResponse(topics=_merge_deleted([*unknown, *deleted]) if unknown else tuple(deleted))

    def delete_of_topic(
        self, topic: str, found: Iterable[tuple[str, int, CommittedOffset]], result: ResultBuilder
    ) -> None:
        """Delete offsets of a deleted topic, except those that were committed for another one of the same name since.

        They are given as :meth:`OffsetTable.committed_to` returned them.
        """
        for group_id, partition, committed in found:
            if self._table.of(group_id).get(topic, {}).get(partition) == committed:
                self._delete(group_id, topic, partition, result)

    def delete_pending_of_topic(self, topic: str, result: ResultBuilder) -> None:
        """Delete what open transactions commit for a topic that has been deleted."""
        for group_id, name, partition in self._pending.entries():
            if name == topic:
                self._delete(group_id, topic, partition, result, is_committed=False)

    def has_many(self, group_id: str) -> bool:
        """Return whether a group has more offsets than fit into a step."""
        return sum(map(len, self._table.of(group_id).values())) > _OFFSETS_PER_STEP

    def encode_deletion(self, group_id: str, meter: WorkMeter) -> Steps[EncodedDeletion]:
        """Encode the tombstones of a group's offsets, in steps; the group may change in between."""
        partitions = {topic: frozenset(indexes) for topic, indexes in self._table.of(group_id).items()}
        tombstones = BatchBuilder()
        for topic, indexes in partitions.items():
            for index in indexes:
                if meter.add():
                    yield
                tombstones.add(offset_key(group_id, topic, index), None)
        return EncodedDeletion(group_id, partitions, tombstones)

    def delete_group(
        self, group: CoordinatedGroup, result: ResultBuilder, encoded: EncodedDeletion | None = None
    ) -> None:
        """Delete a group that has no members, with its offsets, in one batch."""
        if encoded is not None:
            result.continue_batch(group.group_id, encoded.tombstones)
            committed_since = {
                (topic, index)
                for topic, indexes in self._table.of(group.group_id).items()
                for index in indexes.keys() - encoded.partitions.get(topic, frozenset())
            }
            self._table.discard(group.group_id)
            for topic, partition in committed_since:
                self._delete(group.group_id, topic, partition, result)
        for topic, partition in list(self._table.partitions_of(group.group_id)):
            self._delete(group.group_id, topic, partition, result)
        for topic, partition in self._pending.of_group(group.group_id):
            self._delete(group.group_id, topic, partition, result, is_committed=False)
        self._groups.delete(group, result)

    def expire(self, wall_ms: int, result: ResultBuilder) -> None:
        """Delete expired offsets, and the groups that are left with neither offsets nor members."""
        for group in self._groups:
            if self._expire(group, wall_ms, result) and group.is_empty:
                self._groups.delete(group, result)

    def _expire(self, group: CoordinatedGroup, wall_ms: int, result: ResultBuilder) -> bool:
        topics = self._table.of(group.group_id)
        unstable = self._pending.of_group(group.group_id)
        if not topics:
            return not unstable
        since = group.retained_since()
        if since is None:
            return False
        retention_ms = self._config.offsets_retention * 1000
        expired = [
            (topic, partition)
            for topic, partitions in topics.items()
            if not group.is_subscribed_to(topic)
            for partition, committed in partitions.items()
            if (topic, partition) not in unstable
            and (
                wall_ms - since(committed) >= retention_ms
                if committed.expire_timestamp == NO_EXPIRY
                else wall_ms >= committed.expire_timestamp
            )
        ]
        for topic, partition in expired:
            self._delete(group.group_id, topic, partition, result)
        return not unstable and not self._table.of(group.group_id)

    def _delete(
        self, group_id: str, topic: str, partition: int, result: ResultBuilder, *, is_committed: bool = True
    ) -> None:
        """Delete an offset, also one that a transaction commits; a tombstone is due if there was either."""
        is_pending = bool(self._pending) and self._pending.discard((group_id, topic, partition))
        if is_committed:
            self._table.remove(group_id, topic, partition)
        if is_committed or is_pending:
            write_deleted_offset(group_id, topic, partition, result)


def refuse_commit(topics: Iterable[OffsetCommitRequestTopic], error: ErrorCode) -> list[OffsetCommitResponseTopic]:
    """Answer topics of a commit with one error for all of their partitions."""
    return [
        OffsetCommitResponseTopic(
            name=topic.name,
            topic_id=topic.topic_id,
            partitions=tuple(
                OffsetCommitResponsePartition(partition_index=partition.partition_index, error_code=error)
                for partition in topic.partitions
            ),
        )
        for topic in topics
    ]


def _beside(refused: list[OffsetCommitResponseTopic], topics: list[OffsetCommitResponseTopic]) -> OffsetCommitResponse:
    # As Kafka, which answers a topic that stands twice in the request twice, unless it refuses a partition.
    return merge_commit([*refused, *topics]) if refused else OffsetCommitResponse(topics=tuple(topics))


def merge_commit(topics: Iterable[OffsetCommitResponseTopic]) -> OffsetCommitResponse:
    """Return a response that has each topic once."""
    return OffsetCommitResponse(topics=merge_topics(topics))


def merge_topics(topics: Iterable[CommitTopic]) -> tuple[CommitTopic, ...]:
    """Merge the topics of responses, so that each is there once."""
    parts: dict[str | bytes, list[CommitTopic]] = {}
    for topic in topics:
        # A topic that is known has both, any other what the request names.
        parts.setdefault(topic.name or topic.topic_id, []).append(topic)
    return tuple(
        first
        if not others
        else replace(first, partitions=tuple(p for part in (first, *others) for p in part.partitions))
        for first, *others in parts.values()
    )


def _deleted(name: str, indexes: Iterable[int], error: ErrorCode) -> OffsetDeleteResponseTopic:
    return OffsetDeleteResponseTopic(
        name=name,
        partitions=tuple(OffsetDeleteResponsePartition(partition_index=index, error_code=error) for index in indexes),
    )


def merge_deletion(parts: Iterable[OffsetDeleteResponse]) -> OffsetDeleteResponse:
    """Return one response for the parts of a request: the first error of the group, or all topics, each once."""
    parts = list(parts)
    error = next((part.error_code for part in parts if part.error_code), ErrorCode.NONE)
    if error:
        return OffsetDeleteResponse(error_code=error)
    return OffsetDeleteResponse(topics=_merge_deleted(topic for part in parts for topic in part.topics))


def _merge_deleted(topics: Iterable[OffsetDeleteResponseTopic]) -> tuple[OffsetDeleteResponseTopic, ...]:
    partitions: dict[str, tuple[OffsetDeleteResponsePartition, ...]] = {}
    for topic in topics:
        partitions[topic.name] = partitions.get(topic.name, ()) + topic.partitions
    return tuple(OffsetDeleteResponseTopic(name=name, partitions=rows) for name, rows in partitions.items())

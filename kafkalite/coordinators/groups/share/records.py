"""Share groups as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_wire.messages.coordinator_records import Key, Value, encode_key, encode_value
from kafkalite_wire.messages.share_group_records import (
    ShareGroupCurrentMemberAssignmentKey,
    ShareGroupCurrentMemberAssignmentValue,
    ShareGroupMemberMetadataKey,
    ShareGroupMemberMetadataValue,
    ShareGroupMetadataKey,
    ShareGroupMetadataValue,
    ShareGroupStatePartitionMetadataKey,
    ShareGroupStatePartitionMetadataValue,
    ShareGroupTargetAssignmentMemberKey,
    ShareGroupTargetAssignmentMemberValue,
    ShareGroupTargetAssignmentMetadataKey,
    ShareGroupTargetAssignmentMetadataValue,
    TopicPartition,
    TopicPartitions,
    TopicPartitionsInfo,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kafkalite.coordinators.groups.share.assignor import Partitions
    from kafkalite.coordinators.groups.share.member import ShareMember
    from kafkalite.coordinators.results import ResultBuilder

_VALUE_VERSION: Final = 0
_STABLE: Final = 0


def write_epoch(group_id: str, epoch: int, metadata_hash: int, result: ResultBuilder) -> None:
    """Record a group's epoch."""
    value = ShareGroupMetadataValue(epoch=epoch, metadata_hash=metadata_hash)
    _write(group_id, ShareGroupMetadataKey(group_id=group_id), value, result)


def write_member(group_id: str, member: ShareMember, result: ResultBuilder) -> None:
    """Record who a member is, and what it wants."""
    value = ShareGroupMemberMetadataValue(
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(sorted(member.subscribed_topics)),
    )
    _write(group_id, ShareGroupMemberMetadataKey(group_id=group_id, member_id=member.member_id), value, result)


def write_target_epoch(group_id: str, epoch: int, timestamp: int, result: ResultBuilder) -> None:
    """Record the epoch of the target assignment, and when it was computed."""
    value = ShareGroupTargetAssignmentMetadataValue(assignment_epoch=epoch, assignment_timestamp=timestamp)
    _write(group_id, ShareGroupTargetAssignmentMetadataKey(group_id=group_id), value, result)


def write_target(group_id: str, member_id: str, target: Partitions, result: ResultBuilder) -> None:
    """Record the partitions that a member is to have."""
    value = ShareGroupTargetAssignmentMemberValue(
        topic_partitions=tuple(
            TopicPartition(topic_id=topic_id, partitions=tuple(sorted(partitions)))
            for topic_id, partitions in target.items()
        )
    )
    _write(group_id, ShareGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id), value, result)


def write_current(group_id: str, member: ShareMember, result: ResultBuilder) -> None:
    """Record the epochs of a member, and the partitions that it has."""
    value = ShareGroupCurrentMemberAssignmentValue(
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=_STABLE,
        assigned_partitions=tuple(
            TopicPartitions(topic_id=topic_id, partitions=tuple(sorted(partitions)))
            for topic_id, partitions in member.assigned.items()
        ),
    )
    key = ShareGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member.member_id)
    _write(group_id, key, value, result)


def write_initialized(
    group_id: str, initialized: Mapping[bytes, tuple[str, frozenset[int]]], result: ResultBuilder
) -> None:
    """Record of which partitions the group keeps a state."""
    value = ShareGroupStatePartitionMetadataValue(
        initializing_topics=(),
        initialized_topics=tuple(
            TopicPartitionsInfo(topic_id=topic_id, topic_name=name, partitions=tuple(sorted(partitions)))
            for topic_id, (name, partitions) in initialized.items()
        ),
        deleting_topics=(),
    )
    _write(group_id, ShareGroupStatePartitionMetadataKey(group_id=group_id), value, result)


def write_removed_member(group_id: str, member_id: str, result: ResultBuilder) -> None:
    """Record that a member is no more."""
    for key in (
        ShareGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member_id),
        ShareGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id),
        ShareGroupMemberMetadataKey(group_id=group_id, member_id=member_id),
    ):
        _write(group_id, key, None, result)


def write_removed_group(group_id: str, members: Iterable[str], result: ResultBuilder) -> None:
    """Record that a group is no more."""
    for member_id in members:
        write_removed_member(group_id, member_id, result)
    _write(group_id, ShareGroupStatePartitionMetadataKey(group_id=group_id), None, result)
    _write(group_id, ShareGroupTargetAssignmentMetadataKey(group_id=group_id), None, result)
    _write(group_id, ShareGroupMetadataKey(group_id=group_id), None, result)


def partitions_of(topics: Iterable[TopicPartition | TopicPartitions]) -> Partitions:
    """Return the partitions that a record holds."""
    return {topic.topic_id: frozenset(topic.partitions) for topic in topics}


def _write(group_id: str, key: Key, value: Value | None, result: ResultBuilder) -> None:
    result.record(group_id, encode_key(key), None if value is None else encode_value(value, _VALUE_VERSION))

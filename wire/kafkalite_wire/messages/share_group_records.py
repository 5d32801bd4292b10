"""The records of ``__consumer_offsets`` about share groups (KIP-932): record types 10 to 15.

They are encoded and decoded as those of :mod:`kafkalite_wire.messages.coordinator_records`.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.schema import INT8, INT32, INT64, STRING, UUID, array_of, field, message, struct


@message(api_key=10, versions="0")
class ShareGroupMemberMetadataKey:
    """Record type 10: a member of a share group."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@message(api_key=10, versions="0", flexible="0+")
class ShareGroupMemberMetadataValue:
    """Who a member is, and which topics it wants."""

    rack_id: str | None = field(STRING, nullable="0+")
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    subscribed_topic_names: tuple[str, ...] = field(array_of(STRING))


@message(api_key=11, versions="0")
class ShareGroupMetadataKey:
    """Record type 11: a share group."""

    group_id: str = field(STRING, "0")


@message(api_key=11, versions="0", flexible="0+")
class ShareGroupMetadataValue:
    """The epoch of a group, and a hash of the topics that its members subscribe to."""

    epoch: int = field(INT32)
    metadata_hash: int = field(INT64)


@message(api_key=12, versions="0")
class ShareGroupTargetAssignmentMetadataKey:
    """Record type 12: the target assignment of a share group."""

    group_id: str = field(STRING, "0")


@message(api_key=12, versions="0", flexible="0+")
class ShareGroupTargetAssignmentMetadataValue:
    """The epoch of the target assignment, and when it was computed, in milliseconds since 1970."""

    assignment_epoch: int = field(INT32)
    assignment_timestamp: int = field(INT64, tag=0, default=0)


@message(api_key=13, versions="0")
class ShareGroupTargetAssignmentMemberKey:
    """Record type 13: what a member of a share group is to have."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TopicPartition:
    """Partitions of a topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=13, versions="0", flexible="0+")
class ShareGroupTargetAssignmentMemberValue:
    """The partitions that a member is to have."""

    topic_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition))


@message(api_key=14, versions="0")
class ShareGroupCurrentMemberAssignmentKey:
    """Record type 14: what a member of a share group has."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TopicPartitions:
    """Partitions of a topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=14, versions="0", flexible="0+")
class ShareGroupCurrentMemberAssignmentValue:
    """The epochs of a member, and the partitions that it has."""

    member_epoch: int = field(INT32)
    previous_member_epoch: int = field(INT32)
    state: int = field(INT8)
    assigned_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))


@message(api_key=15, versions="0")
class ShareGroupStatePartitionMetadataKey:
    """Record type 15: the partitions of which a share group keeps a state."""

    group_id: str = field(STRING, "0")


@struct
class TopicPartitionsInfo:
    """Partitions of a topic, with its name."""

    topic_id: bytes = field(UUID)
    topic_name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class TopicInfo:
    """A topic."""

    topic_id: bytes = field(UUID)
    topic_name: str = field(STRING)


@message(api_key=15, versions="0", flexible="0+")
class ShareGroupStatePartitionMetadataValue:
    """Where the state is being made, where it is there, and where it is being deleted."""

    initializing_topics: tuple[TopicPartitionsInfo, ...] = field(array_of(TopicPartitionsInfo))
    initialized_topics: tuple[TopicPartitionsInfo, ...] = field(array_of(TopicPartitionsInfo))
    deleting_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))


ShareGroupKey = (
    ShareGroupMemberMetadataKey
    | ShareGroupMetadataKey
    | ShareGroupTargetAssignmentMetadataKey
    | ShareGroupTargetAssignmentMemberKey
    | ShareGroupCurrentMemberAssignmentKey
    | ShareGroupStatePartitionMetadataKey
)
ShareGroupValue = (
    ShareGroupMemberMetadataValue
    | ShareGroupMetadataValue
    | ShareGroupTargetAssignmentMetadataValue
    | ShareGroupTargetAssignmentMemberValue
    | ShareGroupCurrentMemberAssignmentValue
    | ShareGroupStatePartitionMetadataValue
)

SHARE_GROUP_RECORDS: Final[tuple[tuple[type[ShareGroupKey], type[ShareGroupValue]], ...]] = (
    (ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue),
    (ShareGroupMetadataKey, ShareGroupMetadataValue),
    (ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue),
    (ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue),
    (ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue),
    (ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue),
)
"""The values of the records about share groups, by their keys."""

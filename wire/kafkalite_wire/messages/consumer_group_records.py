"""The records of ``__consumer_offsets`` about consumer groups (KIP-848): record types 3 to 8, and 16.

They are encoded and decoded as those of :mod:`kafkalite_wire.messages.coordinator_records`.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.schema import (
    BYTES,
    INT8,
    INT32,
    INT64,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
    struct_of,
)

VALUE_VERSION: Final = 0
"""The version of all values."""


@message(api_key=3, versions="0")
class ConsumerGroupMetadataKey:
    """Record type 3: a consumer group."""

    group_id: str = field(STRING, "0")


@message(api_key=3, versions="0", flexible="0+")
class ConsumerGroupMetadataValue:
    """The epoch of a group, and a hash of the topics that its members subscribe to."""

    epoch: int = field(INT32)
    metadata_hash: int = field(INT64, tag=0, default=0)


@message(api_key=4, versions="0")
class ConsumerGroupPartitionMetadataKey:
    """Record type 4: the topics of a consumer group, before Kafka 4.1."""

    group_id: str = field(STRING, "0")


@struct
class PartitionMetadata:
    """A partition with the racks of its replicas."""

    partition: int = field(INT32)
    racks: tuple[str, ...] = field(array_of(STRING))


@struct
class TopicMetadata:
    """A topic that members subscribe to."""

    topic_id: bytes = field(UUID)
    topic_name: str = field(STRING)
    num_partitions: int = field(INT32)
    partition_metadata: tuple[PartitionMetadata, ...] = field(array_of(PartitionMetadata))


@message(api_key=4, versions="0", flexible="0+")
class ConsumerGroupPartitionMetadataValue:
    """The topics that members subscribe to."""

    topics: tuple[TopicMetadata, ...] = field(array_of(TopicMetadata))


@message(api_key=5, versions="0")
class ConsumerGroupMemberMetadataKey:
    """Record type 5: a member of a consumer group."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class ClassicProtocol:
    """A protocol that a member of the classic protocol supports."""

    name: str = field(STRING)
    metadata: bytes = field(BYTES)


@struct
class ClassicMemberMetadata:
    """What a member that speaks the classic protocol has said in JoinGroup."""

    session_timeout_ms: int = field(INT32)
    supported_protocols: tuple[ClassicProtocol, ...] = field(array_of(ClassicProtocol))


@message(api_key=5, versions="0", flexible="0+")
class ConsumerGroupMemberMetadataValue:
    """Who a member is, and what it wants."""

    instance_id: str | None = field(STRING, nullable="0+")
    rack_id: str | None = field(STRING, nullable="0+")
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    subscribed_topic_names: tuple[str, ...] = field(array_of(STRING))
    subscribed_topic_regex: str | None = field(STRING, nullable="0+")
    rebalance_timeout_ms: int = field(INT32, default=-1)
    server_assignor: str | None = field(STRING, nullable="0+")
    classic_member_metadata: ClassicMemberMetadata | None = field(
        struct_of(ClassicMemberMetadata),
        nullable="0+",
        tag=0,
        default=ClassicMemberMetadata(session_timeout_ms=0, supported_protocols=()),
    )


@message(api_key=6, versions="0")
class ConsumerGroupTargetAssignmentMetadataKey:
    """Record type 6: the target assignment of a consumer group."""

    group_id: str = field(STRING, "0")


@message(api_key=6, versions="0", flexible="0+")
class ConsumerGroupTargetAssignmentMetadataValue:
    """The group epoch that a target assignment is for, and when it was computed, in milliseconds since 1970."""

    assignment_epoch: int = field(INT32)
    assignment_timestamp: int = field(INT64, tag=0, default=0)


@message(api_key=7, versions="0")
class ConsumerGroupTargetAssignmentMemberKey:
    """Record type 7: the target assignment of a member."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TopicPartition:
    """Partitions of one topic in a target assignment."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=7, versions="0", flexible="0+")
class ConsumerGroupTargetAssignmentMemberValue:
    """The partitions that a member is to have."""

    topic_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition))


@message(api_key=8, versions="0")
class ConsumerGroupCurrentMemberAssignmentKey:
    """Record type 8: the current assignment of a member."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TopicPartitions:
    """Partitions of one topic in a current assignment, and the epochs at which they were assigned (KIP-1251)."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))
    assignment_epochs: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=0, default=())


@message(api_key=8, versions="0", flexible="0+")
class ConsumerGroupCurrentMemberAssignmentValue:
    """The epochs and the state of a member, the partitions that it has, and those that it must give back."""

    member_epoch: int = field(INT32)
    previous_member_epoch: int = field(INT32)
    state: int = field(INT8)
    assigned_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))
    partitions_pending_revocation: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))


@message(api_key=16, versions="0")
class ConsumerGroupRegularExpressionKey:
    """Record type 16: a regular expression that members of a consumer group subscribe to."""

    group_id: str = field(STRING, "0")
    regular_expression: str = field(STRING, "0")


@message(api_key=16, versions="0", flexible="0+")
class ConsumerGroupRegularExpressionValue:
    """The topics that matched, at which version of the metadata, and when, in milliseconds since 1970."""

    topics: tuple[str, ...] = field(array_of(STRING))
    version: int = field(INT64)
    timestamp: int = field(INT64)


ConsumerGroupKey = (
    ConsumerGroupMetadataKey
    | ConsumerGroupPartitionMetadataKey
    | ConsumerGroupMemberMetadataKey
    | ConsumerGroupTargetAssignmentMetadataKey
    | ConsumerGroupTargetAssignmentMemberKey
    | ConsumerGroupCurrentMemberAssignmentKey
    | ConsumerGroupRegularExpressionKey
)
ConsumerGroupValue = (
    ConsumerGroupMetadataValue
    | ConsumerGroupPartitionMetadataValue
    | ConsumerGroupMemberMetadataValue
    | ConsumerGroupTargetAssignmentMetadataValue
    | ConsumerGroupTargetAssignmentMemberValue
    | ConsumerGroupCurrentMemberAssignmentValue
    | ConsumerGroupRegularExpressionValue
)

CONSUMER_GROUP_RECORDS: Final[tuple[tuple[type[ConsumerGroupKey], type[ConsumerGroupValue]], ...]] = (
    (ConsumerGroupMetadataKey, ConsumerGroupMetadataValue),
    (ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue),
    (ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue),
    (ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue),
    (ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue),
    (ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue),
    (ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue),
)
"""The values of the records about consumer groups, by their keys."""

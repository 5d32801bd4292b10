"""The records of ``__consumer_offsets`` about streams groups (KIP-1071): record types 17 and 19 to 23.

They are encoded and decoded as those of :mod:`kafkalite_wire.messages.coordinator_records`.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.schema import (
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT16,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@message(api_key=17, versions="0")
class StreamsGroupMetadataKey:
    """Record type 17: a streams group."""

    group_id: str = field(STRING, "0")


@struct
class LastAssignmentConfig:
    """A setting that the last target assignment was computed with."""

    key: str = field(STRING)
    value: str = field(STRING)


@message(api_key=17, versions="0", flexible="0+")
class StreamsGroupMetadataValue:
    """The epoch of a group, a hash of its topics, and which topology epochs were validated and described."""

    epoch: int = field(INT32)
    metadata_hash: int = field(INT64)
    validated_topology_epoch: int = field(INT32, tag=0, default=-1)
    last_assignment_configs: tuple[LastAssignmentConfig, ...] | None = field(
        array_of(LastAssignmentConfig), nullable="0+", tag=1, default=()
    )
    stored_description_topology_epoch: int = field(INT32, tag=2, default=-1)
    failed_description_topology_epoch: int = field(INT32, tag=3, default=-1)


@message(api_key=19, versions="0")
class StreamsGroupMemberMetadataKey:
    """Record type 19: a member of a streams group."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class Endpoint:
    """Where an instance answers interactive queries."""

    host: str = field(STRING)
    port: int = field(UINT16)


@struct
class KeyValue:
    """A tag of a client."""

    key: str = field(STRING)
    value: str = field(STRING)


@message(api_key=19, versions="0", flexible="0+")
class StreamsGroupMemberMetadataValue:
    """Who a member is, and the instance (process) that it belongs to; the time-out is milliseconds."""

    instance_id: str | None = field(STRING, nullable="0+")
    rack_id: str | None = field(STRING, nullable="0+")
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    rebalance_timeout_ms: int = field(INT32, default=-1)
    topology_epoch: int = field(INT32)
    process_id: str = field(STRING)
    user_endpoint: Endpoint | None = field(struct_of(Endpoint), nullable="0+", default=None)
    client_tags: tuple[KeyValue, ...] = field(array_of(KeyValue))


@message(api_key=20, versions="0")
class StreamsGroupTargetAssignmentMetadataKey:
    """Record type 20: the target assignment of a streams group."""

    group_id: str = field(STRING, "0")


@message(api_key=20, versions="0", flexible="0+")
class StreamsGroupTargetAssignmentMetadataValue:
    """The group epoch that a target assignment is for, and when it was computed, in milliseconds since 1970."""

    assignment_epoch: int = field(INT32)
    assignment_timestamp: int = field(INT64, tag=0, default=0)


@message(api_key=21, versions="0")
class StreamsGroupTargetAssignmentMemberKey:
    """Record type 21: the target assignment of a member."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TargetTaskIds:
    """Tasks of one subtopology in a target assignment."""

    subtopology_id: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=21, versions="0", flexible="0+")
class StreamsGroupTargetAssignmentMemberValue:
    """The tasks that a member is to have."""

    active_tasks: tuple[TargetTaskIds, ...] = field(array_of(TargetTaskIds))
    standby_tasks: tuple[TargetTaskIds, ...] = field(array_of(TargetTaskIds))
    warmup_tasks: tuple[TargetTaskIds, ...] = field(array_of(TargetTaskIds))


@message(api_key=22, versions="0")
class StreamsGroupCurrentMemberAssignmentKey:
    """Record type 22: the tasks that a member has."""

    group_id: str = field(STRING, "0")
    member_id: str = field(STRING, "0")


@struct
class TaskIds:
    """Tasks of one subtopology; active ones with the epochs at which each partition was assigned."""

    subtopology_id: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))
    assignment_epochs: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=0, default=())


@message(api_key=22, versions="0", flexible="0+")
class StreamsGroupCurrentMemberAssignmentValue:
    """The epochs of a member, its state, the tasks that it has and those that it has to give up."""

    member_epoch: int = field(INT32)
    previous_member_epoch: int = field(INT32)
    state: int = field(INT8)
    active_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))
    standby_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))
    warmup_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))
    active_tasks_pending_revocation: tuple[TaskIds, ...] = field(array_of(TaskIds))
    standby_tasks_pending_revocation: tuple[TaskIds, ...] = field(array_of(TaskIds))
    warmup_tasks_pending_revocation: tuple[TaskIds, ...] = field(array_of(TaskIds))


@message(api_key=23, versions="0")
class StreamsGroupTopologyKey:
    """Record type 23: the topology of a streams group."""

    group_id: str = field(STRING, "0")


@struct
class TopicConfig:
    """A setting of an internal topic."""

    key: str = field(STRING)
    value: str = field(STRING)


@struct
class TopicInfo:
    """An internal topic; 0 partitions or replicas leave the number to the broker."""

    name: str = field(STRING)
    partitions: int = field(INT32)
    replication_factor: int = field(INT16)
    topic_configs: tuple[TopicConfig, ...] = field(array_of(TopicConfig))


@struct
class CopartitionGroup:
    """Source topics with the same number of partitions, as indexes into the lists of the subtopology."""

    source_topics: tuple[int, ...] = field(array_of(INT16))
    source_topic_regex: tuple[int, ...] = field(array_of(INT16))
    repartition_source_topics: tuple[int, ...] = field(array_of(INT16))


@struct
class Subtopology:
    """A part of a topology, with the topics that it reads from and writes to."""

    subtopology_id: str = field(STRING)
    source_topics: tuple[str, ...] = field(array_of(STRING))
    source_topic_regex: tuple[str, ...] = field(array_of(STRING))
    state_changelog_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))
    repartition_sink_topics: tuple[str, ...] = field(array_of(STRING))
    repartition_source_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))
    copartition_groups: tuple[CopartitionGroup, ...] = field(array_of(CopartitionGroup))


@message(api_key=23, versions="0", flexible="0+")
class StreamsGroupTopologyValue:
    """The topology of a group, and its epoch."""

    epoch: int = field(INT32)
    subtopologies: tuple[Subtopology, ...] = field(array_of(Subtopology))


StreamsGroupKey = (
    StreamsGroupMetadataKey
    | StreamsGroupMemberMetadataKey
    | StreamsGroupTargetAssignmentMetadataKey
    | StreamsGroupTargetAssignmentMemberKey
    | StreamsGroupCurrentMemberAssignmentKey
    | StreamsGroupTopologyKey
)
StreamsGroupValue = (
    StreamsGroupMetadataValue
    | StreamsGroupMemberMetadataValue
    | StreamsGroupTargetAssignmentMetadataValue
    | StreamsGroupTargetAssignmentMemberValue
    | StreamsGroupCurrentMemberAssignmentValue
    | StreamsGroupTopologyValue
)

STREAMS_GROUP_RECORDS: Final[tuple[tuple[type[StreamsGroupKey], type[StreamsGroupValue]], ...]] = (
    (StreamsGroupMetadataKey, StreamsGroupMetadataValue),
    (StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue),
    (StreamsGroupTargetAssignmentMetadataKey, StreamsGroupTargetAssignmentMetadataValue),
    (StreamsGroupTargetAssignmentMemberKey, StreamsGroupTargetAssignmentMemberValue),
    (StreamsGroupCurrentMemberAssignmentKey, StreamsGroupCurrentMemberAssignmentValue),
    (StreamsGroupTopologyKey, StreamsGroupTopologyValue),
)
"""The values of the records about streams groups, by their keys."""

"""StreamsGroupHeartbeat (key 88): join, stay in and leave a streams group (KIP-1071).

Versions: 1 a larger acceptable lag, and the request for a description of the topology.
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
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


@struct
class KeyValue:
    """A name and a value."""

    key: str = field(STRING)
    value: str = field(STRING)


@struct
class TopicInfo:
    """An internal topic; 0 partitions or replicas leave the number to the broker."""

    name: str = field(STRING)
    partitions: int = field(INT32)
    replication_factor: int = field(INT16)
    topic_configs: tuple[KeyValue, ...] = field(array_of(KeyValue))


@struct
class CopartitionGroup:
    """Source topics with equal partitions, as indexes into the lists of their sub-topology."""

    source_topics: tuple[int, ...] = field(array_of(INT16))
    source_topic_regex: tuple[int, ...] = field(array_of(INT16))
    repartition_source_topics: tuple[int, ...] = field(array_of(INT16))


@struct
class Subtopology:
    """A part of the topology whose tasks are assigned together."""

    subtopology_id: str = field(STRING)
    source_topics: tuple[str, ...] = field(array_of(STRING))
    source_topic_regex: tuple[str, ...] = field(array_of(STRING))
    state_changelog_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))
    repartition_sink_topics: tuple[str, ...] = field(array_of(STRING))
    repartition_source_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))
    copartition_groups: tuple[CopartitionGroup, ...] = field(array_of(CopartitionGroup))


@struct
class Topology:
    """The topology of the application, of which a later epoch replaces an earlier one."""

    epoch: int = field(INT32)
    subtopologies: tuple[Subtopology, ...] = field(array_of(Subtopology))


@struct
class TaskIds:
    """Tasks of one sub-topology, by partition."""

    subtopology_id: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class Endpoint:
    """Where an instance of the application answers interactive queries; no broker."""

    host: str = field(STRING)
    port: int = field(UINT16)


@struct
class TaskOffset:
    """The sum of the changelog offsets of one task."""

    subtopology_id: str = field(STRING)
    partition: int = field(INT32)
    offset: int = field(INT64)


@message(api_key=ApiKey.STREAMS_GROUP_HEARTBEAT)
class StreamsGroupHeartbeatRequest:
    """What has changed since the last heartbeat; null where nothing has.

    Member epoch 0 joins, -1 leaves, and -2 says that a static member will be back.
    """

    group_id: str = field(STRING)
    member_id: str = field(STRING)
    member_epoch: int = field(INT32)
    endpoint_information_epoch: int = field(INT32)
    instance_id: str | None = field(STRING, nullable="0+", default=None)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    rebalance_timeout_ms: int = field(INT32, default=-1)
    topology: Topology | None = field(struct_of(Topology), nullable="0+", default=None)
    active_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    standby_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    warmup_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    process_id: str | None = field(STRING, nullable="0+", default=None)
    user_endpoint: Endpoint | None = field(struct_of(Endpoint), nullable="0+", default=None)
    client_tags: tuple[KeyValue, ...] | None = field(array_of(KeyValue), nullable="0+", default=None)
    task_offsets: tuple[TaskOffset, ...] | None = field(array_of(TaskOffset), nullable="0+", default=None)
    task_end_offsets: tuple[TaskOffset, ...] | None = field(array_of(TaskOffset), nullable="0+", default=None)
    shutdown_application: bool = field(BOOL, default=False)


@struct
class Status:
    """Something that is wrong with the group."""

    status_code: int = field(INT8)
    status_detail: str = field(STRING)


@struct
class TopicPartition:
    """Partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class EndpointToPartitions:
    """The partitions of one member, for interactive queries."""

    user_endpoint: Endpoint = field(struct_of(Endpoint))
    active_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition))
    standby_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition))


@message(api_key=ApiKey.STREAMS_GROUP_HEARTBEAT)
class StreamsGroupHeartbeatResponse:
    """The member's epoch, its tasks where they have changed, and where those of others are."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    member_id: str = field(STRING)
    member_epoch: int = field(INT32)
    heartbeat_interval_ms: int = field(INT32)
    acceptable_recovery_lag_legacy: int = field(INT32, "0", default=0)
    task_offset_interval_ms: int = field(INT32)
    acceptable_recovery_lag: int = field(INT64, "1+", default=-1)
    status: tuple[Status, ...] | None = field(array_of(Status), nullable="0+")
    active_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    standby_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    warmup_tasks: tuple[TaskIds, ...] | None = field(array_of(TaskIds), nullable="0+", default=None)
    topology_description_required: bool = field(BOOL, "1+", default=False)
    endpoint_information_epoch: int = field(INT32)
    partitions_by_user_endpoint: tuple[EndpointToPartitions, ...] | None = field(
        array_of(EndpointToPartitions), nullable="0+", default=None
    )

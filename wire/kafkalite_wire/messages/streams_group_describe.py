"""StreamsGroupDescribe (key 89): describe streams groups, their topologies and members (KIP-1071).

Versions: 1 the description of the topology and the assignor.
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.messages.streams_group_topology_description_update import (
    TopologyDescription,
)
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


@message(api_key=ApiKey.STREAMS_GROUP_DESCRIBE)
class StreamsGroupDescribeRequest:
    """The ids of the groups."""

    group_ids: tuple[str, ...] = field(array_of(STRING))
    include_authorized_operations: bool = field(BOOL)
    include_topology_description: bool = field(BOOL, "1+", default=False)


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
class Subtopology:
    """A part of the topology whose tasks are assigned together."""

    subtopology_id: str = field(STRING)
    source_topics: tuple[str, ...] = field(array_of(STRING))
    repartition_sink_topics: tuple[str, ...] = field(array_of(STRING))
    state_changelog_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))
    repartition_source_topics: tuple[TopicInfo, ...] = field(array_of(TopicInfo))


@struct
class Topology:
    """The topology that the group has initialized."""

    epoch: int = field(INT32)
    subtopologies: tuple[Subtopology, ...] | None = field(array_of(Subtopology), nullable="0+", default=None)


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


@struct
class TaskIds:
    """Tasks of one sub-topology, by partition."""

    subtopology_id: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class Assignment:
    """The tasks of a member."""

    active_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))
    standby_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))
    warmup_tasks: tuple[TaskIds, ...] = field(array_of(TaskIds))


@struct
class Member:
    """A member of the group: one client of an application instance."""

    member_id: str = field(STRING)
    member_epoch: int = field(INT32)
    instance_id: str | None = field(STRING, nullable="0+", default=None)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    topology_epoch: int = field(INT32)
    process_id: str = field(STRING)
    user_endpoint: Endpoint | None = field(struct_of(Endpoint), nullable="0+", default=None)
    client_tags: tuple[KeyValue, ...] = field(array_of(KeyValue))
    task_offsets: tuple[TaskOffset, ...] = field(array_of(TaskOffset))
    task_end_offsets: tuple[TaskOffset, ...] = field(array_of(TaskOffset))
    assignment: Assignment = field(struct_of(Assignment))
    target_assignment: Assignment = field(struct_of(Assignment))
    is_classic: bool = field(BOOL)


@struct
class DescribedGroup:
    """One group; its topology is null where there is an error."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    group_id: str = field(STRING)
    group_state: str = field(STRING)
    group_epoch: int = field(INT32)
    assignment_epoch: int = field(INT32)
    topology: Topology | None = field(struct_of(Topology), nullable="0+", default=None)
    members: tuple[Member, ...] = field(array_of(Member))
    authorized_operations: int = field(INT32, default=-2147483648)
    topology_description: TopologyDescription | None = field(
        struct_of(TopologyDescription), "1+", nullable="1+", default=None
    )
    topology_description_status: int = field(INT8, "1+", default=0)
    assignor_name: str | None = field(STRING, "1+", nullable="1+", default=None)


@message(api_key=ApiKey.STREAMS_GROUP_DESCRIBE)
class StreamsGroupDescribeResponse:
    """The groups, in the order of the request."""

    throttle_time_ms: int = field(INT32, default=0)
    groups: tuple[DescribedGroup, ...] = field(array_of(DescribedGroup))

"""ListPartitionReassignments (key 46): list the partitions that are being moved (KIP-455)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@struct
class ListPartitionReassignmentsTopics:
    """Partitions of one topic."""

    name: str = field(STRING)
    partition_indexes: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.LIST_PARTITION_REASSIGNMENTS)
class ListPartitionReassignmentsRequest:
    """The partitions, or null for all."""

    timeout_ms: int = field(INT32, default=60000)
    topics: tuple[ListPartitionReassignmentsTopics, ...] | None = field(
        array_of(ListPartitionReassignmentsTopics), nullable="0+", default=None
    )


@struct
class OngoingPartitionReassignment:
    """The replicas of one partition that is being moved."""

    partition_index: int = field(INT32)
    replicas: tuple[int, ...] = field(array_of(INT32))
    adding_replicas: tuple[int, ...] = field(array_of(INT32))
    removing_replicas: tuple[int, ...] = field(array_of(INT32))


@struct
class OngoingTopicReassignment:
    """Partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[OngoingPartitionReassignment, ...] = field(array_of(OngoingPartitionReassignment))


@message(api_key=ApiKey.LIST_PARTITION_REASSIGNMENTS)
class ListPartitionReassignmentsResponse:
    """The partitions that are being moved."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    topics: tuple[OngoingTopicReassignment, ...] = field(array_of(OngoingTopicReassignment))

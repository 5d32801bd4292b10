"""AlterPartitionReassignments (key 45): move replicas to other brokers (KIP-455).

Versions: 1 the number of replicas may be fixed (KIP-860).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, STRING, array_of, field, message, struct


@struct
class ReassignablePartition:
    """The new replicas of one partition; null cancels a reassignment."""

    partition_index: int = field(INT32)
    replicas: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", default=None)


@struct
class ReassignableTopic:
    """Partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[ReassignablePartition, ...] = field(array_of(ReassignablePartition))


@message(api_key=ApiKey.ALTER_PARTITION_REASSIGNMENTS)
class AlterPartitionReassignmentsRequest:
    """The partitions to move."""

    timeout_ms: int = field(INT32, default=60000)
    allow_replication_factor_change: bool = field(BOOL, "1+", default=True)
    topics: tuple[ReassignableTopic, ...] = field(array_of(ReassignableTopic))


@struct
class ReassignablePartitionResponse:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")


@struct
class ReassignableTopicResponse:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[ReassignablePartitionResponse, ...] = field(array_of(ReassignablePartitionResponse))


@message(api_key=ApiKey.ALTER_PARTITION_REASSIGNMENTS)
class AlterPartitionReassignmentsResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    allow_replication_factor_change: bool = field(BOOL, "1+", default=True)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    responses: tuple[ReassignableTopicResponse, ...] = field(array_of(ReassignableTopicResponse))

"""ElectLeaders (key 43): elect the preferred replica, or one that is not in sync, as leader (KIP-183, KIP-460)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class TopicPartitions:
    """Partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.ELECT_LEADERS)
class ElectLeadersRequest:
    """The partitions, or null for all; election type 0 is preferred, 1 unclean."""

    election_type: int = field(INT8, "1+", default=0)
    topic_partitions: tuple[TopicPartitions, ...] | None = field(array_of(TopicPartitions), nullable="0+")
    timeout_ms: int = field(INT32, default=60000)


@struct
class PartitionResult:
    """The result for one partition."""

    partition_id: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")


@struct
class ReplicaElectionResult:
    """The partitions of one topic."""

    topic: str = field(STRING)
    partition_result: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.ELECT_LEADERS)
class ElectLeadersResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, "1+", default=0)
    replica_election_results: tuple[ReplicaElectionResult, ...] = field(array_of(ReplicaElectionResult))

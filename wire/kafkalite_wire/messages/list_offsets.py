"""ListOffsets (key 2): find offsets by timestamp, or the ends of a log.

Negative timestamps are special: -1 the end, -2 the start, -3 the record with the greatest timestamp (KIP-734), -4 the
start of the local log (KIP-405), -5 the end of the tiered log (KIP-1005), -6 the earliest offset that is not yet tiered
(KIP-1023). Versions: 2 isolation levels (KIP-98), 4 leader epochs (KIP-320), 10 a timeout (KIP-1075).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class ListOffsetsPartition:
    """The timestamp to find in one partition."""

    partition_index: int = field(INT32)
    current_leader_epoch: int = field(INT32, "4+", default=-1)
    timestamp: int = field(INT64)


@struct
class ListOffsetsTopic:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[ListOffsetsPartition, ...] = field(array_of(ListOffsetsPartition))


@message(api_key=ApiKey.LIST_OFFSETS)
class ListOffsetsRequest:
    """The partitions; the replica id of a consumer is -1."""

    replica_id: int = field(INT32)
    isolation_level: int = field(INT8, "2+", default=0)
    topics: tuple[ListOffsetsTopic, ...] = field(array_of(ListOffsetsTopic))
    timeout_ms: int = field(INT32, "10+", default=0)


@struct
class ListOffsetsPartitionResponse:
    """The first record that is not older than the timestamp; -1 if there is none."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    timestamp: int = field(INT64, "1+", default=-1)
    offset: int = field(INT64, "1+", default=-1)
    leader_epoch: int = field(INT32, "4+", default=-1)


@struct
class ListOffsetsTopicResponse:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[ListOffsetsPartitionResponse, ...] = field(array_of(ListOffsetsPartitionResponse))


@message(api_key=ApiKey.LIST_OFFSETS)
class ListOffsetsResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, "2+", default=0)
    topics: tuple[ListOffsetsTopicResponse, ...] = field(array_of(ListOffsetsTopicResponse))

"""ListOffsets (key 2): offsets by time, or of the ends of a log.

Timestamps below zero are questions: -1 the end, -2 the start, -3 the record with the greatest timestamp
(KIP-734), -4 the local start (KIP-405), -5 the end of what is in remote storage (KIP-1005), -6 what is still
to be uploaded there (KIP-1023). Versions: 2 isolation levels (KIP-98), 4 leader epochs (KIP-320), 10 a time-
out (KIP-1075).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class ListOffsetsPartition:
    """The question for one partition."""

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
    """Questions to the leaders of partitions; the replica id of a consumer is -1."""

    replica_id: int = field(INT32)
    isolation_level: int = field(INT8, "2+", default=0)
    topics: tuple[ListOffsetsTopic, ...] = field(array_of(ListOffsetsTopic))
    timeout_ms: int = field(INT32, "10+", default=0)


@struct
class ListOffsetsPartitionResponse:
    """The first record at or behind the time that was asked for; -1 when there is none."""

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
    """One answer per partition."""

    throttle_time_ms: int = field(INT32, "2+", default=0)
    topics: tuple[ListOffsetsTopicResponse, ...] = field(array_of(ListOffsetsTopicResponse))

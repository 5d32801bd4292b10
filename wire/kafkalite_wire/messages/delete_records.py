"""DeleteRecords (key 21): delete the oldest records of partitions (KIP-107)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class DeleteRecordsPartition:
    """The new start offset of a partition; -1 is its high watermark."""

    partition_index: int = field(INT32)
    offset: int = field(INT64)


@struct
class DeleteRecordsTopic:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[DeleteRecordsPartition, ...] = field(array_of(DeleteRecordsPartition))


@message(api_key=ApiKey.DELETE_RECORDS)
class DeleteRecordsRequest:
    """The partitions, and how long to wait for their followers."""

    topics: tuple[DeleteRecordsTopic, ...] = field(array_of(DeleteRecordsTopic))
    timeout_ms: int = field(INT32)


@struct
class DeleteRecordsPartitionResult:
    """The start offset of a partition; -1 with an error."""

    partition_index: int = field(INT32)
    low_watermark: int = field(INT64)
    error_code: int = field(INT16, default=0)


@struct
class DeleteRecordsTopicResult:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[DeleteRecordsPartitionResult, ...] = field(array_of(DeleteRecordsPartitionResult))


@message(api_key=ApiKey.DELETE_RECORDS)
class DeleteRecordsResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    topics: tuple[DeleteRecordsTopicResult, ...] = field(array_of(DeleteRecordsTopicResult))

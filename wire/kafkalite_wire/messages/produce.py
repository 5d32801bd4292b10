"""Produce (key 0): append record batches to partitions.

Versions 0 to 2 hold record formats that Kafka 4 does not read. It lists them in ApiVersions, because an old client
library requires it, and refuses them. Versions: 3 transactions (KIP-98), 8 errors of single records (KIP-467), 10 the
leader in the response (KIP-951), 13 topic ids in place of names (KIP-516).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    INT64,
    RECORDS,
    STRING,
    UUID,
    ZERO_UUID,
    Buffer,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@struct
class PartitionProduceData:
    """The batches for one partition."""

    index: int = field(INT32)
    records: Buffer | None = field(RECORDS, nullable="0+")


@struct
class TopicProduceData:
    """The batches for one topic."""

    name: str = field(STRING, "0-12", default="")
    topic_id: bytes = field(UUID, "13+", default=ZERO_UUID)
    partition_data: tuple[PartitionProduceData, ...] = field(array_of(PartitionProduceData))


@message(api_key=ApiKey.PRODUCE, versions="3+")
class ProduceRequest:
    """Batches to append; ``acks`` is 0 (no response), 1 or -1."""

    transactional_id: str | None = field(STRING, "3+", nullable="3+", default=None)
    acks: int = field(INT16)
    timeout_ms: int = field(INT32)
    topic_data: tuple[TopicProduceData, ...] = field(array_of(TopicProduceData))


@struct
class BatchIndexAndErrorMessage:
    """The error of one record, given by its index in the batch."""

    batch_index: int = field(INT32, "8+")
    batch_index_error_message: str | None = field(STRING, "8+", nullable="8+", default=None)


@struct
class LeaderIdAndEpoch:
    """The current leader of a partition, -1 if unknown."""

    leader_id: int = field(INT32, "10+", default=-1)
    leader_epoch: int = field(INT32, "10+", default=-1)


@struct
class PartitionProduceResponse:
    """The result for one partition, with the offset of the first record."""

    index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    base_offset: int = field(INT64)
    log_append_time_ms: int = field(INT64, "2+", default=-1)
    log_start_offset: int = field(INT64, "5+", default=-1)
    record_errors: tuple[BatchIndexAndErrorMessage, ...] = field(array_of(BatchIndexAndErrorMessage), "8+", default=())
    error_message: str | None = field(STRING, "8+", nullable="8+", default=None)
    current_leader: LeaderIdAndEpoch = field(struct_of(LeaderIdAndEpoch), "10+", tag=0, default=LeaderIdAndEpoch())


@struct
class TopicProduceResponse:
    """The partitions of one topic."""

    name: str = field(STRING, "0-12", default="")
    topic_id: bytes = field(UUID, "13+", default=ZERO_UUID)
    partition_responses: tuple[PartitionProduceResponse, ...] = field(array_of(PartitionProduceResponse))


@struct
class NodeEndpoint:
    """The address of a leader that the response names."""

    node_id: int = field(INT32, "10+")
    host: str = field(STRING, "10+")
    port: int = field(INT32, "10+")
    rack: str | None = field(STRING, "10+", nullable="10+", default=None)


@message(api_key=ApiKey.PRODUCE, versions="3+")
class ProduceResponse:
    """One result for each partition."""

    responses: tuple[TopicProduceResponse, ...] = field(array_of(TopicProduceResponse))
    throttle_time_ms: int = field(INT32, "1+", default=0)
    node_endpoints: tuple[NodeEndpoint, ...] = field(array_of(NodeEndpoint), "10+", tag=0, default=())

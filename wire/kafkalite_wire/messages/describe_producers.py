"""DescribeProducers (key 61): describe the idempotent and transactional producers of partitions (KIP-664)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class TopicRequest:
    """Partitions of one topic."""

    name: str = field(STRING)
    partition_indexes: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.DESCRIBE_PRODUCERS)
class DescribeProducersRequest:
    """The partitions whose producers are described."""

    topics: tuple[TopicRequest, ...] = field(array_of(TopicRequest))


@struct
class ProducerState:
    """One producer; ``current_txn_start_offset`` is -1 without an open transaction."""

    producer_id: int = field(INT64)
    producer_epoch: int = field(INT32)
    last_sequence: int = field(INT32, default=-1)
    last_timestamp: int = field(INT64, default=-1)
    coordinator_epoch: int = field(INT32)
    current_txn_start_offset: int = field(INT64, default=-1)


@struct
class PartitionResponse:
    """The producers of one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    active_producers: tuple[ProducerState, ...] = field(array_of(ProducerState))


@struct
class TopicResponse:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[PartitionResponse, ...] = field(array_of(PartitionResponse))


@message(api_key=ApiKey.DESCRIBE_PRODUCERS)
class DescribeProducersResponse:
    """The producers of each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    topics: tuple[TopicResponse, ...] = field(array_of(TopicResponse))

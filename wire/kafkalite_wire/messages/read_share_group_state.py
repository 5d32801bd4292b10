"""ReadShareGroupState (key 84): read the state of share partitions, for their leaders (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class PartitionData:
    """A partition, and the epoch of the leader that asks."""

    partition: int = field(INT32)
    leader_epoch: int = field(INT32)


@struct
class ReadStateData:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.READ_SHARE_GROUP_STATE)
class ReadShareGroupStateRequest:
    """The share partitions of one group."""

    group_id: str = field(STRING)
    topics: tuple[ReadStateData, ...] = field(array_of(ReadStateData))


@struct
class StateBatch:
    """A range of offsets: 0 available, 2 acknowledged, 4 archived; and how often they were delivered."""

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    delivery_state: int = field(INT8)
    delivery_count: int = field(INT16)


@struct
class PartitionResult:
    """The state of one share partition; its start offset is -1 if it is not initialized."""

    partition: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    state_epoch: int = field(INT32)
    start_offset: int = field(INT64)
    state_batches: tuple[StateBatch, ...] = field(array_of(StateBatch))


@struct
class ReadStateResult:
    """The results for one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.READ_SHARE_GROUP_STATE)
class ReadShareGroupStateResponse:
    """The states."""

    results: tuple[ReadStateResult, ...] = field(array_of(ReadStateResult))

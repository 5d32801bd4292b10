"""WriteShareGroupState (key 85): write the state of share partitions, for their leaders (KIP-932).

Versions: 1 the number of offsets that are done (KIP-1226).
"""

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
class StateBatch:
    """A range of offsets: 0 available, 2 acknowledged, 4 archived; and how often they were delivered."""

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    delivery_state: int = field(INT8)
    delivery_count: int = field(INT16)


@struct
class PartitionData:
    """What has changed in one share partition; the start offset is -1 if it has not."""

    partition: int = field(INT32)
    state_epoch: int = field(INT32)
    leader_epoch: int = field(INT32)
    start_offset: int = field(INT64)
    delivery_complete_count: int = field(INT32, "1+", default=-1)
    state_batches: tuple[StateBatch, ...] = field(array_of(StateBatch))


@struct
class WriteStateData:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.WRITE_SHARE_GROUP_STATE)
class WriteShareGroupStateRequest:
    """The share partitions of one group."""

    group_id: str = field(STRING)
    topics: tuple[WriteStateData, ...] = field(array_of(WriteStateData))


@struct
class PartitionResult:
    """The result for one partition."""

    partition: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@struct
class WriteStateResult:
    """The results for one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.WRITE_SHARE_GROUP_STATE)
class WriteShareGroupStateResponse:
    """The results."""

    results: tuple[WriteStateResult, ...] = field(array_of(WriteStateResult))

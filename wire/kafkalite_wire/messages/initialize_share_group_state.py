"""InitializeShareGroupState (key 83): create the state of share partitions for the group coordinator (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
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
    """Where a share partition begins; -1 if that is not decided yet."""

    partition: int = field(INT32)
    state_epoch: int = field(INT32)
    start_offset: int = field(INT64)


@struct
class InitializeStateData:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.INITIALIZE_SHARE_GROUP_STATE)
class InitializeShareGroupStateRequest:
    """The share partitions of one group."""

    group_id: str = field(STRING)
    topics: tuple[InitializeStateData, ...] = field(array_of(InitializeStateData))


@struct
class PartitionResult:
    """The result for one partition."""

    partition: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@struct
class InitializeStateResult:
    """The results for one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.INITIALIZE_SHARE_GROUP_STATE)
class InitializeShareGroupStateResponse:
    """The results."""

    results: tuple[InitializeStateResult, ...] = field(array_of(InitializeStateResult))

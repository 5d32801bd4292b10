"""DeleteShareGroupState (key 86): delete the state of share partitions, for the group coordinator (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class PartitionData:
    """A partition."""

    partition: int = field(INT32)


@struct
class DeleteStateData:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.DELETE_SHARE_GROUP_STATE)
class DeleteShareGroupStateRequest:
    """The share partitions of one group."""

    group_id: str = field(STRING)
    topics: tuple[DeleteStateData, ...] = field(array_of(DeleteStateData))


@struct
class PartitionResult:
    """The result for one partition."""

    partition: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@struct
class DeleteStateResult:
    """The results for one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.DELETE_SHARE_GROUP_STATE)
class DeleteShareGroupStateResponse:
    """The results."""

    results: tuple[DeleteStateResult, ...] = field(array_of(DeleteStateResult))

"""AlterShareGroupOffsets (key 91): set where a share group begins (KIP-932)."""

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
class AlterShareGroupOffsetsRequestPartition:
    """The start offset of one partition."""

    partition_index: int = field(INT32)
    start_offset: int = field(INT64)


@struct
class AlterShareGroupOffsetsRequestTopic:
    """The partitions of one topic."""

    topic_name: str = field(STRING)
    partitions: tuple[AlterShareGroupOffsetsRequestPartition, ...] = field(
        array_of(AlterShareGroupOffsetsRequestPartition)
    )


@message(api_key=ApiKey.ALTER_SHARE_GROUP_OFFSETS)
class AlterShareGroupOffsetsRequest:
    """The start offsets of one group."""

    group_id: str = field(STRING)
    topics: tuple[AlterShareGroupOffsetsRequestTopic, ...] = field(array_of(AlterShareGroupOffsetsRequestTopic))


@struct
class AlterShareGroupOffsetsResponsePartition:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@struct
class AlterShareGroupOffsetsResponseTopic:
    """The results for one topic."""

    topic_name: str = field(STRING)
    topic_id: bytes = field(UUID)
    partitions: tuple[AlterShareGroupOffsetsResponsePartition, ...] = field(
        array_of(AlterShareGroupOffsetsResponsePartition)
    )


@message(api_key=ApiKey.ALTER_SHARE_GROUP_OFFSETS)
class AlterShareGroupOffsetsResponse:
    """The results."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    responses: tuple[AlterShareGroupOffsetsResponseTopic, ...] = field(array_of(AlterShareGroupOffsetsResponseTopic))

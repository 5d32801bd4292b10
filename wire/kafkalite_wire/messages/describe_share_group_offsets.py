"""DescribeShareGroupOffsets (key 90): return where share groups are (KIP-932).

Versions: 1 the lag (KIP-1226).
"""

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
class DescribeShareGroupOffsetsRequestTopic:
    """The partitions of one topic."""

    topic_name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class DescribeShareGroupOffsetsRequestGroup:
    """A group; null topics stand for all."""

    group_id: str = field(STRING)
    topics: tuple[DescribeShareGroupOffsetsRequestTopic, ...] | None = field(
        array_of(DescribeShareGroupOffsetsRequestTopic), nullable="0+"
    )


@message(api_key=ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS)
class DescribeShareGroupOffsetsRequest:
    """The groups."""

    groups: tuple[DescribeShareGroupOffsetsRequestGroup, ...] = field(array_of(DescribeShareGroupOffsetsRequestGroup))


@struct
class DescribeShareGroupOffsetsResponsePartition:
    """Where the group begins in one partition; a lag of -1 is unknown."""

    partition_index: int = field(INT32)
    start_offset: int = field(INT64)
    leader_epoch: int = field(INT32)
    lag: int = field(INT64, "1+", default=-1)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@struct
class DescribeShareGroupOffsetsResponseTopic:
    """The partitions of one topic."""

    topic_name: str = field(STRING)
    topic_id: bytes = field(UUID)
    partitions: tuple[DescribeShareGroupOffsetsResponsePartition, ...] = field(
        array_of(DescribeShareGroupOffsetsResponsePartition)
    )


@struct
class DescribeShareGroupOffsetsResponseGroup:
    """The offsets of one group."""

    group_id: str = field(STRING)
    topics: tuple[DescribeShareGroupOffsetsResponseTopic, ...] = field(array_of(DescribeShareGroupOffsetsResponseTopic))
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@message(api_key=ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS)
class DescribeShareGroupOffsetsResponse:
    """The groups."""

    throttle_time_ms: int = field(INT32, default=0)
    groups: tuple[DescribeShareGroupOffsetsResponseGroup, ...] = field(array_of(DescribeShareGroupOffsetsResponseGroup))

"""DescribeLogDirs (key 35): the logs in the data directories of a broker (KIP-113).

Versions: 3 an error for the whole response, 4 the size of the volume (KIP-827), 5 cordoned directories (KIP-1066).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class DescribableLogDirTopic:
    """The partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.DESCRIBE_LOG_DIRS)
class DescribeLogDirsRequest:
    """The partitions to describe, null for all."""

    topics: tuple[DescribableLogDirTopic, ...] | None = field(array_of(DescribableLogDirTopic), nullable="0+")


@struct
class DescribeLogDirsPartition:
    """One log: its size, its lag, and whether it is a future replica."""

    partition_index: int = field(INT32)
    partition_size: int = field(INT64)
    offset_lag: int = field(INT64)
    is_future_key: bool = field(BOOL)


@struct
class DescribeLogDirsTopic:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[DescribeLogDirsPartition, ...] = field(array_of(DescribeLogDirsPartition))


@struct
class DescribeLogDirsResult:
    """One data directory, and the size of its volume in bytes."""

    error_code: int = field(INT16, default=0)
    log_dir: str = field(STRING)
    topics: tuple[DescribeLogDirsTopic, ...] = field(array_of(DescribeLogDirsTopic))
    total_bytes: int = field(INT64, "4+", default=-1)
    usable_bytes: int = field(INT64, "4+", default=-1)
    is_cordoned: bool = field(BOOL, "5+", default=False)


@message(api_key=ApiKey.DESCRIBE_LOG_DIRS)
class DescribeLogDirsResponse:
    """One result for each data directory."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, "3+", default=0)
    results: tuple[DescribeLogDirsResult, ...] = field(array_of(DescribeLogDirsResult))

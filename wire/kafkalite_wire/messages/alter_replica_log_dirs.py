"""AlterReplicaLogDirs (key 34): move partitions between the log directories of a broker (KIP-113)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@struct
class AlterReplicaLogDirTopic:
    """Partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class AlterReplicaLogDir:
    """The partitions to move to one directory."""

    path: str = field(STRING)
    topics: tuple[AlterReplicaLogDirTopic, ...] = field(array_of(AlterReplicaLogDirTopic))


@message(api_key=ApiKey.ALTER_REPLICA_LOG_DIRS)
class AlterReplicaLogDirsRequest:
    """The directories."""

    dirs: tuple[AlterReplicaLogDir, ...] = field(array_of(AlterReplicaLogDir))


@struct
class AlterReplicaLogDirPartitionResult:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)


@struct
class AlterReplicaLogDirTopicResult:
    """The partitions of one topic."""

    topic_name: str = field(STRING)
    partitions: tuple[AlterReplicaLogDirPartitionResult, ...] = field(array_of(AlterReplicaLogDirPartitionResult))


@message(api_key=ApiKey.ALTER_REPLICA_LOG_DIRS)
class AlterReplicaLogDirsResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[AlterReplicaLogDirTopicResult, ...] = field(array_of(AlterReplicaLogDirTopicResult))

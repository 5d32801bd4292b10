"""AlterReplicaLogDirs: move partitions to another directory of this broker (KIP-113).

There is one directory, so that a partition is where it is asked to be, or there is no such directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_LONGEST_DIRECTORY: Final = 255
_SUFFIX: Final = len("." + "0" * 32 + "-future")


def handle(
    broker: BrokerEndpoint, request: AlterReplicaLogDirsRequest, context: RequestContext
) -> AlterReplicaLogDirsResponse:
    """Answer for each partition, once, with the last directory that it is asked to move to."""
    del context
    wanted = {
        (topic.name, index): directory.path
        for directory in request.dirs
        for topic in directory.topics
        for index in topic.partitions
    }
    topics: dict[str, list[AlterReplicaLogDirPartitionResult]] = {}
    for (name, index), path in wanted.items():
        result = AlterReplicaLogDirPartitionResult(partition_index=index, error_code=_error(broker, path, name, index))
        topics.setdefault(name, []).append(result)
    return AlterReplicaLogDirsResponse(
        results=tuple(
            AlterReplicaLogDirTopicResult(topic_name=name, partitions=tuple(partitions))
            for name, partitions in topics.items()
        )
    )


def _error(broker: BrokerEndpoint, path: str, name: str, index: int) -> ErrorCode:
    storage = broker.cluster.storage
    if len(f"{name}-{index}") + _SUFFIX > _LONGEST_DIRECTORY:
        return ErrorCode.INVALID_TOPIC_EXCEPTION
    if path != str(Path(storage.path).absolute()):
        return ErrorCode.LOG_DIR_NOT_FOUND
    topic = storage.topics.get(name)
    if topic is None or not 0 <= index < topic.partitions:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE

"""DescribeLogDirs, versions 1-5: the data directory, how much of it each partition takes, and the room on its volume.

There is one directory, and no replica ever moves between directories.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(broker: BrokerEndpoint, request: DescribeLogDirsRequest, context: RequestContext) -> DescribeLogDirsResponse:
    """Measure the partitions that were asked for and exist."""
    del context
    path = Path(broker.cluster.storage.path).absolute()
    try:
        volume = shutil.disk_usage(path)
        topics = tuple(_topic(broker, name, indexes) for name, indexes in _wanted(broker, request).items())
    except (OSError, StorageError):
        result = DescribeLogDirsResult(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=str(path), topics=())
    else:
        result = DescribeLogDirsResult(
            log_dir=str(path), topics=topics, total_bytes=volume.total, usable_bytes=volume.free
        )
    return DescribeLogDirsResponse(results=(result,))


def _wanted(broker: BrokerEndpoint, request: DescribeLogDirsRequest) -> dict[str, list[int]]:
    """Give the partitions to measure by topic, each once; topics without any are left out."""
    existing = broker.cluster.storage.topics
    if request.topics is None:
        return {topic.name: list(range(topic.partitions)) for topic in existing.values()}
    wanted: dict[str, dict[int, None]] = {}
    for asked in request.topics:
        topic = existing.get(asked.topic)
        within = {index: None for index in asked.partitions if topic is not None and 0 <= index < topic.partitions}
        if within:
            wanted.setdefault(asked.topic, {}).update(within)
    return {name: list(indexes) for name, indexes in wanted.items()}


def _topic(broker: BrokerEndpoint, name: str, indexes: list[int]) -> DescribeLogDirsTopic:
    return DescribeLogDirsTopic(
        name=name,
        partitions=tuple(
            DescribeLogDirsPartition(
                partition_index=index,
                partition_size=broker.cluster.storage.partition_size(name, index),
                offset_lag=0,  # the end of the log is its high watermark: there is one replica
                is_future_key=False,
            )
            for index in indexes
        ),
    )

"""DescribeLogDirs: the data directory, how much of it each partition takes, and the room on its volume.

There is one directory, and no replica ever moves between directories. Several brokers share it; each describes its own
replicas.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafkalite.partitions import guarded
from kafkalite.requests.steps import Steps, WorkMeter
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
    from kafkalite_storage.metadata.topics import Topic

_WORK_OF_A_PARTITION: Final = 10


def handle(
    broker: BrokerEndpoint, request: DescribeLogDirsRequest, context: RequestContext
) -> Steps[DescribeLogDirsResponse]:
    """Measure the partitions that were asked for and exist."""
    del context
    path = Path(broker.cluster.storage.path).absolute()
    failed = DescribeLogDirsResponse(
        results=(DescribeLogDirsResult(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=str(path), topics=()),)
    )
    try:
        volume = shutil.disk_usage(path)
    except OSError:
        return failed
    meter = WorkMeter()
    topics: list[DescribeLogDirsTopic] = []
    for name, indexes in _wanted(broker, request).items():
        partitions: list[DescribeLogDirsPartition] = []
        for index in indexes:
            if meter.add(_WORK_OF_A_PARTITION):
                yield
            partition = guarded(partial(_partition, broker, name, index), lambda _: None)
            if partition is None:
                return failed  # as in Kafka, which takes a directory with a bad file out of use
            partitions.append(partition)
        topics.append(DescribeLogDirsTopic(name=name, partitions=tuple(partitions)))
    result = DescribeLogDirsResult(
        log_dir=str(path), topics=tuple(topics), total_bytes=volume.total, usable_bytes=volume.free
    )
    return DescribeLogDirsResponse(results=(result,))


def _wanted(broker: BrokerEndpoint, request: DescribeLogDirsRequest) -> dict[str, list[int]]:
    """Return the partitions to measure by topic, each once, without topics that have none."""
    existing = broker.cluster.storage.topics
    if request.topics is None:
        own = {
            topic.name: [index for index in range(topic.partitions) if _has_replica(broker, topic, index)]
            for topic in existing.values()
        }
        return {name: indexes for name, indexes in own.items() if indexes}
    wanted: dict[str, dict[int, None]] = {}
    for asked in request.topics:
        topic = existing.get(asked.topic)
        within = {
            index: None
            for index in asked.partitions
            if topic is not None and 0 <= index < topic.partitions and _has_replica(broker, topic, index)
        }
        if within:
            wanted.setdefault(asked.topic, {}).update(within)
    return {name: list(indexes) for name, indexes in wanted.items()}


def _has_replica(broker: BrokerEndpoint, topic: Topic, index: int) -> bool:
    return not broker.cluster.has_several_brokers or broker.id in topic.assignment[index].replicas


def _partition(broker: BrokerEndpoint, name: str, index: int) -> DescribeLogDirsPartition | None:
    return DescribeLogDirsPartition(
        partition_index=index,
        partition_size=broker.cluster.storage.partition_size(name, index),
        offset_lag=0,  # the end of the log is its high watermark: there is one replica
        is_future_key=False,
    )

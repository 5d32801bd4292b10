"""Create the topics that a broker is to have from its start, before any client can connect."""

from __future__ import annotations

from itertools import count
from logging import getLogger
from typing import TYPE_CHECKING

from kafkalite.cluster.partitioning import partition_for_key
from kafkalite.errors import StartError
from kafkalite_storage.errors import StorageError
from kafkalite_wire.batch import CorruptBatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.cluster import Cluster
    from kafkalite.config.initial_topics import InitialRecord, InitialTopic
    from kafkalite_storage.metadata.topics import Topic

log = getLogger("kafkalite.topics")


def create(cluster: Cluster, topics: Iterable[InitialTopic]) -> None:
    """Create the topics that do not exist, with their records; one that exists is left as it is. Raises StartError.

    A crash between a topic and its records leaves the topic without them.
    """
    for topic in topics:
        existing = cluster.storage.topics.get(topic.name)
        if existing is None:
            try:
                _create(cluster, topic)
            except (StorageError, CorruptBatch) as error:
                raise StartError(f"{topic.origin}: cannot create topic {topic.name!r}: {error}") from None
        elif _differs(existing, topic):
            log.warning("topic %s exists, and is left as it is: %s describes another", topic.name, topic.origin)


def _differs(existing: Topic, wanted: InitialTopic) -> bool:
    return wanted.partitions not in (None, existing.partitions) or any(
        existing.configs.get(name) != value for name, value in wanted.configs.items()
    )


def _create(cluster: Cluster, topic: InitialTopic) -> None:
    partitions = topic.partitions or cluster.config.num_partitions
    turns = count()
    placed = [(_partition(record, partitions, turns), record) for record in topic.records]
    missing = next((partition for partition, _ in placed if not 0 <= partition < partitions), None)
    if missing is not None:
        raise StartError(f"{topic.origin}: topic {topic.name!r} has {partitions} partition(s), and no {missing}")
    cluster.create_topic(topic.name, partitions, topic.configs)
    try:
        for partition, record in placed:
            _append(cluster, topic.name, partition, record)
    except (StorageError, CorruptBatch):
        cluster.storage.delete_topic(topic.name, now_ms=cluster.wall_ms())  # or the next start would leave it as it is
        raise
    log.info("created topic %s: partitions=%d, records=%d", topic.name, partitions, len(placed))


def _partition(record: InitialRecord, partitions: int, turns: count[int]) -> int:
    if record.partition is not None:
        return record.partition
    return next(turns) % partitions if record.key is None else partition_for_key(record.key, partitions)


def _append(cluster: Cluster, topic: str, partition: int, record: InitialRecord) -> None:
    from kafkalite_wire import records

    now_ms = cluster.wall_ms()
    batch = records.build_batch(
        [records.Record(key=record.key, value=record.value, timestamp=now_ms, headers=record.headers)]
    )
    cluster.storage.log(topic, partition).append(memoryview(bytearray(batch)), now_ms=now_ms)

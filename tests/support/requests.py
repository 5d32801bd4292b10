"""Builders of common requests, and of record batches to put into them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Record, build_batch

LATEST, EARLIEST, NEWEST = -1, -2, -3
"""Timestamps of ListOffsets with a special meaning."""


def batch(*values: bytes, **options: Any) -> bytes:
    """Build a batch of values, one record each, with the current time; options are those of `build_batch`."""
    now = int(time.time() * 1000)
    return build_batch([Record(None, value, now) for value in values], **options)


def create_topics(name: str, partitions: int = 1, **configs: str) -> CreateTopicsRequest:
    """Create one topic; configurations are named with underscores."""
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=-1,
        configs=tuple(CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()),
    )
    return CreateTopicsRequest(topics=(topic,))


def produce(topic: str, records: bytes, *, partition: int = 0, acks: int = -1) -> ProduceRequest:
    """Write records to one partition."""
    data = TopicProduceData(name=topic, partition_data=(PartitionProduceData(index=partition, records=records),))
    return ProduceRequest(acks=acks, timeout_ms=10_000, topic_data=(data,))


def produce_each(*partitions: tuple[str, int], acks: int = 1) -> ProduceRequest:
    """Write one record to each partition."""
    topics = dict.fromkeys(topic for topic, _ in partitions)
    return ProduceRequest(
        acks=acks,
        timeout_ms=1000,
        topic_data=tuple(
            TopicProduceData(
                name=topic,
                partition_data=tuple(
                    PartitionProduceData(index=index, records=batch(b"one"))
                    for name, index in partitions
                    if name == topic
                ),
            )
            for topic in topics
        ),
    )


def fetch(
    topic: str,
    offset: int = 0,
    *,
    partition: int = 0,
    wait_ms: int = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    isolation_level: int = 0,
) -> FetchRequest:
    """Read one partition."""
    wanted = FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes)
    return fetch_each(wanted, topic=topic, max_wait_ms=wait_ms, min_bytes=min_bytes, isolation_level=isolation_level)


def fetch_each(
    *partitions: int | FetchPartition, topic: str | bytes = "t", offset: int = 0, **fields: Any
) -> FetchRequest:
    """Read several partitions of a topic, given by its name or its id; further fields are the request's."""
    wanted = tuple(
        partition
        if isinstance(partition, FetchPartition)
        else FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20)
        for partition in partitions
    )
    if isinstance(topic, str):
        topics = (FetchTopic(topic=topic, partitions=wanted),)
    else:
        topics = (FetchTopic(topic_id=topic, partitions=wanted),)
    return FetchRequest(**{"max_wait_ms": 0, "min_bytes": 1, "topics": topics if wanted else (), **fields})


def list_offsets(
    topic: str, timestamp: int, partitions: Iterable[int] = (0,), *, epoch: int = -1
) -> ListOffsetsRequest:
    """Ask for the offsets of a time, or of LATEST, EARLIEST or NEWEST."""
    wanted = tuple(
        ListOffsetsPartition(partition_index=number, timestamp=timestamp, current_leader_epoch=epoch)
        for number in partitions
    )
    return ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=topic, partitions=wanted),))


def commit(
    group: str,
    offsets: Mapping[tuple[str, int], int],
    *,
    member: str = "",
    generation: int = -1,
    metadata: str | None = "",
) -> OffsetCommitRequest:
    """Commit offsets of partitions, given as (topic, number), as a member or as a client outside of the group."""
    topics = dict.fromkeys(topic for topic, _ in offsets)
    return OffsetCommitRequest(
        group_id=group,
        member_id=member,
        generation_id_or_member_epoch=generation,
        topics=tuple(
            OffsetCommitRequestTopic(
                name=topic,
                partitions=tuple(
                    OffsetCommitRequestPartition(
                        partition_index=number, committed_offset=offset, committed_metadata=metadata
                    )
                    for (name, number), offset in offsets.items()
                    if name == topic
                ),
            )
            for topic in topics
        ),
    )

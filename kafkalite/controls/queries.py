"""Topics, records and groups of a broker in this process, copied out of it; for use in its loop."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import TYPE_CHECKING, Final

from kafkalite.controls.errors import NotFound
from kafkalite.controls.records import existing, records_in
from kafkalite.controls.views import (
    Committed,
    Group,
    Member,
    Record,
    Topic,
    TopicPartition,
    member_of,
    no_topic,
)
from kafkalite_storage.metadata.topics import INTERNAL_TOPICS

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.coordinators.groups.views import GroupView, MemberView

_CHUNK: Final = 1 << 20


def topics_of(cluster: Cluster) -> list[Topic]:
    """Return all topics but the internal ones."""
    return [topic_of(cluster, name) for name in sorted(cluster.storage.topics) if name not in INTERNAL_TOPICS]


def topic_of(cluster: Cluster, name: str) -> Topic:
    """Return a topic. Raises LookupError."""
    topic = cluster.storage.topics.get(name)
    if topic is None:
        raise NotFound(no_topic(name, sorted(cluster.storage.topics)))
    logs = [cluster.storage.log(name, index) for index in range(topic.partitions)]
    return Topic(
        name=name,
        partitions=topic.partitions,
        start_offsets=tuple(log.log_start_offset for log in logs),
        end_offsets=tuple(log.high_watermark for log in logs),
    )


def records_of(cluster: Cluster, topic: str, partition: int | None, offset: int) -> list[Record]:
    """Return the committed records of a topic, or of one of its partitions, in the order of their timestamps.

    Offsets below ``offset`` are left out. Raises LookupError.
    """
    total = topic_of(cluster, topic).partitions
    chosen = range(total) if partition is None else (existing(topic, partition, total),)
    return list(merge(*(_read(cluster, topic, index, offset) for index in chosen), key=lambda record: record.timestamp))


def _read(cluster: Cluster, topic: str, partition: int, offset: int) -> Iterator[Record]:
    log = cluster.storage.log(topic, partition)
    offset = max(offset, log.log_start_offset)
    while offset < log.last_stable_offset:
        data = log.read(offset, max_bytes=_CHUNK, max_offset=log.last_stable_offset).read()
        following = offset
        for record, next_offset in records_in(topic, partition, data):
            following = next_offset
            if record is not None and record.offset >= offset:
                yield record
        if following == offset:
            return
        offset = following


def group_of(cluster: Cluster, group_id: str) -> Group:
    """Return a group; its state is ``Dead`` if there is none."""
    view = cluster.groups.coordinator.group(group_id)
    if view is None:
        return Group(group_id=group_id, state="Dead")
    return _group(cluster, view)


def _group(cluster: Cluster, view: GroupView) -> Group:
    committed: dict[TopicPartition, Committed] = {}
    for (topic, partition), offset in sorted(view.offsets.items()):
        log = cluster.log(topic, partition)
        if log is not None:
            committed[TopicPartition(topic, partition)] = Committed(
                offset=offset.offset, end_offset=log.high_watermark, metadata=offset.metadata
            )
    return Group(
        group_id=view.group_id,
        state=view.state.value,
        generation=view.generation,
        protocol=view.protocol_name or "",
        members=tuple(_member(member) for member in view.members),
        committed=committed,
    )


def _member(view: MemberView) -> Member:
    if view.assigned is None:
        return member_of(view, view.metadata, view.assignment)
    return Member(
        member_id=view.member_id,
        client_id=view.client_id,
        group_instance_id=view.group_instance_id,
        client_host=view.client_host,
        topics=view.assigned.topics,
        assignment=frozenset(TopicPartition(topic, partition) for topic, partition in view.assigned.partitions),
    )

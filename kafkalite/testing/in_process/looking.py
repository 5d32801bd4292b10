"""Look into a broker of this process: topics, records and groups, copied out. To be used in the broker's loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from kafkalite.testing.model.batches import records_in
from kafkalite.testing.model.errors import NotThere
from kafkalite.testing.model.memberships import assignment_in, subscription_in
from kafkalite.testing.model.views import Committed, Group, Member, Record, Topic, TopicPartition, no_topic
from kafkalite_storage.metadata.topics import INTERNAL_TOPICS

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.coordinators.groups.views import GroupView, MemberView

_PIECE: Final = 1 << 20


def topics_of(cluster: Cluster) -> dict[str, Topic]:
    """Show all topics but Kafka's own."""
    return {name: topic_of(cluster, name) for name in sorted(cluster.storage.topics) if name not in INTERNAL_TOPICS}


def topic_of(cluster: Cluster, name: str) -> Topic:
    """Show one topic. Raises LookupError if there is none."""
    topic = cluster.storage.topics.get(name)
    if topic is None:
        raise NotThere(no_topic(name, sorted(cluster.storage.topics)))
    logs = [cluster.storage.log(name, index) for index in range(topic.partitions)]
    return Topic(
        name=name,
        partitions=topic.partitions,
        start_offsets=tuple(log.log_start_offset for log in logs),
        end_offsets=tuple(log.high_watermark for log in logs),
    )


def read(cluster: Cluster, topic: str, partition: int, offset: int) -> Iterator[Record]:
    """Read the records of a partition from an offset on, as far as they are committed."""
    log = cluster.storage.log(topic, partition)
    offset = max(offset, log.log_start_offset)
    while offset < log.last_stable_offset:
        data = log.read(offset, max_bytes=_PIECE, max_offset=log.last_stable_offset).read()
        following = offset
        for record, next_offset in records_in(topic, partition, data):
            following = next_offset
            if record is not None and record.offset >= offset:
                yield record
        if following == offset:
            return
        offset = following


def group_of(cluster: Cluster, group_id: str) -> Group:
    """Show a group, ``Dead`` if there is none."""
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
    return Member(
        member_id=view.member_id,
        client_id=view.client_id,
        group_instance_id=view.group_instance_id,
        client_host=view.client_host,
        topics=subscription_in(view.metadata),
        assignment=assignment_in(view.assignment),
    )

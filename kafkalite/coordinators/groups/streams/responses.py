"""What heartbeat responses hold of tasks: those of the member, and where the partitions of all of them are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.coordinators.java_strings import hash_map_order, timeline_map_order
from kafkalite_wire.messages.streams_group_heartbeat import Endpoint, EndpointToPartitions, TaskIds, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kafkalite.coordinators.groups.streams.configuring import ConfiguredSubtopology
    from kafkalite.coordinators.groups.streams.group import StreamsGroup
    from kafkalite.coordinators.groups.streams.member import StreamsMember
    from kafkalite.coordinators.topics import ClusterTopics


def task_ids(tasks: Mapping[str, Collection[int]]) -> tuple[TaskIds, ...]:
    """Return tasks as a response holds them."""
    return tuple(TaskIds(subtopology_id=name, partitions=tuple(sorted(tasks[name]))) for name in hash_map_order(tasks))


def endpoints_of(group: StreamsGroup, member: StreamsMember, topics: ClusterTopics) -> tuple[EndpointToPartitions, ...]:
    """Return the partitions of each member with an endpoint for interactive queries; the given one comes last."""
    ordered = timeline_map_order(group.members, most=group.most_members)
    others = (group.members[member_id] for member_id in ordered if member_id != member.member_id)
    return tuple(_endpoint(group, each, topics) for each in (*others, member) if each.user_endpoint is not None)


def active_partitions(group: StreamsGroup, member: StreamsMember, topics: ClusterTopics) -> frozenset[tuple[str, int]]:
    """Return the partitions that the active tasks of a member read, by topic."""
    found = _partitions(member.assigned.active, _subtopologies(group), topics)
    return frozenset((each.topic, partition) for each in found for partition in each.partitions)


def _subtopologies(group: StreamsGroup) -> Mapping[str, ConfiguredSubtopology]:
    return {} if group.configured is None else group.configured.subtopologies or {}


def _endpoint(group: StreamsGroup, member: StreamsMember, topics: ClusterTopics) -> EndpointToPartitions:
    assert member.user_endpoint is not None
    subtopologies = _subtopologies(group)
    copies = {
        name: member.assigned.standby.get(name, frozenset[int]()) | member.assigned.warmup.get(name, frozenset[int]())
        for name in {**member.assigned.standby, **member.assigned.warmup}
    }
    return EndpointToPartitions(
        user_endpoint=Endpoint(host=member.user_endpoint.host, port=member.user_endpoint.port),
        active_partitions=tuple(_partitions(member.assigned.active, subtopologies, topics)),
        standby_partitions=tuple(_partitions(copies, subtopologies, topics)),
    )


def _partitions(
    tasks: Mapping[str, Collection[int]], subtopologies: Mapping[str, ConfiguredSubtopology], topics: ClusterTopics
) -> Iterator[TopicPartition]:
    for name, held in tasks.items():
        subtopology = subtopologies.get(name)
        if subtopology is None:
            continue
        for topic_name in hash_map_order((*subtopology.source_topics, *subtopology.repartition_source_topics)):
            topic = topics.topics.get(topic_name)
            existing = (
                [] if topic is None else [partition for partition in sorted(held) if partition < topic.partitions]
            )
            if existing:
                yield TopicPartition(topic=topic_name, partitions=tuple(existing))

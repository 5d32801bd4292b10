"""The topology of a streams group as StreamsGroupDescribe returns it (KIP-1071)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from kafkalite.coordinators.java_strings import utf16_order
from kafkalite_wire.messages.streams_group_describe import KeyValue, Subtopology, TopicInfo, Topology

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.streams.configuring import ConfiguredInternalTopic, ConfiguredTopology
    from kafkalite.coordinators.groups.streams.topology import StreamsTopology
    from kafkalite_wire.messages import streams_group_records as records


def describe_topology(topology: StreamsTopology, configured: ConfiguredTopology | None) -> Topology:
    """Describe a topology: with the partitions of its internal topics if it can run, and otherwise as it was sent."""
    if configured is not None and configured.problem is None and configured.subtopologies is not None:
        return Topology(
            epoch=configured.epoch,
            subtopologies=tuple(
                Subtopology(
                    subtopology_id=name,
                    source_topics=_sorted(each.source_topics),
                    repartition_sink_topics=_sorted(each.repartition_sink_topics),
                    state_changelog_topics=_by_name(map(_configured, each.state_changelog_topics.values())),
                    repartition_source_topics=_by_name(map(_configured, each.repartition_source_topics.values())),
                )
                for name, each in configured.subtopologies.items()
            ),
        )
    return Topology(
        epoch=topology.epoch,
        subtopologies=tuple(
            Subtopology(
                subtopology_id=name,
                source_topics=_sorted(topology.subtopologies[name].source_topics),
                repartition_sink_topics=_sorted(topology.subtopologies[name].repartition_sink_topics),
                state_changelog_topics=_by_name(map(_sent, topology.subtopologies[name].state_changelog_topics)),
                repartition_source_topics=_by_name(map(_sent, topology.subtopologies[name].repartition_source_topics)),
            )
            for name in _sorted(topology.subtopologies)
        ),
    )


def _configured(topic: ConfiguredInternalTopic) -> TopicInfo:
    return TopicInfo(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=tuple(KeyValue(key=name, value=value) for name, value in topic.configs.items()),
    )


def _sent(topic: records.TopicInfo) -> TopicInfo:
    return TopicInfo(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=tuple(KeyValue(key=config.key, value=config.value) for config in topic.topic_configs),
    )


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=utf16_order))


def _by_name(topics: Iterable[TopicInfo]) -> tuple[TopicInfo, ...]:
    return tuple(sorted(topics, key=lambda topic: utf16_order(topic.name)))

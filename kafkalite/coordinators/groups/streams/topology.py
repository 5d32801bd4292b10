"""The topology of a streams group: its subtopologies, and the topics between them (KIP-1071).

It is what the members say that their application does. What the broker makes of it, with the topics that exist, is in
:mod:`kafkalite.coordinators.groups.streams.configuring`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.streams_group_records import (
    CopartitionGroup,
    StreamsGroupTopologyValue,
    Subtopology,
    TopicConfig,
    TopicInfo,
)

if TYPE_CHECKING:
    from kafkalite_wire.messages import streams_group_heartbeat as heartbeat


class Status(IntEnum):
    """What is wrong with a group, by the numbers of the heartbeat response."""

    STALE_TOPOLOGY = 0
    MISSING_SOURCE_TOPICS = 1
    INCORRECTLY_PARTITIONED_TOPICS = 2
    MISSING_INTERNAL_TOPICS = 3
    SHUTDOWN_APPLICATION = 4
    ASSIGNMENT_DELAYED = 5
    MISSING_CLIENT_TAGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyProblem:
    """Why a topology cannot be used, as the heartbeat response reports it."""

    status: Status
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsTopology:
    """A topology; a later epoch replaces an earlier one. Two are equal in any order of their subtopologies."""

    epoch: int
    subtopologies: Mapping[str, Subtopology]
    """By id, in the order in which the member sent them."""

    @classmethod
    def from_heartbeat(cls, topology: heartbeat.Topology) -> StreamsTopology:
        """Return the topology that a member sent. Raises MemberRefusedError."""
        return cls._make(
            topology.epoch,
            tuple(
                Subtopology(
                    subtopology_id=sent.subtopology_id,
                    source_topics=sent.source_topics,
                    source_topic_regex=sent.source_topic_regex,
                    state_changelog_topics=tuple(map(_topic_info, sent.state_changelog_topics)),
                    repartition_sink_topics=sent.repartition_sink_topics,
                    repartition_source_topics=tuple(map(_topic_info, sent.repartition_source_topics)),
                    copartition_groups=tuple(map(_copartition_group, sent.copartition_groups)),
                )
                for sent in topology.subtopologies
            ),
        )

    @classmethod
    def from_record(cls, value: StreamsGroupTopologyValue) -> StreamsTopology:
        """Return the topology that a record holds. Raises MemberRefusedError."""
        return cls._make(value.epoch, value.subtopologies)

    @classmethod
    def _make(cls, epoch: int, subtopologies: tuple[Subtopology, ...]) -> StreamsTopology:
        by_id = {subtopology.subtopology_id: subtopology for subtopology in subtopologies}
        if epoch < 0 or len(by_id) < len(subtopologies):
            # Kafka runs into an unexpected exception.
            raise MemberRefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, None)
        return cls(epoch=epoch, subtopologies=by_id)

    def as_record(self) -> StreamsGroupTopologyValue:
        """Return the value of its record."""
        return StreamsGroupTopologyValue(epoch=self.epoch, subtopologies=tuple(self.subtopologies.values()))

    @property
    def source_topics(self) -> frozenset[str]:
        """The topics that it reads: those of users, and repartition topics."""
        return frozenset(topic for each in self.subtopologies.values() for topic in sources_of(each))

    @property
    def required_topics(self) -> frozenset[str]:
        """The topics that have to exist: those that it reads, and the changelogs of its state."""
        changelogs = (topic.name for each in self.subtopologies.values() for topic in each.state_changelog_topics)
        return self.source_topics.union(changelogs)


def sources_of(subtopology: Subtopology) -> Iterator[str]:
    """Yield the topics that a subtopology reads; one can be named twice."""
    yield from subtopology.source_topics
    for topic in subtopology.repartition_source_topics:
        yield topic.name


def stale_topology(member_epoch: int, group_epoch: int) -> TopologyProblem | None:
    """Return the problem of a member that has an older topology than its group, if it has."""
    if member_epoch >= group_epoch:
        return None
    return TopologyProblem(
        status=Status.STALE_TOPOLOGY,
        detail=f"The member's topology epoch {member_epoch} is behind the group's topology epoch {group_epoch}.",
    )


def _topic_info(topic: heartbeat.TopicInfo) -> TopicInfo:
    return TopicInfo(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=tuple(TopicConfig(key=config.key, value=config.value) for config in topic.topic_configs),
    )


def _copartition_group(group: heartbeat.CopartitionGroup) -> CopartitionGroup:
    return CopartitionGroup(
        source_topics=group.source_topics,
        source_topic_regex=group.source_topic_regex,
        repartition_source_topics=group.repartition_source_topics,
    )

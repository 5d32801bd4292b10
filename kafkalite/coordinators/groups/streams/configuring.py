"""Find out whether a topology can run with the topics that exist, and what is missing.

A subtopology has a task for each partition of its largest source topic. Repartition topics, between subtopologies, and
changelogs, which back the state of tasks, are *internal topics*: the broker creates them. A repartition topic has as
many partitions as the topology fixes, or else as the largest source of the subtopology that writes to it. The topics of
a *copartition group*, which are joined, have equally many. A changelog has a partition for each task.

Messages, choices and orders are those of Kafka 4.4, where some depend on how Java's hash maps order their keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.topology import Status, TopologyProblem, sources_of
from kafkalite.coordinators.java_strings import hash_map_buckets, hash_map_order, utf16_order
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.streams.topology import StreamsTopology
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.streams_group_records import Subtopology, TopicInfo

_DEFAULT_REPLICAS: Final = -1
_LISTED_TOPICS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredInternalTopic:
    """An internal topic as it has to be; with 0 replicas, the broker's default applies."""

    name: str
    partitions: int
    replication_factor: int = 0
    configs: Mapping[str, str] = field(default_factory=dict[str, str])

    def creation(self) -> CreatableTopic:
        """Return the topic for a request to create it."""
        return CreatableTopic(
            name=self.name,
            num_partitions=self.partitions,
            replication_factor=self.replication_factor or _DEFAULT_REPLICAS,
            configs=tuple(CreatableTopicConfig(name=name, value=value) for name, value in self.configs.items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredSubtopology:
    """A subtopology, its number of tasks, and its internal topics by name."""

    tasks: int
    source_topics: frozenset[str]
    repartition_source_topics: Mapping[str, ConfiguredInternalTopic]
    repartition_sink_topics: frozenset[str]
    state_changelog_topics: Mapping[str, ConfiguredInternalTopic]

    @property
    def is_stateful(self) -> bool:
        """Whether its tasks have a state that standby tasks can keep a copy of."""
        return bool(self.state_changelog_topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredTopology:
    """What a topology comes to. With a problem its tasks cannot be assigned.

    ``subtopologies`` are sorted by id; None if their tasks are not known. ``missing_topics`` have to be created, and
    are a problem until they exist.
    """

    epoch: int
    subtopologies: Mapping[str, ConfiguredSubtopology] | None = None
    missing_topics: tuple[ConfiguredInternalTopic, ...] = ()
    problem: TopologyProblem | None = None


def configure(topology: StreamsTopology, topics: ClusterTopics) -> ConfiguredTopology:
    """Decide how many tasks each subtopology has, and which internal topics are to be created.

    Raises MemberRefusedError for a topology that contradicts itself.
    """
    subtopologies = [topology.subtopologies[name] for name in hash_map_order(topology.subtopologies)]
    copartitioned = [names for subtopology in subtopologies for names in _copartition_groups(subtopology)]
    counts = _PartitionCounts(topics)
    try:
        _check_sources(subtopologies, topics)
        counts.decided.update(_repartition_counts(subtopologies, counts))
        _copartition(subtopologies, copartitioned, counts)
        counts.decided.update(_changelog_counts(subtopologies, counts))
        found = {each.subtopology_id: _configured(each, counts) for each in subtopologies}
        configured = {name: found[name] for name in sorted(found, key=utf16_order)}
        missing = _missing(configured, subtopologies, topics)
    except _UnusableError as unusable:
        return ConfiguredTopology(epoch=topology.epoch, problem=unusable.problem)
    problem = None
    if missing:
        names = _summary([topic.name for topic in missing])
        problem = TopologyProblem(status=Status.MISSING_INTERNAL_TOPICS, detail=f"Internal topics are missing: {names}")
    return ConfiguredTopology(epoch=topology.epoch, subtopologies=configured, missing_topics=missing, problem=problem)


class _UnusableError(Exception):
    def __init__(self, status: Status, detail: str) -> None:
        super().__init__(detail)
        self.problem = TopologyProblem(status=status, detail=detail)


class _PartitionCounts:
    """How many partitions topics have if they exist, and otherwise are to have as far as that is decided."""

    def __init__(self, topics: ClusterTopics) -> None:
        self._existing = topics.topics
        self.decided: dict[str, int] = {}

    def of(self, name: str) -> int:
        topic = self._existing.get(name)
        return self.decided[name] if topic is None else topic.partitions


def _check_sources(subtopologies: Iterable[Subtopology], topics: ClusterTopics) -> None:
    missing = {name for each in subtopologies for name in each.source_topics if name not in topics.topics}
    if missing:
        names = _summary(sorted(missing, key=utf16_order))
        raise _UnusableError(Status.MISSING_SOURCE_TOPICS, f"Source topics {names} are missing.")


def _copartition_groups(subtopology: Subtopology) -> Iterator[list[str]]:
    repartition = tuple(topic.name for topic in subtopology.repartition_source_topics)
    for group in subtopology.copartition_groups:
        names = [
            *_named(group.source_topics, subtopology.source_topics),
            *_named(group.repartition_source_topics, repartition),
        ]
        if names:
            yield hash_map_order(dict.fromkeys(names))


def _named(indexes: Iterable[int], names: Sequence[str]) -> Iterator[str]:
    for index in indexes:
        if not 0 <= index < len(names):
            raise _unexpected()
        yield names[index]


def _repartition_counts(subtopologies: Collection[Subtopology], counts: _PartitionCounts) -> dict[str, int]:
    """Count the partitions of repartition topics from the sources on, through chains of subtopologies."""
    decided = {
        topic.name: topic.partitions
        for each in subtopologies
        for topic in each.repartition_source_topics
        if topic.partitions
    }
    while True:
        is_known = True
        has_advanced = False
        for each in subtopologies:
            for sink in each.repartition_sink_topics:
                if sink in decided:
                    continue
                known = [decided[topic.name] for topic in each.repartition_source_topics if topic.name in decided]
                known += map(counts.of, each.source_topics)
                if known:
                    decided[sink] = max(known)
                    has_advanced = True
                else:
                    is_known = False
        if is_known:
            break
        if not has_advanced:
            raise _invalid(
                "Failed to compute number of partitions for all repartition topics. "
                "There may be loops in the topology that cannot be resolved."
            )
    if any(topic.name not in decided for each in subtopologies for topic in each.repartition_source_topics):
        raise _invalid(
            "Failed to compute number of partitions for all repartition topics, "
            "because a repartition source topic is never used as a sink topic."
        )
    return decided


def _copartition(
    subtopologies: Iterable[Subtopology], groups: Iterable[Collection[str]], counts: _PartitionCounts
) -> None:
    repartition = [topic for each in subtopologies for topic in each.repartition_source_topics]
    fixed = {topic.name for topic in repartition if topic.partitions}
    internal = {topic.name for topic in repartition}
    for group in groups:
        adjustable = {name: counts.of(name) for name in group if name in internal}
        given = {name: counts.of(name) for name in group if name not in internal}
        if given:
            partitions = _same(given, given)
        elif fixed:
            # All fixed topics of the topology count, also those outside the group.
            partitions = _same({name: counts.of(name) for name in fixed}, adjustable)
        else:
            partitions = max(adjustable.values())
        for name in hash_map_order(adjustable):
            if name in fixed and adjustable[name] != partitions:
                raise _UnusableError(
                    Status.INCORRECTLY_PARTITIONED_TOPICS,
                    f"Number of partitions [{adjustable[name]}] of repartition topic [{name}] "
                    f"doesn't match number of partitions [{partitions}] of the source topic.",
                )
        counts.decided.update(dict.fromkeys(adjustable, partitions))


def _same(compared: Mapping[str, int], reported: Mapping[str, int]) -> int:
    if len(set(compared.values())) == 1:
        return next(iter(compared.values()))
    listed = ", ".join(f"{name}={reported[name]}" for name in sorted(reported, key=utf16_order))
    raise _UnusableError(
        Status.INCORRECTLY_PARTITIONED_TOPICS,
        f"Following topics do not have the same number of partitions: [{{{listed}}}]",
    )


def _changelog_counts(subtopologies: Iterable[Subtopology], counts: _PartitionCounts) -> dict[str, int]:
    decided: dict[str, int] = {}
    for each in subtopologies:
        sources = [counts.of(name) for name in sources_of(each)]
        if not sources:
            raise _invalid(f"No source topics found for subtopology {each.subtopology_id}")
        decided.update(dict.fromkeys((topic.name for topic in each.state_changelog_topics), max(sources)))
    return decided


def _configured(subtopology: Subtopology, counts: _PartitionCounts) -> ConfiguredSubtopology:
    return ConfiguredSubtopology(
        tasks=max(map(counts.of, sources_of(subtopology))),
        source_topics=frozenset(subtopology.source_topics),
        repartition_source_topics=_internal_topics(subtopology.repartition_source_topics, counts),
        repartition_sink_topics=frozenset(subtopology.repartition_sink_topics),
        state_changelog_topics=_internal_topics(subtopology.state_changelog_topics, counts),
    )


def _internal_topics(infos: Collection[TopicInfo], counts: _PartitionCounts) -> dict[str, ConfiguredInternalTopic]:
    by_name = {info.name: _internal_topic(info, counts) for info in infos}
    if len(by_name) < len(infos):
        raise _unexpected()
    return by_name


def _internal_topic(info: TopicInfo, counts: _PartitionCounts) -> ConfiguredInternalTopic:
    configs = {config.key: config.value for config in info.topic_configs}
    partitions = info.partitions or counts.decided[info.name]
    if partitions < 1 or len(configs) < len(info.topic_configs):
        raise _unexpected()
    return ConfiguredInternalTopic(
        name=info.name,
        partitions=partitions,
        replication_factor=info.replication_factor,
        configs={name: configs[name] for name in hash_map_order(configs)},
    )


def _missing(
    configured: Mapping[str, ConfiguredSubtopology], subtopologies: Iterable[Subtopology], topics: ClusterTopics
) -> tuple[ConfiguredInternalTopic, ...]:
    internal = {
        name: topic
        for each in configured.values()
        for some in (each.repartition_source_topics, each.state_changelog_topics)
        for name, topic in some.items()
    }
    required = dict.fromkeys(
        name
        for each in subtopologies
        for name in (*sources_of(each), *(topic.name for topic in each.state_changelog_topics))
    )
    missing = dict(internal)
    for name in hash_map_order(required):
        existing = topics.topics.get(name)
        expected = missing.pop(name, None) if existing is not None else None
        if existing is not None and expected is not None and existing.partitions != expected.partitions:
            raise _UnusableError(
                Status.INCORRECTLY_PARTITIONED_TOPICS,
                f"Existing topic {name} has different number of partitions: "
                f"expected {expected.partitions}, found {existing.partitions}",
            )
    # Java's map does not shrink.
    return tuple(missing[name] for name in hash_map_order(missing, buckets=hash_map_buckets(len(internal))))


def _summary(names: Collection[str]) -> str:
    listed = ", ".join(tuple(names)[:_LISTED_TOPICS])
    more = len(names) - _LISTED_TOPICS
    return f"{listed} and {more} additional topics" if more > 0 else listed


def _invalid(message: str) -> MemberRefusedError:
    return MemberRefusedError(ErrorCode.STREAMS_INVALID_TOPOLOGY, message)


def _unexpected() -> MemberRefusedError:
    # Kafka does not check for this, and runs into an unexpected exception.
    return MemberRefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, None)

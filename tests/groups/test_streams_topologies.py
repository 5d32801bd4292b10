"""What the broker makes of topologies of streams groups, compared with Apache Kafka 4.4.0."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.checking import check_heartbeat, check_topics, named_topics
from kafkalite.coordinators.groups.streams.configuring import ConfiguredInternalTopic, ConfiguredTopology, configure
from kafkalite.coordinators.groups.streams.describing import describe_topology
from kafkalite.coordinators.groups.streams.topology import Status, StreamsTopology, TopologyProblem, stale_topology
from kafkalite_wire.codec import decode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreatableTopic
from kafkalite_wire.messages.streams_group_describe import StreamsGroupDescribeResponse
from kafkalite_wire.messages.streams_group_heartbeat import Subtopology, TopicInfo, Topology
from tests.support.streams_answers import answers, sent


@dataclass(frozen=True)
class Existing:
    name: str
    topic_id: bytes
    partitions: int


class Topics:
    def __init__(self, partitions: dict[str, int]) -> None:
        self.topics = {name: Existing(name, name.encode(), count) for name, count in partitions.items()}
        self.topics_by_id = {topic.topic_id: topic for topic in self.topics.values()}


def internal(topic: ConfiguredInternalTopic) -> list[Any]:
    return [topic.name, topic.partitions, topic.replication_factor, [list(item) for item in topic.configs.items()]]


def created(topic: CreatableTopic) -> list[Any]:
    configs = [[config.name, config.value] for config in topic.configs]
    return [topic.name, topic.num_partitions, topic.replication_factor, configs]


def printed(configured: ConfiguredTopology) -> dict[str, Any]:
    problem = configured.problem
    subtopologies = None
    if configured.subtopologies is not None:
        subtopologies = {
            name: [
                each.tasks,
                sorted(each.source_topics),
                sorted(map(internal, each.repartition_source_topics.values())),
                sorted(each.repartition_sink_topics),
                sorted(map(internal, each.state_changelog_topics.values())),
            ]
            for name, each in configured.subtopologies.items()
        }
    return {
        "subtopologies": subtopologies,
        "create": [created(topic.creation()) for topic in configured.missing_topics],
        "problem": None if problem is None else [problem.status, problem.detail],
    }


def answer(request: str, topics: dict[str, int]) -> tuple[str, Any]:
    topology = sent(request).topology
    assert topology is not None
    try:
        configured = configure(StreamsTopology.from_heartbeat(topology), Topics(topics))
    except MemberRefusedError as refused:
        return refused.error.name, [refused.error, refused.message]
    assert list(configured.subtopologies or ()) == sorted(configured.subtopologies or ())
    return configured.problem.status.name if configured.problem else "READY", printed(configured)


def test_topologies_come_to_what_they_come_to_in_kafka() -> None:
    compared: Counter[str] = Counter()
    for request, topics, expected in answers("topology"):
        kind, found = answer(request, topics)
        assert found == expected, (sent(request), topics)
        compared[kind] += 1
    assert compared == {
        "READY": 46,
        "MISSING_SOURCE_TOPICS": 17,
        "INCORRECTLY_PARTITIONED_TOPICS": 67,
        "MISSING_INTERNAL_TOPICS": 75,
        "STREAMS_INVALID_TOPOLOGY": 61,
        "UNKNOWN_SERVER_ERROR": 34,
    }


def test_topologies_are_described_as_in_kafka() -> None:
    compared: Counter[str] = Counter()
    for request, topics, response in answers("description"):
        sent_topology = sent(request).topology
        assert sent_topology is not None
        topology = StreamsTopology.from_heartbeat(sent_topology)
        configured = configure(topology, Topics(topics))
        (group,) = decode(StreamsGroupDescribeResponse, 0, bytes.fromhex(response)).groups
        assert describe_topology(topology, configured) == group.topology
        compared["as sent" if configured.problem else "configured"] += 1
    assert compared == {"as sent": 5, "configured": 12}


def test_heartbeats_are_refused_as_in_kafka() -> None:
    refusals: set[str] = set()
    for request, expected in answers("heartbeat"):
        refused = None
        try:
            check_heartbeat(sent(request))
        except MemberRefusedError as error:
            refused = [error.error, error.message]
            refusals.add(str(error.message))
        assert refused == expected, sent(request)
    assert len(refusals) == 16


TOPOLOGY = Topology(
    epoch=3,
    subtopologies=(
        Subtopology(
            subtopology_id="1",
            source_topics=("in",),
            source_topic_regex=(),
            state_changelog_topics=(TopicInfo(name="log", partitions=0, replication_factor=0, topic_configs=()),),
            repartition_sink_topics=("between",),
            repartition_source_topics=(),
            copartition_groups=(),
        ),
        Subtopology(
            subtopology_id="2",
            source_topics=("in",),
            source_topic_regex=(),
            state_changelog_topics=(),
            repartition_sink_topics=("out",),
            repartition_source_topics=(
                TopicInfo(name="between", partitions=0, replication_factor=0, topic_configs=()),
            ),
            copartition_groups=(),
        ),
    ),
)


def test_topics_that_a_topology_names_are_checked_before_it_is_used() -> None:
    names = named_topics(TOPOLOGY)
    assert names == ("in", "between", "log", "out")
    check_topics(names, lambda _: False, lambda _: True)
    with pytest.raises(MemberRefusedError) as prohibited:
        check_topics(names, {"in", "out"}.__contains__, lambda _: False)
    assert prohibited.value.error is ErrorCode.STREAMS_INVALID_TOPOLOGY
    assert prohibited.value.message == "Use of Kafka internal topics in,out in a Kafka Streams topology is prohibited."
    with pytest.raises(MemberRefusedError) as invalid:
        check_topics(names, lambda _: False, {"in", "log"}.__contains__)
    assert invalid.value.error is ErrorCode.STREAMS_INVALID_TOPOLOGY
    assert invalid.value.message == "Topic names between,out are not valid topic names."


def test_topology_knows_the_topics_that_it_needs() -> None:
    topology = StreamsTopology.from_heartbeat(TOPOLOGY)
    assert topology.source_topics == {"in", "between"}
    assert topology.required_topics == {"in", "between", "log"}


def test_only_subtopologies_with_changelogs_are_stateful() -> None:
    configured = configure(StreamsTopology.from_heartbeat(TOPOLOGY), Topics({"in": 2}))
    assert {name: each.is_stateful for name, each in (configured.subtopologies or {}).items()} == {
        "1": True,
        "2": False,
    }


def test_topic_with_fewer_than_no_partitions_is_an_error_that_kafka_does_not_expect() -> None:
    first, second = TOPOLOGY.subtopologies
    (between,) = second.repartition_source_topics
    negative = replace(second, repartition_source_topics=(replace(between, partitions=-1),))
    topology = StreamsTopology.from_heartbeat(replace(TOPOLOGY, subtopologies=(first, negative)))
    with pytest.raises(MemberRefusedError) as refused:
        configure(topology, Topics({"in": 2}))
    assert (refused.value.error, refused.value.message) == (ErrorCode.UNKNOWN_SERVER_ERROR, None)


def test_member_with_an_older_topology_than_its_group_has_a_stale_one() -> None:
    assert stale_topology(3, 3) is None
    assert stale_topology(3, 4) == TopologyProblem(
        status=Status.STALE_TOPOLOGY, detail="The member's topology epoch 3 is behind the group's topology epoch 4."
    )

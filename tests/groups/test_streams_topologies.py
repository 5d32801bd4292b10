"""What the broker makes of topologies of streams groups, compared with Apache Kafka 4.4.0."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.checking import check_heartbeat
from kafkalite.coordinators.groups.streams.configuring import ConfiguredInternalTopic, ConfiguredTopology, configure
from kafkalite.coordinators.groups.streams.topology import StreamsTopology
from kafkalite_wire.codec import decode
from kafkalite_wire.messages.create_topics import CreatableTopic
from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest

ANSWERS = Path(__file__).parent / "golden" / "streams_topologies.jsonl.gz"


@dataclass(frozen=True)
class Existing:
    name: str
    topic_id: bytes
    partitions: int


class Topics:
    def __init__(self, **partitions: int) -> None:
        self.topics = {name: Existing(name, name.encode(), count) for name, count in partitions.items()}
        self.topics_by_id = {topic.topic_id: topic for topic in self.topics.values()}


def answers(kind: str) -> Iterator[list[Any]]:
    with gzip.open(ANSWERS, "rt", encoding="utf-8") as lines:
        for line in lines:
            found, *rest = json.loads(line)
            if found == kind:
                yield rest


def sent(request: str) -> StreamsGroupHeartbeatRequest:
    return decode(StreamsGroupHeartbeatRequest, 0, bytes.fromhex(request))


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
        configured = configure(StreamsTopology.from_heartbeat(topology), Topics(**topics))
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
    assert compared == {}


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
    assert len(refusals) == 0

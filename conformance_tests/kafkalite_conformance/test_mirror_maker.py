"""MirrorMaker 2 does its job: topics, records and committed offsets go from each of two brokers to the other."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kafkalite_conformance.drivers.events import Acknowledged, Consumed, Record, TopicPartition
from kafkalite_conformance.programs.connect import FLUSH_INTERVAL_MS, connect_jars
from kafkalite_conformance.programs.java_program import JavaProgram, write_properties
from kafkalite_conformance.reference_broker import class_path
from kafkalite_conformance.scenario import DriverPool, Scenario
from kafkalite_conformance.starters import starter_named

STARTING = 90.0
"""Seconds: it starts a worker of Kafka Connect for each direction."""

RETENTION_MS = "400000000000"
"""Longer than the records are old."""

ROUND = 20
"""Records of each partition that are written, and read by a group, before MirrorMaker starts and once it runs."""


@pytest.fixture
def other_scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Scenario]:
    """Run a scenario on a broker of the other kind, Apache Kafka beside kafkalite and the other way round."""
    kind = "kafka" if request.config.getoption("--broker") == "kafkalite" else "kafkalite"
    broker = starter_named(kind).start(tmp_path / "other")
    pool = DriverPool(broker.bootstrap, spares=False)
    scene = Scenario(pool)
    yield scene
    scene.clear()
    pool.close()
    broker.kill()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One of the two clusters, with a topic to mirror and a group that reads it."""

    name: str
    scenario: Scenario
    topic: str
    group: str

    @classmethod
    def create(cls, name: str, scenario: Scenario) -> "Cluster":
        """Create the topic, with two partitions."""
        topic = scenario.topic(2, retention_ms=RETENTION_MS)
        return cls(name=name, scenario=scenario, topic=topic, group=scenario.group())

    def write_and_read(self, number: int) -> None:
        """Write the records of a round, numbered from 1; let the group read and commit all records."""
        records = [
            Record(
                key=b"key %d" % each,
                value=b"%s %d" % (self.name.encode(), each),
                headers=(("number", b"%d" % each),),
                partition=each % 2,
                timestamp=1_700_000_000_000 + each,
            )
            for each in range((number - 1) * 2 * ROUND, number * 2 * ROUND)
        ]
        outcomes = self.scenario.setup_client.produce(self.topic, records)
        assert all(isinstance(outcome, Acknowledged) for outcome in outcomes), outcomes
        member = self.scenario.member("librdkafka", self.group, [self.topic])
        self.scenario.await_count(member, len(records))
        member.commit({TopicPartition(self.topic, partition): number * ROUND for partition in (0, 1)})
        member.call("leave")

    def await_mirrored(self, source: "Cluster", count: int, program: JavaProgram) -> None:
        """Wait until another cluster's records are here, and the offsets that its group has committed."""

        def committed() -> dict[TopicPartition, int]:
            program.assert_runs()
            return self.scenario.committed(source.group)

        topic = f"{source.name}.{source.topic}"
        expected = {TopicPartition(topic, partition): count for partition in (0, 1)}
        self.scenario.poll(lambda: committed() == expected, f"the offsets of {topic}", timeout=STARTING)
        for partition in (0, 1):
            original = source.scenario.reader("librdkafka", source.topic, partition=partition)
            mirror = self.scenario.reader("librdkafka", topic, partition=partition)
            source.scenario.await_count(original, count)
            self.scenario.await_count(mirror, count)
            assert [*map(content, mirror.records)] == [*map(content, original.records)]
        configs = self.scenario.setup_client.call("describe_configs", name=topic).mapping("configs")
        assert configs["retention.ms"] == RETENTION_MS


def content(record: Consumed) -> tuple[object, ...]:
    """Return what of a record is mirrored."""
    return record.offset, record.timestamp, record.key, record.value, record.headers


def mirror_settings(one: Cluster, other: Cluster) -> dict[str, str]:
    """Return the settings of MirrorMaker for both directions."""
    settings = {
        "clusters": f"{one.name}, {other.name}",
        "replication.factor": "1",
        "checkpoints.topic.replication.factor": "1",
        "heartbeats.topic.replication.factor": "1",
        "offset-syncs.topic.replication.factor": "1",
        "config.storage.replication.factor": "1",
        "offset.storage.replication.factor": "1",
        "status.storage.replication.factor": "1",
        "offset.storage.partitions": "1",
        "status.storage.partitions": "1",
        "plugin.discovery": "service_load",
        "refresh.topics.interval.seconds": "1",
        "refresh.groups.interval.seconds": "1",
        "sync.topic.acls.interval.seconds": "1",
        "sync.topic.configs.interval.seconds": "1",
        "emit.checkpoints.interval.seconds": "1",
        "emit.heartbeats.enabled": "false",
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": "1",
        # The position of each record is written down, so that the last one can be translated.
        "offset.lag.max": "0",
    }
    for source, target in ((one, other), (other, one)):
        flow = f"{source.name}->{target.name}"
        settings[f"{source.name}.bootstrap.servers"] = source.scenario.bootstrap
        settings[f"{flow}.enabled"] = "true"
        settings[f"{source.name}.plugin.discovery"] = "service_load"
        # Positions that could not be written down at once follow with the next flush.
        settings[f"{source.name}.offset.flush.interval.ms"] = str(FLUSH_INTERVAL_MS)
        settings[f"{flow}.topics"] = source.topic
        settings[f"{flow}.groups"] = source.group
    return settings


@pytest.mark.once
@pytest.mark.apis(8, 9, 19, 29, 32, 44)
def test_mirror_maker_mirrors_records_and_offsets_both_ways(
    scenario: Scenario, other_scenario: Scenario, tmp_path: Path
) -> None:
    """Records with keys, headers and timestamps; settings of topics; committed offsets. No error is logged."""
    here, there = Cluster.create("here", scenario), Cluster.create("there", other_scenario)
    for cluster in (here, there):
        cluster.write_and_read(1)
    settings = write_properties(tmp_path / "mirror.properties", mirror_settings(here, there))
    with JavaProgram(
        "org.apache.kafka.connect.mirror.MirrorMaker", class_path(connect_jars()), [settings], tmp_path / "output.txt"
    ) as program:
        there.await_mirrored(here, ROUND, program)
        here.await_mirrored(there, ROUND, program)
        for cluster in (here, there):
            cluster.write_and_read(2)
        there.await_mirrored(here, 2 * ROUND, program)
        here.await_mirrored(there, 2 * ROUND, program)
    assert " ERROR " not in program.output, program.output

"""MirrorMaker 2 does its job: topics, records and committed offsets go from each of two brokers to the other."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kafkalite_conformance.drivers.events import Acknowledged, Consumed, Record, TopicPartition
from kafkalite_conformance.programs.connect import connect_jars
from kafkalite_conformance.programs.java_program import JavaProgram, write_properties
from kafkalite_conformance.reference_broker import class_path
from kafkalite_conformance.scenario import DriverPool, Scenario
from kafkalite_conformance.starters import starter_named

STARTING = 90.0
"""Seconds: it starts a worker of Kafka Connect for each direction."""

RETENTION_MS = "400000000000"
"""Longer than the records are old."""

RECORDS = 20
CONSUMED = 12


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
    """One of the two clusters, with a topic to mirror, and a group that has read a part of it."""

    name: str
    scenario: Scenario
    topic: str
    group: str

    @classmethod
    def filled(cls, name: str, scenario: Scenario) -> "Cluster":
        """Fill a topic of a cluster with records, and let a group read some of them."""
        topic, group = scenario.topic(2, retention_ms=RETENTION_MS), scenario.group()
        records = [
            Record(
                key=b"key %d" % number,
                value=b"%s %d" % (name.encode(), number),
                headers=(("number", b"%d" % number),),
                partition=number % 2,
                timestamp=1_700_000_000_000 + number,
            )
            for number in range(2 * RECORDS)
        ]
        outcomes = scenario.setup_client.produce(topic, records)
        assert all(isinstance(outcome, Acknowledged) for outcome in outcomes), outcomes
        member = scenario.member("librdkafka", group, [topic])
        scenario.await_count(member, len(records))
        member.commit({TopicPartition(topic, 0): RECORDS, TopicPartition(topic, 1): CONSUMED})
        member.call("leave")
        return cls(name=name, scenario=scenario, topic=topic, group=group)

    def await_offsets(self, program: JavaProgram, group: str, topic: str) -> None:
        """Wait until a group of the other cluster has committed offsets here."""

        def committed() -> bool:
            program.assert_runs()
            offsets = self.scenario.committed(group)
            whole, part = (offsets.get(TopicPartition(topic, partition), 0) for partition in (0, 1))
            # MirrorMaker keeps the positions of some records only, and translates to the last one before.
            assert whole <= RECORDS, offsets
            assert part <= CONSUMED, offsets
            return whole == RECORDS and part > 0

        self.scenario.poll(committed, f"the offsets of {group} in {topic}", timeout=STARTING)


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
        "emit.heartbeats.interval.seconds": "1",
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
        settings[f"{flow}.topics"] = source.topic
        settings[f"{flow}.groups"] = source.group
    return settings


@pytest.mark.apis(8, 9, 19, 29, 32, 44)
def test_mirror_maker_mirrors_records_and_offsets_both_ways(
    scenario: Scenario, other_scenario: Scenario, tmp_path: Path
) -> None:
    """Records with keys, headers and timestamps; settings of topics; committed offsets. No error is logged."""
    here, there = Cluster.filled("here", scenario), Cluster.filled("there", other_scenario)
    settings = write_properties(tmp_path / "mirror.properties", mirror_settings(here, there))
    with JavaProgram(
        "org.apache.kafka.connect.mirror.MirrorMaker", class_path(connect_jars()), [settings], tmp_path / "output.txt"
    ) as program:
        for source, target in ((here, there), (there, here)):
            mirrored = f"{source.name}.{source.topic}"
            target.await_offsets(program, source.group, mirrored)
            for partition in (0, 1):
                original = source.scenario.reader("librdkafka", source.topic, partition=partition)
                mirror = target.scenario.reader("librdkafka", mirrored, partition=partition)
                source.scenario.await_count(original, RECORDS)
                target.scenario.await_count(mirror, RECORDS)
                assert [*map(content, mirror.records)] == [*map(content, original.records)]
            configs = target.scenario.setup_client.call("describe_configs", name=mirrored).mapping("configs")
            assert configs["retention.ms"] == RETENTION_MS
        program.terminate()
    assert " ERROR " not in program.output, program.output

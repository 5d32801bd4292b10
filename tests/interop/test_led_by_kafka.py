"""A directory that Apache Kafka has led over several starts is served to every client, and Kafka takes it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kafkalite_conformance.drivers.events import Record, Sendable, TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.scenario import DriverPool, Scenario, is_available
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker
from tests.support.reference_kafka import java, kafka_libs
from tests.support.requests import LATEST
from tests.support.toolchains import missing

CLIENTS = ("java", "librdkafka", "kafka-python", "franz-go")
KAFKA_SETTINGS = {
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.num.partitions": "2",
    "auto.create.topics.enable": "false",
}
SETTINGS = ("offsets.topic.num.partitions=2", "auto.create.topics.enable=false", "log.cleaner.backoff.ms=100")
STARTS = 3
STOPPED_BY_SIGTERM = 143  # what a JVM returns


def test_a_directory_that_kafka_led_is_served_to_every_client(tmp_path: Path) -> None:
    java()
    kafka_libs()
    for name in CLIENTS:
        reason = is_available(name)
        if reason is not None:
            missing(reason)
    events: list[bytes] = []
    committed: list[bytes] = []

    with start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka:
        for start in range(STARTS):
            if start:
                assert kafka.stop() == STOPPED_BY_SIGTERM
                kafka.start_again()
            with playing(kafka.bootstrap) as scenario:
                if not start:
                    create_topics(scenario)
                for topic in ("events", "table", "ledger"):
                    scenario.await_partitions(topic, 1)
                events += produce(scenario, "librdkafka", f"start {start}")
                write_table(scenario, start)
                for outcome in ("commit", "abort"):
                    value = f"{outcome} {start}".encode()
                    scenario.admin("java").call(
                        "transaction",
                        topic="ledger",
                        records=[Record(value=value).as_json()],
                        outcome=outcome,
                        transactional_id="accountant",
                    )
                    committed += [value] if outcome == "commit" else []
                position = len(events) - 1
                # Creates the offsets topic. Not with librdkafka, which has crashed while that topic was being created.
                scenario.admin("java").attempt("committed", name="crew")
                commit(scenario, position)
        assert kafka.stop() == STOPPED_BY_SIGTERM

    broker = KillableBroker(tmp_path / "logs", SETTINGS)
    broker.launch()
    try:
        broker.await_ready()
        with BlockingClient(broker.port) as client, playing(f"127.0.0.1:{broker.port}") as scenario:
            assert leader_epoch(client, "events") >= STARTS - 1
            assert scenario.committed("crew") == {TopicPartition("events", 0): position}
            check_read(scenario, events, committed, CLIENTS)
            for name in CLIENTS:
                member = scenario.member(name, "crew", ["events"])
                scenario.await_values(member, events[position:])
                events += (more := produce(scenario, name, name))
                scenario.await_values(member, events[position:])
                position += len(member.values) - 1
                member.commit({TopicPartition("events", 0): position})
                member.call("leave")
                assert more
            compaction_goes_on(scenario, client)
        assert broker.stop() == 0
    except BaseException:
        broker.kill()
        raise

    with (
        start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka,
        playing(kafka.bootstrap) as scenario,
    ):
        for topic in ("events", "table", "ledger"):
            scenario.await_partitions(topic, 1)
        check_read(scenario, events, committed, ("java",))
        assert scenario.committed("crew") == {TopicPartition("events", 0): position}
        produce(scenario, "java", "back")


@contextmanager
def playing(bootstrap: str) -> Iterator[Scenario]:
    """Run clients against a broker."""
    pool = DriverPool(bootstrap, spares=False)
    scenario = Scenario(pool)
    try:
        yield scenario
    finally:
        scenario.clear()
        pool.close()


def create_topics(scenario: Scenario) -> None:
    compacted = {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}
    for name, configs in (("events", {}), ("ledger", {}), ("table", compacted)):
        scenario.setup_client.call("create_topic", name=name, partitions=1, configs=configs)


def produce(scenario: Scenario, client: str, prefix: str) -> list[bytes]:
    values = [f"{prefix}: {number}".encode() for number in range(5)]
    outcomes = scenario.admin(client).produce("events", [Record(value=value, partition=0) for value in values])
    assert len(outcomes) == len(values)
    return values


def write_table(scenario: Scenario, number: int) -> None:
    records = [Record(key=b"k%d" % key, value=b"%d" % number) for key in range(3)]
    scenario.setup_client.produce("table", records)


def commit(scenario: Scenario, position: int) -> None:
    """Commit as a member of the group, which leaves afterwards."""
    member = scenario.member("librdkafka", "crew", ["events"])
    member.wait_until(lambda: member.owned, "an assignment")
    member.commit({TopicPartition("events", 0): position})
    member.call("leave")


def leader_epoch(client: BlockingClient, topic: str) -> int:
    [found] = [each for each in calls.metadata(client).topics if each.name == topic]
    epoch: int = found.partitions[0].leader_epoch
    return epoch


def check_read(scenario: Scenario, events: list[bytes], committed: list[bytes], clients: Sequence[str]) -> None:
    """Each client reads every record."""
    readers = [scenario.driver(client) for client in clients]
    rows: list[Sendable] = [
        {"topic": topic, "partition": 0, "start": "earliest", "at": None} for topic in ("events", "ledger", "table")
    ]
    for reader in readers:
        reader.send("assign", partitions=rows, isolation="read_committed")
    for reader in readers:

        def has_read_all(reader: DriverProcess = reader) -> bool:
            return (
                len(values(reader, "events")) >= len(events)
                and len(values(reader, "ledger")) >= len(committed)
                and {record.key for record in reader.records if record.topic == "table"} >= {b"k0", b"k1", b"k2"}
            )

        reader.wait_until(has_read_all, "all records")
        assert values(reader, "events") == events
        assert values(reader, "ledger") == committed


def values(reader: DriverProcess, topic: str) -> list[bytes | None]:
    return [record.value for record in reader.records if record.topic == topic]


def compaction_goes_on(scenario: Scenario, client: BlockingClient) -> None:
    """What was written before the last value of a key is removed."""
    write_table(scenario, 98)
    end = calls.offsets(client, "table", (0,), LATEST)[0]

    def is_compacted() -> bool:
        write_table(scenario, 99)  # rolls the segment when its time is over
        records = calls.fetch(client, "table", 0, 0).records
        assert isinstance(records, bytes | memoryview)
        return int.from_bytes(records[:8]) >= end - 3

    scenario.poll(is_compacted, "compaction")

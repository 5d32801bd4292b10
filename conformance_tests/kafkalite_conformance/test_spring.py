"""Spring for Apache Kafka does its job: topics by KafkaAdmin, transactions by a template and by a listener."""

from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.drivers.events import TopicPartition
from kafkalite_conformance.programs.java_program import JavaProgram, compiled
from kafkalite_conformance.reference_broker import KAFKA_VERSION, LOG4J, maven_jars
from kafkalite_conformance.scenario import Scenario

SPRING_VERSION: Final = "4.1.2"
STARTING = 60.0


@pytest.mark.apis(19, 22, 24, 25, 26, 28, 32, 37, 44)
def test_spring_copies_each_record_once_although_a_listener_fails(scenario: Scenario, tmp_path: Path) -> None:
    """What a template or a listener has rolled back is seen by no reader of committed records."""
    jars = maven_jars(
        f"spring-kafka-{SPRING_VERSION}",
        ("org.springframework.kafka", "spring-kafka", SPRING_VERSION),
        ("org.apache.kafka", "kafka-clients", KAFKA_VERSION),
        *LOG4J,
    )
    source, sink, group = scenario.name("topic"), scenario.name("topic"), scenario.group()
    arguments = (scenario.bootstrap, source, sink, group)
    with JavaProgram(
        "SpringTransactions", compiled("SpringTransactions", jars), arguments, tmp_path / "output.txt"
    ) as program:
        scenario.poll(lambda: program.has_printed("READY"), "the program's transactions", timeout=STARTING)
        reader = scenario.reader("librdkafka", sink, isolation="read_committed")
        scenario.await_values(reader, [b"APPLE", b"PEAR", b"PLUM"])
        # Two records and a marker, the aborted record and a marker, and the last record.
        scenario.poll(lambda: scenario.committed(group) == {TopicPartition(source, 0): 6}, "the committed offset")
        program.close()
    assert "ROLLED BACK" in program.output
    uncommitted = scenario.reader("librdkafka", sink)
    scenario.await_values(uncommitted, [b"APPLE", b"PEAR", b"PLUM", b"PLUM"])
    scenario.await_partitions(sink, 2)
    configs = scenario.setup_client.call("describe_configs", name=sink).mapping("configs")
    assert configs["retention.ms"] == "222222222"

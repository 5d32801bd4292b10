"""Consumers of the protocol of KIP-848 and of share groups through the proxy, in front of three brokers of Kafka.

Not in the suite, because three JVMs take a minute. Name the file to run it with pytest.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer

from kafkalite_conformance.clusters import running_cluster
from kafkalite_conformance.programs.java_program import JavaProgram, compiled
from kafkalite_conformance.proxied_broker import proxied_cluster
from kafkalite_conformance.reference_broker import kafka_jars

_TOPIC: Final = "kinds"
_RECORDS: Final = 30
_TIMEOUT: Final = 300.0


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the cluster and the proxy."""
    with (
        running_cluster("kafka") as cluster,
        proxied_cluster(cluster, tmp_path_factory.mktemp("proxy")) as proxied,
    ):
        yield proxied.addresses[1]


def test_java_reads_with_both_kinds_of_groups(bootstrap: str, tmp_path: Path) -> None:
    """What is released is delivered again, and what is accepted is not."""
    path = compiled("GroupKinds", kafka_jars())
    with JavaProgram("GroupKinds", path, (bootstrap, _TOPIC), tmp_path / "output.txt") as program:
        program.close(_TIMEOUT)
        lines = program.output.splitlines()
    expected = ["CONSUMED 30", "SHARED 30", "MEMBERS Consumer", "SHARES share", "OFFSETS 3", "DONE"]
    assert [line for line in lines if line in expected] == expected, program.output


def test_librdkafka_reads_with_the_consumer_protocol(bootstrap: str) -> None:
    """Two members share the partitions."""
    settings = {
        "bootstrap.servers": bootstrap, "group.id": "librdkafka", "group.protocol": "consumer",
        "auto.offset.reset": "earliest",
    }  # fmt: skip
    members = [Consumer(settings) for _ in range(2)]
    values: set[bytes | str | None] = set()
    for member in members:
        member.subscribe([_TOPIC])
    for _ in range(600):
        for member in members:
            values.update(each.value() for each in member.consume(10, 0.1) if each.error() is None)
        if len(values) == _RECORDS and all(member.assignment() for member in members):
            break
    assert len(values) == _RECORDS
    assert sum(len(member.assignment()) for member in members) == 3
    for member in members:
        member.close()

"""The handle on Apache Kafka itself: one start, and the tests of a user on it."""

from __future__ import annotations

from collections.abc import Iterator

import confluent_kafka
import pytest

from kafkalite.testing import TopicPartition, WaitTimeout, connect
from kafkalite_conformance import reference_broker
from tests.support.group_members import ConfluentMember
from tests.support.reference_kafka import java, kafka_libs

pytest_plugins = ["pytester"]

PATIENCE = 30
"""Kafka's members wait for their next heartbeat to hear of a rebalance."""


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    java()
    kafka_libs()
    flags = reference_broker.CONFORMANCE_JVM_FLAGS
    with reference_broker.start_kafka({"offsets.topic.num.partitions": "1"}, jvm_flags=flags) as running:
        yield running.bootstrap


def test_topics_records_and_refusals(kafka: str) -> None:
    with connect(kafka) as handle:
        handle.topics.create("orders", 2, {"retention.ms": "100000"})
        produced = handle.produce("orders", "a", "b", key="k", headers=[("h", b"1")])
        assert handle.records("orders") == handle.consume("orders", 2) == list(produced)
        assert sum(handle.topics["orders"].end_offsets) == 2
        with pytest.raises(ValueError, match="already exists"):
            handle.topics.create("orders")
        with pytest.raises(WaitTimeout, match="and there are 2"):
            handle.consume("orders", 3, timeout=0.2)
    with connect(kafka) as handle:
        assert "orders" not in handle.topics, "what a test has created goes with it"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_groups_are_awaited(kafka: str, protocol: str) -> None:
    with connect(kafka) as handle:
        handle.topics.create("clicks", 3)
        handle.produce("clicks", "x", partition=1)
        members = [ConfluentMember(kafka, "readers", "clicks", name, protocol=protocol) for name in ("a", "b")]
        group = handle.await_stable("readers", members=2, timeout=PATIENCE)
        assert {owner.client_id for owner in group.owners.values()} == {"a", "b"}
        committed = handle.await_committed("readers", "clicks", timeout=PATIENCE).committed
        assert committed[TopicPartition("clicks", 1)].offset == 1
        for member in members:
            member.ask_to_stop()
        for member in members:
            member.join(PATIENCE)
        handle.groups.delete("readers")
        assert handle.groups["readers"].state == "Dead"


def test_the_plugin_runs_the_same_tests_on_kafka(kafka: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_orders_arrive(kafkalite, kafka_bootstrap):
            kafkalite.produce("purchases", "two apples", key="anna")
            (order,) = kafkalite.consume("purchases")
            assert order.text == "two apples"
            assert kafkalite.bootstrap == kafka_bootstrap
    """)
    outcome = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", f"--kafka-bootstrap={kafka}")
    outcome.assert_outcomes(passed=1)
    reader = confluent_kafka.Consumer({"bootstrap.servers": kafka, "group.id": "after"})
    assert "purchases" not in reader.list_topics(timeout=PATIENCE).topics
    reader.close()

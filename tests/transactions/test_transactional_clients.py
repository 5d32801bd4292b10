"""Transactions with a real client, on a broker in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkalite import testing
from kafkalite.controls.controls import Controls

WAIT = 10.0


@pytest.fixture
def broker() -> Iterator[Controls]:
    with testing.run() as running:
        yield running


def producer(broker: Controls, transactional_id: str = "tx", settings: Mapping[str, object] | None = None) -> Producer:
    made = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "transactional.id": transactional_id,
            "linger.ms": 0,
            **(settings or {}),
        }
    )
    made.init_transactions(WAIT)
    return made


def read(broker: Controls, topic: str, count: int, isolation: str = "read_committed") -> list[bytes | None]:
    """Read a number of records of partition 0 from its start."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader", "isolation.level": isolation})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        values: list[bytes | None] = []
        while len(values) < count:
            messages = consumer.consume(count - len(values), timeout=WAIT)
            assert messages, f"only {values} within {WAIT} s"
            for message in messages:
                assert message.error() is None
                values.append(message.value())
        return values
    finally:
        consumer.close()


def test_committed_records_are_read_and_aborted_ones_are_not(broker: Controls) -> None:
    broker.topics.create("orders")
    client = producer(broker)
    for value, commit in ((b"a", True), (b"b", False), (b"c", True)):
        client.begin_transaction()
        client.produce("orders", value, partition=0)
        client.flush(WAIT)
        if commit:
            client.commit_transaction(WAIT)
        else:
            client.abort_transaction(WAIT)
    assert read(broker, "orders", 2) == [b"a", b"c"]
    assert read(broker, "orders", 3, "read_uncommitted") == [b"a", b"b", b"c"]
    assert broker.transactions["tx"].state == "CompleteCommit"


def test_offsets_are_committed_with_the_transaction(broker: Controls) -> None:
    broker.topics.create("orders")
    broker.produce("orders", "a", "b", "c")
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "copier",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["orders"])
    try:
        assert len(consumer.consume(3, timeout=WAIT)) == 3
        client = producer(broker)
        for commit in (False, True):
            client.begin_transaction()
            client.produce("copies", b"copy", partition=0)
            client.send_offsets_to_transaction(
                [TopicPartition("orders", 0, 3)], consumer.consumer_group_metadata(), WAIT
            )
            if commit:
                client.commit_transaction(WAIT)
            else:
                client.abort_transaction(WAIT)
                assert not broker.groups.describe("copier").committed
    finally:
        consumer.close()
    committed = broker.groups.describe("copier").committed
    assert [each.offset for each in committed.values()] == [3]
    assert read(broker, "copies", 1) == [b"copy"]


def test_a_second_producer_fences_the_first(broker: Controls) -> None:
    from confluent_kafka import KafkaException

    broker.topics.create("orders")
    first = producer(broker)
    first.begin_transaction()
    first.produce("orders", b"lost", partition=0)
    first.flush(WAIT)
    second = producer(broker)
    second.begin_transaction()
    second.produce("orders", b"kept", partition=0)
    second.commit_transaction(WAIT)
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(WAIT)
    assert fenced.value.args[0].fatal()
    assert read(broker, "orders", 1) == [b"kept"]


def test_a_time_out_aborts_a_transaction(broker: Controls) -> None:
    broker.topics.create("orders")
    client = producer(broker, settings={"transaction.timeout.ms": 60_000})
    client.begin_transaction()
    client.produce("orders", b"late", partition=0)
    client.flush(WAIT)
    assert broker.transactions["tx"].state == "Ongoing"
    broker.clock.advance(60)
    assert broker.transactions["tx"].state == "CompleteAbort"
    broker.produce("orders", "next", partition=0)
    assert read(broker, "orders", 1) == [b"next"]


def test_markers_that_are_held_back_hide_a_committed_transaction(broker: Controls) -> None:
    broker.topics.create("orders")
    client = producer(broker)
    with broker.transactions.markers_held():
        client.begin_transaction()
        client.produce("orders", b"a", partition=0)
        client.commit_transaction(WAIT)
        assert broker.transactions["tx"].state == "PrepareCommit"
        assert read(broker, "orders", 1, "read_uncommitted") == [b"a"]
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
        end_of_stable_records = consumer.get_watermark_offsets(TopicPartition("orders", 0), WAIT)[1]
        assert end_of_stable_records == 0
        consumer.close()
    assert broker.transactions["tx"].state == "CompleteCommit"
    assert read(broker, "orders", 1) == [b"a"]

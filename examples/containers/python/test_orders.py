"""The broker in a container: pip install 'kafkalite[testcontainers]' confluent-kafka pytest."""

import pytest
from confluent_kafka import Consumer, Producer

from kafkalite.testing.container import KafkaliteContainer


@pytest.fixture(scope="session")
def kafka():
    with KafkaliteContainer().with_topics({"orders": 3}) as container:
        yield container.get_bootstrap_server()


def test_orders_arrive(kafka):
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce("orders", b"two apples")
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "billing", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    assert consumer.poll(10).value() == b"two apples"
    consumer.close()

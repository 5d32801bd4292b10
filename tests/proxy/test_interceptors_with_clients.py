"""Interceptors of a proxy, met by unmodified clients: confluent-kafka and kafka-python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from kafkalite.interceptors.checked_records import CheckedRecords
from kafkalite.interceptors.client_quotas import Quotas
from kafkalite.interceptors.denied_apis import DeniedApis
from kafkalite.interceptors.rate_limits import RateLimit
from kafkalite.interceptors.read_only import ReadOnly
from kafkalite.interceptors.renamed_topics import RenamedTopics
from kafkalite.interceptors.stamped_headers import StampedHeaders
from kafkalite.interceptors.tenant import Tenant
from kafkalite.testing import Handle, run, run_proxy

TIMEOUT = 20


@pytest.fixture(scope="module")
def broker() -> Iterator[Handle]:
    with run() as handle:
        yield handle


def deliver(bootstrap: str, topic: str, values: list[bytes], **settings: Any) -> list[KafkaError | None]:
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0, **settings})
    transactional = "transactional.id" in settings
    if transactional:
        producer.init_transactions(TIMEOUT)
        producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(TIMEOUT) == 0
    if transactional:
        producer.commit_transaction(TIMEOUT)
    return errors


def read(bootstrap: str, topic: str, group: str, count: int) -> list[tuple[Any, Any]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    messages = consumer.consume(count, TIMEOUT)
    assert not any(message.error() for message in messages)
    consumer.commit(asynchronous=False)
    consumer.close()
    return [(message.value(), message.headers() or []) for message in messages]


def code(raised: pytest.ExceptionInfo[KafkaException]) -> int:
    return int(raised.value.args[0].code())


@pytest.mark.parametrize(
    ("compression", "identity"),
    [
        ("none", {"transactional.id": "stamping"}),
        ("gzip", {}),
        ("snappy", {"enable.idempotence": True}),
        ("lz4", {}),
        ("zstd", {"transactional.id": "stamping"}),
    ],
)
def test_headers_are_stamped_for_all_kinds_of_producers(
    broker: Handle, compression: str, identity: dict[str, object]
) -> None:
    topic = broker.topics.create(f"stamped-{compression}").name
    with run_proxy(broker.bootstrap, interceptors=[StampedHeaders(headers={"of": "{client_id}"})]) as proxy:
        values = [b"apple" * 50, b"pear" * 50]
        settings = {"compression.type": compression, "client.id": "shop", **identity}
        assert deliver(proxy.bootstrap, topic, values, **settings) == [None, None]
    read_back = KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=1000 * TIMEOUT
    )
    found = [next(read_back) for _ in values]
    read_back.close()
    assert [(each.value, list(each.headers)) for each in found] == [(value, [("of", b"shop")]) for value in values]


def test_a_tenant_sees_its_own(broker: Handle) -> None:
    broker.topics.create("others", partitions=1)
    read_group = "readers"
    with run_proxy(broker.bootstrap, interceptors=[Tenant(prefix="a.")]) as proxy:
        admin = AdminClient({"bootstrap.servers": proxy.bootstrap})
        admin.create_topics([NewTopic("orders", 2, 1)])["orders"].result(TIMEOUT)
        values = [b"apple", b"pear"]
        assert deliver(proxy.bootstrap, "orders", values, **{"transactional.id": "pay"}) == [None, None]
        assert sorted(value for value, _ in read(proxy.bootstrap, "orders", read_group, 2)) == values
        assert set(admin.list_topics(timeout=TIMEOUT).topics) == {"orders"}
        other = KafkaAdminClient(bootstrap_servers=proxy.bootstrap)
        assert other.list_topics() == ["orders"]
        assert [group["group_id"] if isinstance(group, dict) else group[0] for group in other.list_groups()] == [
            "readers"
        ]
        other.close()
        with pytest.raises(KafkaException) as raised:
            admin.delete_topics(["others"])["others"].result(TIMEOUT)
        assert code(raised) == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert {"a.orders", "others"} <= set(broker.topics)
    assert list(broker.groups) == ["a.readers"]
    committed = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "a.readers"})
    assert (
        sum(max(0, each.offset) for each in committed.committed([TopicPartition("a.orders", n) for n in (0, 1)])) >= 2
    )
    committed.close()


def test_a_renamed_topic_is_written_and_read(broker: Handle) -> None:
    broker.topics.create("fruit.v2", partitions=1)
    with run_proxy(broker.bootstrap, interceptors=[RenamedTopics(topics={"fruit": "fruit.v2"})]) as proxy:
        producer = KafkaProducer(bootstrap_servers=proxy.bootstrap)
        assert producer.send("fruit", b"apple").get(TIMEOUT).topic == "fruit"
        producer.close()
        assert read(proxy.bootstrap, "fruit", "eaters", 1) == [(b"apple", [])]
    assert [record.value for record in broker.records("fruit.v2")] == [b"apple"]


def test_read_only_clients_read(broker: Handle) -> None:
    broker.produce("books", "one")
    with run_proxy(broker.bootstrap, interceptors=[ReadOnly()]) as proxy:
        assert read(proxy.bootstrap, "books", "library", 1) == [(b"one", [])]
        (error,) = deliver(proxy.bootstrap, "books", [b"two"])
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        admin = AdminClient({"bootstrap.servers": proxy.bootstrap})
        with pytest.raises(KafkaException) as raised:
            admin.create_topics([NewTopic("more", 1, 1)])["more"].result(TIMEOUT)
        assert code(raised) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_records_that_break_a_rule_are_refused_by_the_client_library(broker: Handle) -> None:
    with run_proxy(broker.bootstrap, interceptors=[CheckedRecords(json=True)]) as proxy:
        assert deliver(proxy.bootstrap, "checked", [b"{}"]) == [None]
        (error,) = deliver(proxy.bootstrap, "checked", [b"{"])
        assert error is not None
        assert error.code() == KafkaError.INVALID_RECORD
    assert [record.value for record in broker.records("checked")] == [b"{}"]


def test_a_denied_api_is_not_offered(broker: Handle) -> None:
    with run_proxy(broker.bootstrap, interceptors=[DeniedApis(apis=("DeleteTopics",))]) as proxy:
        admin = AdminClient({"bootstrap.servers": proxy.bootstrap})
        with pytest.raises(KafkaException) as raised:
            admin.delete_topics(["books"])["books"].result(TIMEOUT)
        assert code(raised) == KafkaError._UNSUPPORTED_FEATURE


def test_a_client_above_its_rate_is_slowed_down_and_loses_nothing(broker: Handle) -> None:
    topic = broker.topics.create("limited").name
    throttled: list[float] = []
    with run_proxy(broker.bootstrap, interceptors=[RateLimit(produced_bytes=20_000)]) as proxy:
        settings = {
            "bootstrap.servers": proxy.bootstrap,
            "throttle_cb": lambda event: throttled.append(event.throttle_time),
        }
        producer = Producer(settings)
        for _ in range(4):
            producer.produce(topic, b"x" * 12_000)
            assert producer.flush(TIMEOUT) == 0
    assert len(broker.records(topic)) == 4
    assert max(throttled) > 0


def test_a_client_above_its_quota_is_slowed_down_and_loses_nothing(broker: Handle) -> None:
    topic = broker.topics.create("quotas").name
    throttled: list[float] = []
    limit: dict[str, str | float] = {"client_id": "busy", "producer_byte_rate": 20_000.0}
    with run_proxy(broker.bootstrap, interceptors=[Quotas(limits=(limit,))]) as proxy:
        settings = {
            "bootstrap.servers": proxy.bootstrap,
            "client.id": "busy",
            "throttle_cb": lambda event: throttled.append(event.throttle_time),
        }
        producer = Producer(settings)
        for _ in range(3):
            producer.produce(topic, b"x" * 68_000)
            assert producer.flush(TIMEOUT) == 0
    assert len(broker.records(topic)) == 3
    assert max(throttled) > 0

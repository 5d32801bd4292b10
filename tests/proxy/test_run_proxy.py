"""`kafkalite.testing.run_proxy`: controls in front of any Kafka."""

import pytest
from confluent_kafka import Producer

from kafkalite.testing import Handle, run, run_proxy

TIMEOUT = 20


def deliver(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("orders", value)
    assert producer.flush(TIMEOUT) == 0


def test_a_fault_of_the_proxy_is_met_and_survived() -> None:
    with run() as cluster, run_proxy(cluster.bootstrap) as proxy:
        with proxy.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topic="orders", times=1) as fault:
            deliver(proxy.bootstrap, b"two apples")
            assert [fired.api for fired in fault.await_fired()] == ["Produce"]
        assert [record.value for record in cluster.records("orders")] == [b"two apples"]


def test_the_request_log_of_the_proxy_shows_what_clients_send() -> None:
    with run() as cluster, run_proxy(cluster.bootstrap) as proxy, proxy.requests.recording() as requests:
        deliver(proxy.bootstrap, b"two apples")
        produced = requests.await_request("Produce", topic="orders")
        assert produced.client_host == "127.0.0.1"
        assert {each.api for each in requests} >= {"ApiVersions", "Metadata", "Produce"}


def test_the_cluster_is_controlled_through_the_proxy() -> None:
    with run() as broker, run_proxy(broker.bootstrap) as proxy, proxy.cluster() as cluster:
        assert isinstance(cluster, Handle)
        cluster.produce("orders", "two apples")
        assert [record.text for record in broker.consume("orders")] == ["two apples"]


def test_the_cluster_need_not_run() -> None:
    with run() as gone:
        address = gone.bootstrap
    with run_proxy(address) as proxy:
        producer = Producer({"bootstrap.servers": proxy.bootstrap, "log_level": 0})
        producer.produce("orders", b"waits")
        assert producer.flush(0.5) == 1


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="HOST:PORT"), run_proxy("kafka"):
        pass


def test_clients_follow_the_leaders_of_a_cluster() -> None:
    with run(brokers=3, topics={"orders": 6}) as cluster, run_proxy(cluster.bootstrap) as proxy:
        producer = Producer({"bootstrap.servers": proxy.bootstrap, "enable.idempotence": True, "linger.ms": 0})
        for stopped in (1, 2, 3):
            for number in range(60):
                producer.produce("orders", f"{stopped}-{number}", partition=number % 6)
            producer.poll(0)
            cluster.brokers[stopped].stop()
            for number in range(60, 120):
                producer.produce("orders", f"{stopped}-{number}", partition=number % 6)
            assert producer.flush(TIMEOUT) == 0
            cluster.brokers[stopped].start()
        values = [record.text for record in cluster.records("orders")]
        assert sorted(values) == sorted(f"{stopped}-{number}" for stopped in (1, 2, 3) for number in range(120))

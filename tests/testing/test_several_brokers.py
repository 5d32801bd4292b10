"""Several brokers in one process: clients go on while one of them is stopped, killed and started again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from kafkalite.config import ConfigError, load
from kafkalite.testing import Handle, NotFound, connect, run
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.support.blocking_client import BlockingClient
from tests.support.remote_broker import broker_elsewhere


@pytest.fixture
def cluster() -> Iterator[Handle]:
    with run(brokers=3) as handle:
        yield handle


def admin(handle: Handle) -> AdminClient:
    return AdminClient({"bootstrap.servers": handle.bootstrap})


def described(handle: Handle, topic: str) -> dict[int, tuple[int, list[int], list[int]]]:
    partitions = admin(handle).list_topics(topic, timeout=10).topics[topic].partitions
    return {index: (each.leader, each.replicas, each.isrs) for index, each in partitions.items()}


def test_leaders_are_spread_and_move_when_a_broker_stops(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    assert described(cluster, "orders") == {
        0: (1, [1, 2, 3], [1, 2, 3]),
        1: (2, [2, 3, 1], [2, 3, 1]),
        2: (3, [3, 1, 2], [3, 1, 2]),
    }
    cluster.brokers[2].stop()
    assert described(cluster, "orders")[1] == (3, [2, 3, 1], [3, 1])
    cluster.brokers[2].start()
    assert described(cluster, "orders")[1] == (3, [2, 3, 1], [1, 2, 3])
    cluster.brokers.elect_preferred_leaders()
    assert described(cluster, "orders")[1] == (2, [2, 3, 1], [1, 2, 3])


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_is_down_refuses_connections(cluster: Handle, how: str) -> None:
    broker = cluster.brokers[2]
    host, _, port = broker.bootstrap.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connected:
        getattr(broker, how)()
        assert connected.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=10)
    broker.start()
    socket.create_connection((host, int(port)), timeout=10).close()


def test_a_partition_without_a_replica_that_is_up_comes_back_with_its_records(cluster: Handle) -> None:
    cluster.topics.create("alone", 1, replication_factor=1)
    (leader,) = [view.id for view in cluster.brokers.all() if view.leads]
    cluster.produce("alone", "kept")
    cluster.brokers[leader].kill()
    partition = admin(cluster).list_topics("alone", timeout=10).topics["alone"].partitions[0]
    assert partition.leader == -1
    assert partition.error is not None
    assert partition.error.code() == KafkaError.LEADER_NOT_AVAILABLE
    cluster.brokers[leader].start()
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["alone"])
    message = consumer.poll(30)
    assert message is not None
    assert message.value() == b"kept"
    consumer.close()


def test_a_fault_and_the_request_log_select_one_broker(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    with cluster.requests.recording() as log, cluster.faults.error("Produce", "KAFKA_STORAGE_ERROR", broker=2) as fault:
        producer = Producer({"bootstrap.servers": cluster.bootstrap, "retries": 0})
        errors: dict[int | None, KafkaError | None] = {}

        def told(error: KafkaError | None, message: Message) -> None:
            errors[message.partition()] = error

        for partition in range(3):
            producer.produce("orders", b"v", partition=partition, on_delivery=told)
        producer.flush(30)
    assert fault.fired
    refused = errors.pop(1)
    assert refused is not None
    assert refused.code() == KafkaError.KAFKA_STORAGE_ERROR
    assert errors == {0: None, 2: None}
    assert {each.broker for each in log.find("Produce")} == {1, 2, 3}
    assert {each.broker for each in log.find("Produce", error="KAFKA_STORAGE_ERROR")} == {2}
    assert [each.api for each in log.find("Produce", broker=3)] == ["Produce"]


def test_an_idempotent_producer_and_a_group_ride_through(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, "linger.ms": 0})
    consumer = Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "g", "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe(["orders"])
    read: list[bytes] = []

    def pass_on(first: int) -> None:
        for number in range(first, first + 10):
            producer.produce("orders", str(number).encode(), partition=number % 3)
        assert producer.flush(30) == 0
        while len(read) < first + 10:
            message = consumer.poll(30)
            assert message is not None
            if not message.error():
                read.append(message.value() or b"")
        consumer.commit(asynchronous=False)

    pass_on(0)
    for round_, broker in enumerate((1, 2, 3), 1):
        cluster.brokers[broker].kill() if broker == 2 else cluster.brokers[broker].stop()
        pass_on(round_ * 20 - 10)
        cluster.brokers[broker].start()
        pass_on(round_ * 20)
    consumer.close()
    assert sorted(map(int, read)) == list(range(70))


def test_a_transaction_is_committed_by_another_coordinator(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": "till"})
    producer.init_transactions(30)
    for number, broker in enumerate((1, 2, 3)):
        producer.begin_transaction()
        for partition in range(3):
            producer.produce("orders", str(number).encode(), partition=partition)
        producer.flush(30)
        cluster.brokers[broker].stop()
        producer.commit_transaction(30)
        cluster.brokers[broker].start()
    assert cluster.transactions["till"].state == "CompleteCommit"
    assert sorted(record.value or b"" for record in cluster.records("orders")) == sorted([b"0", b"1", b"2"] * 3)


def test_writes_to_all_replicas_need_enough_of_them(cluster: Handle) -> None:
    cluster.topics.create("safe", 1, {"min.insync.replicas": 2})
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "message.timeout.ms": 1500, "retry.backoff.ms": 50})
    outcomes: list[KafkaError | None] = []
    cluster.brokers[3].stop()
    producer.produce("safe", b"two", on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(30)
    cluster.brokers[2].stop()
    producer.produce("safe", b"one", on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(30)
    assert outcomes[0] is None
    assert outcomes[1] is not None
    assert [record.value for record in cluster.records("safe")] == [b"two"]


def test_a_killed_broker_leads_until_its_session_ends() -> None:
    with run({"broker.session.timeout.ms": 9000}, brokers=3) as handle:
        handle.topics.create("orders", 3)
        with handle.clock.frozen():
            handle.brokers[2].kill()
            assert [view.leads for view in handle.brokers.all()] == [1, 1, 1]
            handle.clock.advance(9)
            assert [view.leads for view in handle.brokers.all()] == [1, 0, 2]


def test_no_session_ends_while_nobody_coordinates_the_group() -> None:
    with run({"broker.session.timeout.ms": 9000, "group.min.session.timeout.ms": 1000}, brokers=3) as handle:
        with BlockingClient(int(handle.brokers[1].bootstrap.rpartition(":")[2])) as client:
            found = client.call(FindCoordinatorRequest(key_type=0, coordinator_keys=("g",)), 4).coordinators[0]
        with BlockingClient(found.port) as client:
            protocol = JoinGroupRequestProtocol(name="range", metadata=b"")
            joining = JoinGroupRequest(
                group_id="g",
                session_timeout_ms=6000,
                rebalance_timeout_ms=6000,
                member_id="",
                protocol_type="consumer",
                protocols=(protocol,),
            )
            member = client.call(joining, 3).member_id
            shared = SyncGroupRequestAssignment(member_id=member, assignment=b"")
            syncing = SyncGroupRequest(group_id="g", generation_id=1, member_id=member, assignments=(shared,))
            assert client.call(syncing, 3).error_code == 0
            with handle.clock.frozen():
                handle.brokers[found.node_id].kill()
                handle.clock.advance(8)
                assert len(handle.groups["g"].members) == 1
                handle.clock.advance(6)  # another coordinator since five seconds
                assert len(handle.groups["g"].members) == 1
                handle.clock.advance(2)
                assert not handle.groups["g"].members


def test_preferred_leaders_return_by_themselves(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    cluster.brokers[2].stop()
    cluster.brokers[2].start()
    assert [view.leads for view in cluster.brokers.all()] == [1, 0, 2]
    cluster.clock.advance(300)
    assert [view.leads for view in cluster.brokers.all()] == [1, 1, 1]


def test_more_replicas_than_brokers_are_refused(cluster: Handle) -> None:
    with pytest.raises(ValueError, match="only 3 broker"):
        cluster.topics.create("wide", 1, replication_factor=4)
    client = admin(cluster)
    (future,) = client.create_topics([NewTopic("wide", 1, 4)]).values()
    with pytest.raises(Exception, match="INVALID_REPLICATION_FACTOR"):
        future.result()


def test_a_directory_is_used_by_one_broker_and_by_three(tmp_path: Path) -> None:
    for brokers, expected in ((1, [1]), (3, [1]), (1, [1])):
        with run(brokers=brokers, data=tmp_path) as handle:
            if "old" not in handle.topics:
                handle.topics.create("old")
            handle.produce("old", f"of {brokers}")
            assert described(handle, "old")[0] == (1, expected, expected)
            if brokers == 3:
                handle.topics.create("new", 3)
                for partition in range(3):
                    handle.produce("new", "kept", partition=partition)
    with run(data=tmp_path) as handle:
        assert {leader for leader, _, _ in described(handle, "new").values()} == {1}
        assert [record.value for record in handle.records("new")] == [b"kept"] * 3
        assert len(handle.records("old")) == 3
    with run(brokers=3, data=tmp_path) as handle:
        assert {index: leader for index, (leader, _, _) in described(handle, "new").items()} == {0: 1, 1: 1, 2: 1}
        handle.brokers.elect_preferred_leaders()
        assert {index: leader for index, (leader, _, _) in described(handle, "new").items()} == {0: 1, 1: 2, 2: 3}


def test_a_snapshot_is_restored_while_a_broker_is_stopped(cluster: Handle) -> None:
    cluster.topics.create("orders", 3)
    snapshot = cluster.snapshots.take()
    cluster.produce("orders", "later")
    cluster.brokers[3].stop()
    cluster.snapshots.restore(snapshot)
    assert cluster.records("orders") == []
    assert described(cluster, "orders")[2] == (1, [3, 1, 2], [1, 2])
    cluster.reset()
    assert described(cluster, "orders")[2][0] == 3


def test_brokers_are_controlled_over_http() -> None:
    with broker_elsewhere(brokers=3) as (bootstrap, controls), connect(bootstrap, controls=controls) as handle:
        assert list(handle.brokers) == [1, 2, 3]
        handle.brokers[3].kill()
        assert [view.state for view in handle.brokers.all()] == ["up", "up", "killed"]
        handle.brokers[3].start()
        assert handle.brokers[3].state == "up"
        with pytest.raises(NotFound):
            handle.brokers.stop(4)
        with pytest.raises(KeyError):
            handle.brokers[4]


def test_each_broker_has_a_port_and_a_rack_of_its_own() -> None:
    config = load(listen=["127.0.0.1:9092"], brokers=3, settings=["broker.rack=a,b,c", "node.id=5"])
    third = config.of_broker(2)
    assert (third.node_id, third.listen[0].port, third.racks) == (7, 9094, ("c",))
    for settings, problem in ((["broker.rack=a,b"], "one for each"), (["listeners=:9092,A://:9093",
            "listener.security.protocol.map=A:PLAINTEXT,PLAINTEXT:PLAINTEXT"], "overlap")):  # fmt: skip
        with pytest.raises(ConfigError, match=problem):
            load(brokers=3, settings=settings)

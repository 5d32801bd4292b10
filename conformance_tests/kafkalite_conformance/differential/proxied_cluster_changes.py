"""A cluster of Kafka changes behind the proxy while a producer and a group work: each record arrives once.

All brokers are down when the proxy starts; then a leader moves, a broker with a new id joins and takes a partition
over, and all restart one after the other. Not in the suite, because four JVMs take minutes. Name the file to run it
with pytest.
"""

import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer

from kafkalite_conformance.clusters import CLUSTER_SETTINGS, KafkaCluster
from kafkalite_conformance.proxied_broker import proxied_cluster
from kafkalite_conformance.reference_broker import (
    CONFORMANCE_JVM_FLAGS,
    Kafka,
    class_data_archive,
    start_kafka_cluster,
)
from kafkalite_conformance.starters import KAFKA_SETTINGS
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.messages import alter_partition_reassignments as reassigning
from kafkalite_wire.messages import metadata as listing

_SETTINGS: Final = {**KAFKA_SETTINGS, **CLUSTER_SETTINGS, "num.partitions": "3"}
_TOPIC: Final = "changing"
_NEW: Final = 17
_PATIENCE: Final = 240.0


def _ask(bootstrap: str, request: object, version: int) -> Any:
    host, _, port = bootstrap.rpartition(":")
    client = ClientConnection("changes")
    with socket.create_connection((host, int(port)), timeout=60) as connected, connected.makefile("rb") as reader:
        connected.sendall(client.send(request, version))
        return client.receive_frame(reader.read(int.from_bytes(reader.read(4)))).message


def _leaders(bootstrap: str) -> dict[int, int]:
    topics = (listing.MetadataRequestTopic(name=_TOPIC),)
    answer = _ask(bootstrap, listing.MetadataRequest(topics=topics, allow_auto_topic_creation=False), 12)
    return {each.partition_index: each.leader_id for topic in answer.topics for each in topic.partitions}


def _reassign(bootstrap: str, partition: int, *replicas: int) -> None:
    wanted = reassigning.ReassignablePartition(partition_index=partition, replicas=replicas)
    topic = reassigning.ReassignableTopic(name=_TOPIC, partitions=(wanted,))
    answer = _ask(bootstrap, reassigning.AlterPartitionReassignmentsRequest(topics=(topic,), timeout_ms=60_000), 0)
    assert answer.error_code == 0
    assert [each.error_code for result in answer.responses for each in result.partitions] == [0]


class _Load:
    """An idempotent producer, and a group of two, in threads."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._ending = threading.Event()
        """Of the producer."""
        self._stopping = threading.Event()
        self.acknowledged: set[int] = set()
        self.failed: list[str] = []
        self.polled: set[int] = set()
        self._threads = [threading.Thread(target=self._produce), *(threading.Thread(target=self._poll) for _ in "12")]
        for thread in self._threads:
            thread.start()

    def _produce(self) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "enable.idempotence": True, "log_level": 0})

        def delivered(number: int, error: Any, _: object) -> None:
            self.failed.append(str(error)) if error is not None else self.acknowledged.add(number)

        number = 0
        while not self._ending.wait(0.002):
            try:
                producer.produce(_TOPIC, b"%d" % number, on_delivery=partial(delivered, number))
            except BufferError:  # the brokers are slow
                producer.poll(1)
                continue
            producer.poll(0)
            number += 1
        assert producer.flush(_PATIENCE) == 0

    def _poll(self) -> None:
        consumer = Consumer({
            "bootstrap.servers": self._bootstrap, "group.id": "group", "auto.offset.reset": "earliest", "log_level": 0,
            "topic.metadata.refresh.interval.ms": 1000,
        })  # fmt: skip
        consumer.subscribe([_TOPIC])
        while not self._stopping.is_set():
            self.polled.update(int(each.value() or 0) for each in consumer.consume(500, 0.5) if each.error() is None)
        consumer.close()

    def await_more(self) -> None:
        """Wait until what is acknowledged from now on has been polled."""
        before, until = max(self.acknowledged, default=-1), time.monotonic() + _PATIENCE
        while not any(number > before for number in self.polled.copy()):
            assert time.monotonic() < until, "no record arrives"
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop, with all records polled that were acknowledged."""
        self._ending.set()
        self._threads[0].join(_PATIENCE)
        _await(lambda: self.polled >= self.acknowledged, "records are missing")
        self._stopping.set()
        for thread in self._threads:
            thread.join(_PATIENCE)


def _read(bootstrap: str) -> list[int]:
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "reading", "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    })  # fmt: skip
    consumer.subscribe([_TOPIC])
    values: list[int] = []
    ended: set[int | None] = set()
    while len(ended) < 3:
        for each in consumer.consume(1000, 1):
            if each.error() is None:
                values.append(int(each.value() or 0))
            else:
                ended.add(each.partition())
    consumer.close()
    return values


def _await(condition: Any, what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def test_records_arrive_once_while_the_cluster_changes(tmp_path: Path) -> None:
    """Clients use the proxy only, and its address stays."""
    with start_kafka_cluster(3, _SETTINGS, voters=1) as nodes:
        cluster = KafkaCluster(nodes)
        for broker in (3, 2, 1):
            cluster.kill(broker)
        starting = threading.Timer(5, cluster.start, (1, 2, 3))
        starting.start()
        with proxied_cluster(cluster, tmp_path) as proxied:  # waits for the cluster
            starting.join()
            bootstrap = proxied.addresses[1]
            load = _Load(bootstrap)
            load.await_more()
            leader = _leaders(bootstrap)[0]
            others = [broker for broker in (1, 2, 3) if broker != leader]
            _reassign(bootstrap, 0, *others)
            _await(lambda: _leaders(bootstrap)[0] in others, "the leader does not move")
            load.await_more()

            joined = Kafka(
                _SETTINGS, CONFORMANCE_JVM_FLAGS, tmp_path / "joined",
                archive=class_data_archive(), node_id=_NEW, quorum=nodes[0].quorum,
            )  # fmt: skip
            try:
                joined.wait_until_ready()
                _reassign(bootstrap, 1, _NEW, 1)
                _await(lambda: _leaders(bootstrap)[1] in (_NEW, 1), "the new broker takes nothing over")
                load.await_more()
                for broker in (1, 2, 3):
                    cluster.stop(broker)
                    cluster.start(broker)
                    load.await_more()
                load.stop()
                values = _read(bootstrap)
            finally:
                joined.kill()
    assert not load.failed
    assert load.polled == load.acknowledged
    assert sorted(values) == sorted(load.acknowledged)

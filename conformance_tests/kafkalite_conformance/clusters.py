"""Clusters of several brokers, each of which can be stopped and started: of Apache Kafka, and of kafkalite."""

import socket
import tempfile
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from kafkalite_conformance.broker import Broker, free_port
from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import Kafka, start_kafka_cluster
from kafkalite_conformance.starters import COMMON_SETTINGS, KAFKA_SETTINGS
from kafkalite_wire.client import ClientConnection

CLUSTER_SETTINGS: Final[Mapping[str, str]] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "offsets.topic.num.partitions": "6",
    "transaction.state.log.num.partitions": "6",
    "broker.session.timeout.ms": "6000",
}
"""Of a cluster that works on, and loses nothing, while one broker of three is down."""
_LONGEST_START: Final = 300.0


class Cluster(Protocol):
    """Brokers that run, and a switch for each."""

    @property
    def addresses(self) -> Mapping[int, str]:
        """The address of each broker, `HOST:PORT`, by id."""
        ...

    @property
    def process(self) -> Broker | None:
        """The one process of all brokers, if it is one."""
        ...

    def stop(self, broker: int) -> None:
        """Stop a broker as an operator would."""
        ...

    def kill(self, broker: int) -> None:
        """End a broker as a crash would."""
        ...

    def start(self, *brokers: int) -> None:
        """Start brokers on the same data and the same ports, and wait until they are ready."""
        ...


def bootstrap_of(cluster: Cluster) -> str:
    """Return the addresses of all brokers, as clients want them."""
    return ",".join(cluster.addresses.values())


def ask(cluster: Cluster, broker: int, request: object, version: int) -> Any:
    """Return a broker's response to a request."""
    host, _, port = cluster.addresses[broker].partition(":")
    client = ClientConnection("cluster")
    with socket.create_connection((host, int(port)), timeout=30) as connected, connected.makefile("rb") as reader:
        connected.sendall(client.send(request, version))
        return client.receive_frame(reader.read(int.from_bytes(reader.read(4)))).message


class KafkaCluster:
    """Nodes of Apache Kafka, with ids from 1 on."""

    process = None

    def __init__(self, nodes: Sequence[Kafka]) -> None:
        self._nodes = dict(enumerate(nodes, 1))
        self.addresses: Final = {number: node.bootstrap for number, node in self._nodes.items()}

    def stop(self, broker: int) -> None:
        """End it with SIGTERM: it hands over what it leads."""
        self._nodes[broker].stop()

    def kill(self, broker: int) -> None:
        """End it with SIGKILL."""
        self._nodes[broker].kill()

    def start(self, *brokers: int) -> None:
        """Start them at once, because one of them may need the other as a controller; wait until they answer."""
        for broker in brokers:
            self._nodes[broker].spawn_again()
        for broker in brokers:
            self._nodes[broker].wait_until_ready(_LONGEST_START)


class KafkaliteCluster:
    """The brokers of one kafkalite, stopped and started through its controls."""

    def __init__(self, process: Kafkalite, brokers: int, controls: str) -> None:
        self.process: Broker | None = process
        self._controls = controls
        host, _, port = process.bootstrap.rpartition(":")
        self.addresses: Final = {number + 1: f"{host}:{int(port) + number}" for number in range(brokers)}

    def stop(self, broker: int) -> None:
        """Stop it."""
        self._control(broker, "stop")

    def kill(self, broker: int) -> None:
        """Cut it off."""
        self._control(broker, "kill")

    def start(self, *brokers: int) -> None:
        """Start them."""
        for broker in brokers:
            self._control(broker, "start")

    def _control(self, broker: int, what: str) -> None:
        headers = {"Content-Type": "application/json", "Host": "localhost"}
        url = f"http://{self._controls}/brokers/{broker}/{what}"
        request = urllib.request.Request(url, b"{}", headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


@contextmanager
def running_cluster(
    kind: str,
    properties: Mapping[str, str] = CLUSTER_SETTINGS,
    *,
    brokers: int = 3,
    racks: Sequence[str] = (),
    voters: int = 1,
) -> Generator[Cluster]:
    """Run a cluster of `kafka` or `kafkalite` until the block ends.

    `racks` is empty or one for each broker. The first `voters` nodes of Kafka are its controllers.
    """
    if kind == "kafka":
        with start_kafka_cluster(brokers, {**KAFKA_SETTINGS, **properties}, racks=racks, voters=voters) as nodes:
            yield KafkaCluster(nodes)
        return
    controls = f"127.0.0.1:{free_port()}"
    settings = {
        **COMMON_SETTINGS,
        # With controls it is on. Kafka answers a heartbeat at once, and sarama sends nothing else before.
        "kafkalite.group.heartbeat.hold.ms": "0",
        **properties,
        "kafkalite.brokers": str(brokers),
    }
    if racks:
        settings["broker.rack"] = ",".join(racks)
    with tempfile.TemporaryDirectory(prefix="kafkalite-cluster-", ignore_cleanup_errors=True) as folder:
        process = Kafkalite(Path(folder), settings, options=("--controls", controls))
        try:
            yield KafkaliteCluster(process, brokers, controls)
        finally:
            process.close()

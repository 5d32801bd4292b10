"""`kafkalite serve` with a configuration that was written for Kafka, used by Kafka's own command-line tools."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kafkalite.client.connection import open_connection
from kafkalite_conformance.broker import free_port
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from tests.config.test_listeners import SERVER_PROPERTIES
from tests.support.reference_kafka import java, kafka_tools_libs

WITHIN = 120  # seconds, on the busiest of machines


@contextmanager
def serving(*options: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    command = [sys.executable, "-m", "kafkalite", "serve", "--quiet", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert "is listening on" in process.stdout.readline()
            yield
        finally:
            process.terminate()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    text = SERVER_PROPERTIES.replace("9092", str(port)).replace("/tmp/kraft-combined-logs", str(tmp_path / "logs"))
    (tmp_path / "server.properties").write_text(text)
    with serving("--config", str(tmp_path / "server.properties")):
        yield port


def tool(name: str, *arguments: str, lines: str | None = None) -> str:
    command = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_tools_libs()}/*"]
    command += [f"org.apache.kafka.tools.{name}", *arguments]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tools_of_kafka_work_with_the_configuration_of_kafka(port: int) -> None:
    at = ["--bootstrap-server", f"localhost:{port}"]
    assert "Created topic orders." in tool("TopicCommand", *at, "--create", "--topic", "orders", "--partitions", "3")
    described = tool("TopicCommand", *at, "--describe", "--topic", "orders")
    assert re.search(r"PartitionCount: 3\s+ReplicationFactor: 1", described)
    tool("ConsoleProducer", *at, "--topic", "orders", lines="apples\npears\n")
    reading = ["--topic", "orders", "--from-beginning", "--max-messages", "2", "--group", "billing"]
    assert sorted(tool("consumer.ConsoleConsumer", *at, *reading).split()) == ["apples", "pears"]
    group = tool("consumer.group.ConsumerGroupCommand", *at, "--describe", "--group", "billing")
    assert sum(int(row[3]) for row in map(str.split, group.splitlines()) if row[:2] == ["billing", "orders"]) == 2


def test_each_listener_sends_its_clients_to_its_own_advertised_address(tmp_path: Path) -> None:
    inside, outside = free_port(), free_port()
    environment = {
        "KAFKA_LISTENERS": f"INTERNAL://127.0.0.1:{inside},EXTERNAL://127.0.0.1:{outside},CONTROLLER://127.0.0.1:1",
        "KAFKA_ADVERTISED_LISTENERS": f"INTERNAL://kafka.test:{inside},EXTERNAL://localhost:{outside}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
        "KAFKALITE_DATA": str(tmp_path / "data"),
    }
    with serving(environment=environment):
        for port, host in ((inside, "kafka.test"), (outside, "localhost")):
            with open_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
                (broker,) = connection.call(MetadataRequest(topics=()), 1, MetadataResponse).brokers
            assert (broker.host, broker.port) == (host, port)

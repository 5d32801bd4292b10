"""Unmodified clients through `kafkalite proxy`, in front of a broker that has TLS, logins, or neither."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer, KafkaProducer

from kafkalite.testing import run

TIMEOUT = 30
Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start proxies in front of a broker; give their addresses."""
    started: list[subprocess.Popen[str]] = []

    def start_proxy(upstream: str, *options: str) -> str:
        command = [sys.executable, "-m", "kafkalite", "proxy", "--upstream", upstream, "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(
            [*command, *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"proxy is listening on (\S+), for", line)
        assert found is not None, line
        return found.group(1)

    yield start_proxy
    for process in started:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert "Traceback" not in errors


def librdkafka_copies_in_a_transaction(settings: dict[str, Any]) -> None:
    """Produce, consume as a group, and copy in a transaction."""
    producer = Producer({**settings, "enable.idempotence": True, "transactional.id": "copier"})
    producer.init_transactions(TIMEOUT)
    consumer = Consumer({**settings, "group.id": "copiers", "auto.offset.reset": "earliest"})
    consumer.subscribe(["source"])
    producer.begin_transaction()
    producer.produce("source", b"x" * 200_000)
    producer.commit_transaction(TIMEOUT)
    (record,) = consumer.consume(1, TIMEOUT)
    producer.begin_transaction()
    producer.produce("sink", record.value())
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), TIMEOUT)
    producer.commit_transaction(TIMEOUT)
    assert [each.offset for each in consumer.committed(consumer.assignment(), TIMEOUT)] == [
        each.offset for each in positions
    ]
    consumer.close()


def test_a_transaction_with_a_group_goes_through(start: Start) -> None:
    with run() as broker:
        address = start(broker.bootstrap)
        librdkafka_copies_in_a_transaction({"bootstrap.servers": address})
        assert [len(record.value or b"") for record in broker.records("sink")] == [200_000]


def test_kafka_python_goes_through(start: Start) -> None:
    with run() as broker:
        address = start(broker.bootstrap)
        producer = KafkaProducer(bootstrap_servers=address)
        producer.send("t", b"hello").get(TIMEOUT)
        producer.close()
        consumer = KafkaConsumer("t", bootstrap_servers=address, group_id="g", auto_offset_reset="earliest")
        assert next(consumer).value == b"hello"
        consumer.close()


def test_the_clients_login_is_passed_through(start: Start) -> None:
    with run(security="sasl_plaintext") as broker:
        settings = broker.client_config("confluent", mechanism="SCRAM-SHA-256")
        librdkafka_copies_in_a_transaction({**settings, "bootstrap.servers": start(broker.bootstrap)})


def test_tls_to_the_cluster_and_none_to_the_client(start: Start, tmp_path: Path) -> None:
    with run(security="ssl") as broker:
        authority = tmp_path / "authority.pem"
        authority.write_text(broker.client_config("confluent")["ssl.ca.pem"])
        librdkafka_copies_in_a_transaction(
            {"bootstrap.servers": start(broker.bootstrap, "--upstream-ca", str(authority))}
        )


def test_a_cluster_of_another_authority_is_refused(start: Start) -> None:
    with run(security="ssl") as broker:
        producer = Producer({"bootstrap.servers": start(broker.bootstrap, "--upstream-tls"), "log_level": 0})
        producer.produce("t", b"secret")
        assert producer.flush(1) == 1


def test_faults_and_the_request_log_of_the_command(start: Start, tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text('[[fault]]\napi = "Produce"\ntopic = "t"\nerror = "NOT_LEADER_OR_FOLLOWER"\ntimes = 1\n')
    with run() as broker:
        address = start(broker.bootstrap, "--faults", str(faults), "--request-log", "requests.jsonl")
        producer = Producer({"bootstrap.servers": address})
        producer.produce("t", b"v")
        assert producer.flush(TIMEOUT) == 0
        assert [record.value for record in broker.records("t")] == [b"v"]
    logged = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    produced = [[error["error"] for error in each["errors"]] for each in logged if each["api"] == "Produce"]
    assert produced == [["NOT_LEADER_OR_FOLLOWER"], []]
    assert {"127.0.0.1"} == {each["client_host"] for each in logged}

"""The commands against Apache Kafka itself: one start, and everything that differs from our own broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, Producer
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kafkalite.tools.cli.commands import kafkalite
from kafkalite_conformance import reference_broker
from kafkalite_conformance.broker import free_port
from tests.support.reference_kafka import java, kafka_libs

WITHIN = 60  # seconds, on the busiest of machines
PATIENTLY = ("--json", "--timeout", str(WITHIN))


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """One broker with three listeners."""

    plain: str
    login: str
    secure: str
    authority: Path


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    java()
    kafka_libs()
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "keystore.pem").write_bytes(pem + b"".join(part.bytes() for part in certificate.cert_chain_pems))
    ports = [free_port() for _ in range(4)]
    addresses = [f"127.0.0.1:{port}" for port in ports]
    named = f"PLAINTEXT://{addresses[0]},SASL_PLAINTEXT://{addresses[2]},SSL://{addresses[3]}"
    properties = {
        "listeners": f"{named},CONTROLLER://{addresses[1]}",
        "advertised.listeners": named,
        "listener.security.protocol.map": (
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL"
        ),
        "offsets.topic.num.partitions": "1",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";'
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "keystore.pem"),
    }
    with pytest.MonkeyPatch.context() as patch:
        # The starter picks the ports of the first two listeners itself.
        patch.setattr(reference_broker, "free_port", iter(ports).__next__)
        with reference_broker.start_kafka(properties, jvm_flags=reference_broker.CONFORMANCE_JVM_FLAGS) as running:
            assert running.bootstrap == addresses[0]
            yield Kafka(plain=addresses[0], login=addresses[2], secure=addresses[3], authority=folder / "authority.pem")


@pytest.fixture
def kafka(listeners: Kafka) -> str:
    return listeners.plain


@pytest.fixture
def run(kafka: str) -> Callable[..., Result]:
    def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
        environment = {"KAFKALITE_BOOTSTRAP": kafka}
        return CliRunner().invoke(kafkalite, arguments, env=environment, input=input, catch_exceptions=False)

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_first_question_about_a_group_waits_for_the_topic_of_offsets(run: Callable[..., Result]) -> None:
    assert run("topics", "create", "early", "-p", "2").exit_code == 0
    assert run("groups", "reset", "first", "--to", "earliest", "-t", "early", "--execute").exit_code == 0
    [group] = told(run("groups", "describe", "first", "--json"))
    assert (group["state"], group["lag"], len(group["partitions"])) == ("Empty", 0, 2)
    result = run("groups", "describe", "frist")
    assert (result.exit_code, result.stderr) == (4, "Error: there is no group 'frist'.\nDid you mean first?\n")
    assert run("groups", "delete", "first", "-y").exit_code == 0


def test_records_and_configurations_go_there_and_back(run: Callable[..., Result]) -> None:
    assert run("topics", "create", "orders", "-p", "1").exit_code == 0
    assert run("records", "produce", "orders", "-k", "=", input="a=1\nb=2\n").exit_code == 0
    rows = [json.loads(line) for line in run("records", "consume", "orders", "--json").stdout.splitlines()]
    assert [(row["offset"], row["key"], row["value"]) for row in rows] == [(0, "a", "1"), (1, "b", "2")]
    assert told(run("records", "delete", "orders", "--before", "1", "--execute", "--json"))["executed"]
    assert run("records", "consume", "orders").stdout == "2\n"
    assert run("configs", "alter", "topic", "orders", "--set", "retention.ms=5000000").exit_code == 0
    assert told(run("configs", "describe", "topic", "orders", "--json"))[0]["value"] == "5000000"
    refused = run("configs", "alter", "topic", "orders", "--set", "retention.ms=soon")
    assert refused.stderr.startswith("Error: topic 'orders' is not changed: Invalid value soon for configuration")
    assert run("topics", "alter", "orders", "-p", "2").exit_code == 0
    assert "currently has 2 partition(s)" in run("topics", "alter", "orders", "-p", "1").stderr
    assert run("topics", "delete", "orders", "-y").exit_code == 0


@pytest.mark.parametrize(("protocol", "members"), [("classic", 1), ("consumer", 0)])
def test_groups_of_both_protocols_are_shown(
    run: Callable[..., Result], kafka: str, protocol: str, members: int
) -> None:
    topic = f"read-{protocol}"
    run("topics", "create", topic, "-p", "1")
    run("records", "produce", topic, input="1\n2\n3\n")
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": protocol, "client.id": "reader",
                         "group.protocol": protocol, "auto.offset.reset": "earliest"})  # fmt: skip
    consumer.subscribe([topic])
    read = consumer.poll(WITHIN)
    assert read is not None
    assert read.error() is None
    consumer.commit(message=read, asynchronous=False)
    until = time.monotonic() + WITHIN
    while (group := told(run("groups", "describe", protocol, "--json"))[0])["state"] == "Reconciling":
        assert time.monotonic() < until, "the member has not acknowledged its assignment"
    assert (group["state"], group["lag"], len(group["members"])) == ("Stable", 2, members)
    assert [row["committed"] for row in group["partitions"]] == [1]
    assert {"group": protocol, "state": "Stable", "type": protocol, "protocol_type": "consumer"} in told(
        run("groups", "list", "--json")
    )
    consumer.close()


def test_reading_ends_behind_the_markers_of_transactions(run: Callable[..., Result], kafka: str) -> None:
    run("topics", "create", "paid", "-p", "1")
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": "till"})
    producer.init_transactions()
    for value, end in (("kept", producer.commit_transaction), ("taken back", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce("paid", value)
        producer.flush()
        end()
    assert run("records", "consume", "paid", "--read-committed").stdout == "kept\n"
    assert run("records", "consume", "paid").stdout == "kept\ntaken back\n"


@pytest.mark.parametrize("probe", [(), ("--probe",)], ids=["reading", "probing"])
def test_the_doctor_finds_nothing_wrong(run: Callable[..., Result], kafka: str, probe: tuple[str, ...]) -> None:
    result = told(run("doctor", kafka, *PATIENTLY, *probe))
    assert [finding["code"] for finding in result["findings"]] == ["advertised-loopback"]


def findings(result: Result) -> list[str]:
    return [finding["code"] for finding in json.loads(result.stdout)["findings"] if finding["severity"] != "note"]


def test_the_doctor_knows_a_listener_that_wants_a_login(run: Callable[..., Result], listeners: Kafka) -> None:
    result = run("doctor", listeners.login, *PATIENTLY)
    assert (result.exit_code, findings(result)) == (3, ["sasl-expected"])
    assert "mechanisms: PLAIN" in json.loads(result.stdout)["findings"][0]["what"]
    result = run("doctor", listeners.login, *PATIENTLY, "--security-protocol", "sasl_plaintext")
    assert (result.exit_code, findings(result)) == (0, [])


def test_the_doctor_knows_a_listener_that_speaks_tls(run: Callable[..., Result], listeners: Kafka) -> None:
    result = run("doctor", listeners.secure, *PATIENTLY)
    assert (result.exit_code, findings(result)) == (1, ["tls-expected", "tls-untrusted"])
    result = run("doctor", listeners.secure, *PATIENTLY, "--security-protocol", "ssl")
    assert (result.exit_code, findings(result)) == (0, ["tls-untrusted"])


def test_commands_log_in(run: Callable[..., Result], listeners: Kafka, tmp_path: Path) -> None:
    run("topics", "create", "secret", "-p", "1", "--if-not-exists")
    file = tmp_path / "client.properties"
    file.write_text("# of a test\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism = PLAIN\nsasl.username=alice\n")
    login = ("-b", listeners.login, "--client-config", str(file), "-X", "sasl.password=secret")
    assert run("records", "produce", "secret", *login, input="hush\n").output == "1 record written to secret.\n"
    assert run("records", "consume", "secret", *login).output == "hush\n"
    refused = run("topics", "list", "-b", listeners.login, "--client-config", str(file), "-X", "sasl.password=guess",
                  "--timeout", "1")  # fmt: skip
    assert refused.exit_code == 3
    assert "A refused login" in refused.stderr


def test_commands_speak_tls(run: Callable[..., Result], listeners: Kafka) -> None:
    run("topics", "create", "sealed", "-p", "1", "--if-not-exists")
    options = ("-b", listeners.secure, "-X", "security.protocol=SSL", "-X", f"ssl.ca.location={listeners.authority}")
    assert any(topic["topic"] == "sealed" for topic in told(run("topics", "list", "--json", *options)))

"""Brokers that one option protects, and the settings that clients get for them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, Producer
from kafka import KafkaConsumer, KafkaProducer

from kafkalite.client.connection import open_connection
from kafkalite.client.readiness import answers
from kafkalite.config import HostPort, load
from kafkalite.config.jaas import parse_jaas
from kafkalite.security.client_access import ClientAccess
from kafkalite.testing import Handle, run
from kafkalite.tools.admin.java_settings import java_settings
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SECURED = [
    ("ssl", None),
    *(("sasl_ssl", each) for each in (*MECHANISMS, "OAUTHBEARER")),
    ("sasl_plaintext", "SCRAM-SHA-256"),
]
TIMEOUT = 20


def refusals(settings: dict[str, Any]) -> set[int]:
    """Return the codes of the errors that a producer meets before it gives up."""
    found: list[KafkaError] = []
    producer = Producer(
        {**settings, "error_cb": found.append, "message.timeout.ms": 1500, "log_level": 0, "retry.backoff.ms": 100}
    )
    delivered: list[object] = []
    producer.produce("t", b"v", on_delivery=lambda error, _: delivered.append(error))
    producer.flush(TIMEOUT)
    assert delivered[0] is not None
    return {error.code() for error in found}


@pytest.mark.parametrize(("security", "mechanism"), SECURED)
def test_librdkafka_connects_with_the_settings_it_is_given(security: str, mechanism: str | None) -> None:
    with run(security=security) as broker:
        settings = broker.client_config("confluent", mechanism=mechanism)
        producer = Producer(settings)
        for value in (b"one", b"x" * 300_000):
            producer.produce("t", value)
        assert producer.flush(TIMEOUT) == 0
        consumer = Consumer({**settings, "group.id": "g", "auto.offset.reset": "earliest"})
        consumer.subscribe(["t"])
        read = [consumer.consume(1, TIMEOUT)[0].value() for _ in range(2)]
        consumer.close()
        assert read == [b"one", b"x" * 300_000]


@pytest.mark.parametrize(("security", "mechanism"), SECURED)
def test_kafka_python_connects_with_the_settings_it_is_given(security: str, mechanism: str | None) -> None:
    with run(security=security) as broker:
        settings = broker.client_config("kafka-python", mechanism=mechanism)
        producer = KafkaProducer(**settings)
        producer.send("t", b"v").get(TIMEOUT)
        producer.close()
        consumer = KafkaConsumer("t", auto_offset_reset="earliest", consumer_timeout_ms=TIMEOUT * 1000, **settings)
        assert next(consumer).value == b"v"
        consumer.close()


def test_a_certificate_of_the_client_can_be_required() -> None:
    with run({"ssl.client.auth": "required"}, security="ssl") as broker:
        settings = broker.client_config("confluent")
        producer = Producer(settings)
        producer.produce("t", b"v")
        assert producer.flush(TIMEOUT) == 0
        without = {name: value for name, value in settings.items() if name in ("bootstrap.servers", "ssl.ca.pem")}
        assert refusals({**without, "security.protocol": "SSL"})


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_an_authentication_error(mechanism: str) -> None:
    with run(security="sasl_plaintext") as broker:
        settings = broker.client_config("confluent", mechanism=mechanism)
        assert KafkaError._AUTHENTICATION in refusals({**settings, "sasl.password": "wrong"})
        assert "t" not in broker.topics


def test_aiokafka_connects_with_a_token() -> None:
    async def produce(settings: dict[str, Any]) -> None:
        producer = AIOKafkaProducer(**settings)
        await producer.start()
        await producer.send_and_wait("t", b"v")
        await producer.stop()

    with run(security="sasl_plaintext") as broker:
        asyncio.run(produce(broker.client_config("aiokafka", mechanism="OAUTHBEARER")))
        assert [record.value for record in broker.records("t")] == [b"v"]


def test_tokens_are_accepted_until_they_expire_by_the_brokers_clock() -> None:
    with run(security="sasl_plaintext") as broker:
        check_tokens(broker)


def check_tokens(broker: Handle) -> None:
    tokens = {"anna": broker.token("anna", lifetime_s=60), "expired": broker.token("anna", lifetime_s=-60)}
    tokens["audience"] = broker.token(audience="another")
    tokens["issuer"] = broker.token(issuer="another", scope=["a", "b"])

    host, _, port = broker.bootstrap.rpartition(":")

    def first_answer(token: str) -> tuple[int, bytes, int]:
        with open_connection((host, int(port)), timeout=TIMEOUT) as connection:
            connection.call(SaslHandshakeRequest(mechanism="OAUTHBEARER"), 1, SaslHandshakeResponse)
            message = f"n,,\1auth=Bearer {token}\1\1".encode()
            answer = connection.call(SaslAuthenticateRequest(auth_bytes=message), 2, SaslAuthenticateResponse)
            return answer.error_code, bytes(answer.auth_bytes), answer.session_lifetime_ms

    error, challenge, lifetime = first_answer(tokens["anna"])
    assert (error, challenge) == (0, b"")
    assert 50_000 < lifetime <= 60_000
    for name in ("expired", "audience", "issuer"):
        assert first_answer(tokens[name]) == (0, b'{"status":"invalid_token"}', 0)
    broker.clock.advance(100)
    assert first_answer(tokens["anna"]) == (0, b'{"status":"invalid_token"}', 0)


def test_a_broker_that_makes_no_tokens_refuses_to(tmp_path: Path) -> None:
    with run(security="ssl") as broker, pytest.raises(ValueError, match="the broker makes no tokens: start it with"):
        broker.token()


def test_a_certificate_is_refused_that_another_authority_signed() -> None:
    with run(security="ssl") as broker, run(security="ssl") as other:
        settings = {**broker.client_config("confluent"), "ssl.ca.pem": other.client_access().ca_certificate}
        assert KafkaError._SSL in refusals(settings)


def test_a_client_without_tls_gets_no_plain_byte() -> None:
    with run(security="ssl") as broker:
        host, _, port = broker.bootstrap.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
            connection.sendall(bytes.fromhex("0000000f000300010000000700017800000000"))
            received = b""
            with suppress(ConnectionResetError):
                while chunk := connection.recv(1000):
                    received += chunk
        assert received[:1] in (b"", b"\x15")  # nothing, or a TLS alert


@pytest.mark.parametrize("security", ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])
def test_a_health_check_needs_no_credentials(security: str) -> None:
    with run(security=security) as broker:
        address = HostPort.parse(broker.bootstrap)
        assert answers((address.host, address.port), timeout=TIMEOUT)


def test_a_health_check_needs_no_certificate() -> None:
    with run({"ssl.client.auth": "required"}, security="ssl") as broker:
        address = HostPort.parse(broker.bootstrap)
        assert answers((address.host, address.port), timeout=TIMEOUT)


def test_quotes_in_a_password_are_escaped_for_java() -> None:
    access = ClientAccess(
        bootstrap="a:1", security_protocol="SASL_SSL", sasl_mechanisms=("PLAIN",), username='a"b', password='c\\"\n;'
    )
    assert parse_jaas(access.settings("java")["sasl.jaas.config"]).options == {"username": 'a"b', "password": 'c\\"\n;'}


def test_mechanisms_and_libraries_that_are_unknown_are_refused() -> None:
    access = ClientAccess(bootstrap="a:1", security_protocol="SASL_SSL", sasl_mechanisms=("PLAIN",))
    with pytest.raises(ValueError, match="no settings are known for 'x'; known are aiokafka, confluent, franz-go"):
        access.settings("x")
    with pytest.raises(ValueError, match="SCRAM-SHA-256 is not enabled; enabled are PLAIN"):
        access.settings("java", "SCRAM-SHA-256")
    with pytest.raises(ValueError, match="PLAINTEXT has no SASL mechanism"):
        ClientAccess(bootstrap="a:1").settings("java", "PLAIN")


def test_secrets_are_in_no_representation() -> None:
    config = load(data="/data", security="sasl_ssl", properties={"ssl.client.auth": "required"})
    access = config.client_access
    assert access is not None
    assert access.password
    shown = repr(access) + repr(config)
    assert access.password not in shown
    assert "PRIVATE KEY" not in shown


def test_settings_of_other_libraries_hold_what_they_need() -> None:
    access = load(data="/data", security="sasl_ssl", properties={"ssl.client.auth": "required"}).client_access
    assert access is not None
    java = access.settings("java", "SCRAM-SHA-512")
    assert java["sasl.jaas.config"].startswith("org.apache.kafka.common.security.scram.ScramLoginModule required ")
    assert java["ssl.keystore.certificate.chain"].count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE KEY" in java["ssl.keystore.key"]
    kafkajs = access.settings("kafkajs")
    assert kafkajs["ssl"]["ca"] == [access.ca_certificate]
    assert kafkajs["sasl"] == {"mechanism": "plain", "username": "kafkalite", "password": access.password}
    go = access.settings("franz-go")
    assert go["tls"] == {"ca": access.ca_certificate, "certificate": access.client_certificate}
    assert isinstance(access.settings("aiokafka")["ssl_context"], ssl.SSLContext)


def test_serve_prints_the_settings_of_a_java_client(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "kafkalite", "serve", "--quiet", "--listen=127.0.0.1:0", f"--data={tmp_path}",
        "--security=sasl_ssl",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        printed = [next(lines) for _ in range(3)]
        assert printed[2].startswith(
            "Clients need security.protocol=SASL_SSL with sasl.mechanism=PLAIN or SCRAM-SHA-256"
        )
        names: list[str] = []
        while names[-1:] != ["sasl.jaas.config"]:
            names.append(next(lines).partition("=")[0])
        process.terminate()
        assert process.wait(TIMEOUT) == 0
    assert names == [
        "bootstrap.servers", "security.protocol", "ssl.truststore.type", "ssl.truststore.certificates",
        "sasl.mechanism", "sasl.jaas.config",
    ]  # fmt: skip


def test_the_command_line_takes_the_settings_of_java_clients(tmp_path: Path) -> None:
    with run(security="sasl_ssl", topics={"orders": 2}) as broker:
        settings = tmp_path / "client.properties"
        settings.write_text(broker.client_access().java_properties("SCRAM-SHA-512"))
        command = [sys.executable, "-m", "kafkalite", "topics", "list", "-b", broker.bootstrap, "--json"]
        done = subprocess.run([*command, "--client-config", settings], capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        assert '"orders"' in done.stdout


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"ssl.truststore.location": "a.jks"}, "ssl.truststore.type: JKS is not supported here; use PEM"),
        ({"ssl.truststore.certificates": "nothing"}, "no usable certificates in PEM: "),
    ],
)
def test_settings_of_java_clients_that_cannot_be_used_are_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        java_settings(texts)

"""TLS and logins at the proxy's own listeners, in front of a broker without either."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trustme
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from kafkalite.addresses import HostPort
from kafkalite.config.property import ConfigError
from kafkalite.config.providers import resolved
from kafkalite.config.proxy_listener import proxy_listener
from kafkalite.config.setting import Setting
from kafkalite.testing import run, run_proxy

TIMEOUT = 20


def deliver(settings: dict[str, object]) -> None:
    producer = Producer({**settings, "log_level": 0})
    producer.produce("orders", b"two apples")
    assert producer.flush(TIMEOUT) == 0


@pytest.mark.parametrize(
    ("security", "mechanism"),
    [("ssl", None), ("sasl_plaintext", "PLAIN"), ("sasl_ssl", "SCRAM-SHA-512"), ("sasl_ssl", "OAUTHBEARER")],
)
def test_a_client_that_is_allowed_delivers(security: str, mechanism: str | None) -> None:
    with run() as cluster, run_proxy(cluster.bootstrap, security=security) as proxy:
        with proxy.requests.recording() as requests, cluster.requests.recording() as arrived:
            deliver(proxy.client_config("confluent", mechanism=mechanism))
            produced = requests.await_request("Produce", topic="orders")
        assert [record.value for record in cluster.records("orders")] == [b"two apples"]
        assert produced.client_host == "127.0.0.1"
        assert not [each for each in arrived if each.api.startswith("Sasl")]


def test_a_wrong_password_is_refused_and_reaches_nothing() -> None:
    with run() as cluster, run_proxy(cluster.bootstrap, security="sasl_plaintext") as proxy:
        errors: list[KafkaError] = []
        settings = {**proxy.client_config("confluent"), "error_cb": errors.append}
        admin = AdminClient({**settings, "sasl.password": "wrong", "log_level": 0})
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=1)
        admin.poll(1)
        assert KafkaError._AUTHENTICATION in [error.code() for error in errors]


def test_a_client_without_a_login_is_closed() -> None:
    with run() as cluster, run_proxy(cluster.bootstrap, security="sasl_plaintext") as proxy:
        address = HostPort.parse(proxy.bootstrap)
        with socket.create_connection((address.host, address.port), timeout=TIMEOUT) as client:
            client.sendall(bytes.fromhex("00000011 0003 000c 00000001 ffff 00 00 01 00 00 00 00"))
            assert client.recv(1) == b""


def test_a_listener_with_tls_sends_no_plain_byte_of_the_protocol() -> None:
    with run() as cluster, run_proxy(cluster.bootstrap, security="ssl") as proxy:
        address = HostPort.parse(proxy.bootstrap)
        with socket.create_connection((address.host, address.port), timeout=TIMEOUT) as client:
            client.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
            answer = client.recv(100)
        assert answer == b"" or answer[0] == 0x15  # an alert of TLS


def test_a_certificate_that_changes_is_used_for_the_next_connection(tmp_path: Path) -> None:
    authority = trustme.CA()
    store = tmp_path / "proxy.pem"

    def issue() -> None:
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(store))

    def shown(address: HostPort) -> bytes | None:
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        with (
            socket.create_connection((address.host, address.port), timeout=TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            return client.getpeercert(binary_form=True)

    issue()
    properties = {"ssl.keystore.location": str(store), "ssl.keystore.type": "PEM"}
    with run() as cluster, run_proxy(cluster.bootstrap, properties, security="ssl") as proxy:
        address = HostPort.parse(proxy.bootstrap)
        first = shown(address)
        assert shown(address) == first
        issue()
        assert shown(address) not in (first, None)


def test_a_property_that_does_nothing_at_a_proxy_is_refused() -> None:
    given = {"num.partitions": Setting("num.partitions", "3", "--listener-set")}
    with pytest.raises(ConfigError, match=r"--listener-set: num\.partitions has no effect at a proxy"):
        proxy_listener(given, HostPort("127.0.0.1", 0))


def test_a_property_of_another_listener_is_refused() -> None:
    name = "listener.name.external.ssl.client.auth"
    with pytest.raises(ConfigError, match="the name of the proxy's listeners is PLAINTEXT"):
        proxy_listener({name: Setting(name, "required", "here")}, HostPort("127.0.0.1", 0))


def test_values_may_refer_to_the_environment_and_to_files(tmp_path: Path) -> None:
    (tmp_path / "secrets.properties").write_text("store=pear\n")
    (tmp_path / "password").write_text("plum\n")
    for text, meant in (
        ("${env:FRUIT}", "apple"),
        ("a${env:FRUIT}b", "aappleb"),
        (f"${{file:{tmp_path}/secrets.properties:store}}", "pear"),
        (f"${{file:{tmp_path}/password}}", "plum"),
        (f"${{directory:{tmp_path}:password}}", "plum"),
        ("$1", "$1"),
    ):
        assert resolved(Setting("p", text, "here"), {"FRUIT": "apple"}).text == meant


def test_a_reference_to_nothing_is_named(tmp_path: Path) -> None:
    for text, reason in (
        ("${env:FRUIT}", "no environment variable FRUIT"),
        (f"${{file:{tmp_path}/none}}", "No such file"),
    ):
        with pytest.raises(ConfigError, match=f"here: p: .*{reason}"):
            resolved(Setting("p", text, "here"), {})

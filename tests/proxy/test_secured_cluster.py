"""A cluster with TLS and logins behind a proxy that has its own certificate and identity."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka import Producer

from kafkalite.testing import Handle, run, run_proxy

TIMEOUT = 20


def upstream_properties(cluster: Handle, mechanism: str | None = None) -> dict[str, Any]:
    """Return the settings of a Java client, which are the proxy's."""
    settings = cluster.client_config("java", mechanism=mechanism)
    del settings["bootstrap.servers"]
    return settings


def deliver(settings: dict[str, Any], *, within: float = TIMEOUT) -> bool:
    producer = Producer({**settings, "log_level": 0})
    producer.produce("orders", b"two apples")
    return producer.flush(within) == 0


def test_the_proxy_shows_its_own_certificate() -> None:
    with run({"ssl.client.auth": "required"}, security="ssl") as cluster:
        properties = upstream_properties(cluster)
        with run_proxy(cluster.bootstrap, upstream_properties=properties) as proxy, cluster.requests.recording() as log:
            assert deliver({"bootstrap.servers": proxy.bootstrap})
            assert log.await_request("Produce", topic="orders").api == "Produce"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_proxy_logs_in_for_clients_that_it_knows_itself(mechanism: str) -> None:
    with run(security="sasl_ssl") as cluster:
        properties = upstream_properties(cluster, mechanism)
        with run_proxy(cluster.bootstrap, security="sasl_plaintext", upstream_properties=properties) as proxy:
            assert deliver(proxy.client_config("confluent"))
        assert [record.value for record in cluster.records("orders")] == [b"two apples"]


def test_the_proxy_logs_in_again_before_its_session_ends() -> None:
    """Records are delivered on one connection all the time."""
    with run({"connections.max.reauth.ms": 1500}, security="sasl_plaintext") as cluster:
        with run_proxy(cluster.bootstrap, upstream_properties=upstream_properties(cluster, "SCRAM-SHA-256")) as proxy:
            producer = Producer({"bootstrap.servers": proxy.bootstrap, "log_level": 0, "retries": 0})
            delivered = 0

            def count(error: object, _: object) -> None:
                nonlocal delivered
                assert error is None
                delivered += 1

            with cluster.requests.recording() as log:
                sent = 0
                while len([each for each in log if each.api == "SaslHandshake"]) < 4:
                    producer.produce("orders", b"apple", on_delivery=count)
                    sent += 1
                    producer.flush(TIMEOUT)
            assert delivered == sent
        assert len(cluster.records("orders")) == sent


def test_a_wrong_password_is_logged_without_it(caplog: pytest.LogCaptureFixture) -> None:
    with run(security="sasl_plaintext") as cluster:
        properties = upstream_properties(cluster, "PLAIN")
        properties["sasl.jaas.config"] = properties["sasl.jaas.config"].replace('password="', 'password="wrong-')
        with run_proxy(cluster.bootstrap, upstream_properties=properties) as proxy:
            assert not deliver({"bootstrap.servers": proxy.bootstrap}, within=0.5)
    assert "the cluster refuses the proxy's login: Authentication failed: Invalid username or password" in caplog.text
    assert "wrong-" not in caplog.text


def test_another_authority_and_another_host_name_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    with run(security="ssl") as cluster:
        other = {
            **upstream_properties(cluster),
            "ssl.truststore.certificates": trustme.CA().cert_pem.bytes().decode(),
        }
        elsewhere = cluster.bootstrap.replace("127.0.0.1", "127.0.0.2")
        for address, properties in ((cluster.bootstrap, other), (elsewhere, upstream_properties(cluster))):
            with run_proxy(address, upstream_properties=properties) as proxy:
                assert not deliver({"bootstrap.servers": proxy.bootstrap}, within=0.3)
    assert caplog.text.count("cannot connect to the cluster") >= 1


@contextmanager
def token_endpoint(token: str, asked: list[tuple[str | None, bytes]]) -> Generator[str]:
    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"access_token": token}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
        server.shutdown()
        thread.join()


def test_tokens_of_a_file_and_of_an_endpoint(tmp_path: Path) -> None:
    asked: list[tuple[str | None, bytes]] = []
    with run(security="sasl_plaintext") as cluster, token_endpoint(cluster.token(), asked) as endpoint:
        file = tmp_path / "token"
        file.write_text(cluster.token())
        properties = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
        secret = {
            "sasl.oauthbearer.client.credentials.client.id": "proxy",
            "sasl.oauthbearer.client.credentials.client.secret": "plum",
            "sasl.oauthbearer.scope": "kafka",
        }
        for url, more in ((f"file://{file}", {}), (endpoint, secret)):
            where = {**properties, "sasl.oauthbearer.token.endpoint.url": url, **more}
            with run_proxy(cluster.bootstrap, upstream_properties=where) as proxy:
                assert deliver({"bootstrap.servers": proxy.bootstrap})
    assert asked[0] == ("Basic cHJveHk6cGx1bQ==", b"grant_type=client_credentials&scope=kafka")


def test_a_client_cannot_log_in_through_the_proxys_own_identity() -> None:
    """Its SASL requests are answered as by a listener without SASL."""
    with run(security="sasl_plaintext") as cluster:
        properties = upstream_properties(cluster, "PLAIN")
        with run_proxy(cluster.bootstrap, upstream_properties=properties) as proxy, cluster.requests.recording() as log:
            settings = {**cluster.client_config("confluent"), "bootstrap.servers": proxy.bootstrap}
            assert not deliver(settings, within=0.5)
            handshakes = [each for each in log if each.api == "SaslHandshake"]
        assert all(each.client_id == "kafkalite-proxy" for each in handshakes)

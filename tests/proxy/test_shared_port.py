"""Brokers that share one port of the proxy, by the server name of the TLS handshake."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from kafkalite.addresses import HostPort
from kafkalite.errors import StartError
from kafkalite.proxy.shared_port import ServerNames
from kafkalite.testing import run, run_proxy
from kafkalite.testing.proxy import ProxyHandle
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.metadata import MetadataRequest

NAMES = ServerNames.parse("broker-{id}.proxy.test")
PATIENCE = 10


def test_names_stand_for_brokers() -> None:
    assert NAMES.host_of(12) == "broker-12.proxy.test"
    assert NAMES.node_of("broker-12.proxy.test") == 12
    assert NAMES.node_of("bootstrap.proxy.test") is None
    assert NAMES.certified == ("bootstrap.proxy.test", "*.proxy.test")
    assert ServerNames.parse("k{id}-eu.kafka.example:9443").port == 9443
    for name in ("", "broker-012.proxy.test", "broker-.proxy.test", "broker-1.other.test", "broker-x.proxy.test"):
        with pytest.raises(LookupError):
            NAMES.node_of(name)


@pytest.mark.parametrize(
    "text", ["", "broker.proxy.test", "broker-{id}", "b{id}-{id}.a", "a.{id}.b", "*.{id}.a", "b{id}.a:x", "b{id}.a:0"]
)
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        ServerNames.parse(text)


class Client:
    def __init__(self, stream: ssl.SSLSocket) -> None:
        self._stream = stream
        self._client = ClientConnection()

    def call(self, request: object, version: int) -> Any:
        self._stream.sendall(self._client.send(request, version))
        while True:
            data = self._stream.recv(1 << 16)
            if not data:
                raise EOFError
            if responses := self._client.receive(data):
                return responses[0].message

    def is_closed(self) -> bool:
        try:
            return self._stream.recv(1) == b""
        except ConnectionError:
            return True


@contextmanager
def connected(proxy: ProxyHandle, name: str) -> Generator[Client]:
    port = HostPort.parse(proxy.bootstrap).port
    context = proxy.client_access().ssl_context()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as stream,
    ):
        yield Client(stream)


def test_each_name_leads_to_its_broker() -> None:
    with (
        run(brokers=3) as cluster,
        run_proxy(cluster.bootstrap, security="ssl", broker_host="broker-{id}.proxy.test") as proxy,
    ):
        bootstrap = HostPort.parse(proxy.bootstrap)
        assert bootstrap.host == "bootstrap.proxy.test"
        with connected(proxy, "bootstrap.proxy.test") as client:
            brokers = client.call(MetadataRequest(topics=()), 12).brokers
        assert {(each.node_id, each.host, each.port) for each in brokers} == {
            (id_, f"broker-{id_}.proxy.test", bootstrap.port) for id_ in (1, 2, 3)
        }
        for id_ in (3, 1, 2):
            with connected(proxy, f"broker-{id_}.proxy.test") as client:
                # Each broker describes itself only.
                asked = tuple(
                    DescribeConfigsResource(resource_type=4, resource_name=str(each), configuration_keys=())
                    for each in (1, 2, 3)
                )
                described = client.call(DescribeConfigsRequest(resources=asked), 4).results
            assert [int(each.resource_name) for each in described if not each.error_code] == [id_]


def test_a_broker_that_is_not_known_yet_is_learned_and_asked_for_again() -> None:
    with (
        run() as cluster,
        run_proxy(cluster.bootstrap, security="ssl", broker_host="broker-{id}.proxy.test") as proxy,
    ):
        with connected(proxy, "broker-1.proxy.test") as client:
            client.call(ListGroupsRequest(), 4)
            client.call(DescribeClusterRequest(include_cluster_authorized_operations=False), 0)
            assert client.is_closed()
        with connected(proxy, "broker-1.proxy.test") as client:
            client.call(DescribeClusterRequest(include_cluster_authorized_operations=False), 0)
            client.call(ListGroupsRequest(), 4)


def test_another_name_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    with (
        run() as cluster,
        run_proxy(cluster.bootstrap, security="ssl", broker_host="broker-{id}.proxy.test") as proxy,
        connected(proxy, "other.proxy.test") as client,
        pytest.raises((EOFError, ConnectionError)),
    ):
        client.call(ListGroupsRequest(), 4)
    assert "no broker has the server name 'other.proxy.test'" in caplog.text


def test_a_shared_port_needs_tls() -> None:
    with pytest.raises(StartError, match="TLS"), run_proxy("127.0.0.1:1", broker_host="broker-{id}.proxy.test"):
        pass

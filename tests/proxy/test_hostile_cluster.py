"""A cluster that misbehaves while the proxy connects and logs in: the client is closed, and the log says why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio

from kafkalite.addresses import HostPort
from kafkalite.config.setting import Setting
from kafkalite.config.upstream import upstream_of
from kafkalite.proxy import cluster_connections, cluster_login
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from tests.support.protocol_client import ProtocolClient

PATIENCE = 20
SECRET = "pear-tree"
LOGIN = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="anna" password="{SECRET}";',
}
TLS = {"security.protocol": "SSL"}

Serve = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def asking(serve: Serve, properties: dict[str, str]) -> AsyncIterator[ProtocolClient]:
    """Send a request to a proxy in front of a cluster that is played by ``serve``."""

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await serve(stream)

    upstream = upstream_of({name: Setting(name, text, "here") for name, text in properties.items()})
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        address = HostPort(*listener.socket.getsockname())
        config = ProxyConfig(
            upstream=(address,), listen=HostPort("127.0.0.1", 0), tls=upstream.tls, login=upstream.login
        )
        async with Proxy(config) as proxy:
            at = HostPort.parse(proxy.bootstrap)
            with trio.fail_after(PATIENCE):
                async with await trio.open_tcp_stream(at.host, at.port) as stream:
                    client = ProtocolClient(stream)
                    await client.send(ListGroupsRequest(), 4)
                    yield client
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x7f\xff\xff\xff", "announces a response of 2147483647 bytes"),
        (b"\xff\xff\xff\xff", "announces a response of -1 bytes"),
        (b"\0\0\0\x08\0\0\0\x07\0\0\0\0", "answers request 7, which is not the next one"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "announces a response"),
        (b"\0\0\0\x05\x80\0\0\0\0", "the cluster refuses the proxy's login"),
        (b"\0\0\0\x0a\x80\0\0\0\0\x21\0\0\0\0", "the cluster does not take PLAIN, but none"),
    ],
)
async def test_an_answer_to_the_login_that_is_none(
    answer: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(cluster: trio.SocketStream) -> None:
        await cluster.receive_some()
        await cluster.send_all(answer)
        await trio.sleep_forever()

    async with asking(serve, LOGIN) as client:
        assert await client.is_closed()
    assert reason in caplog.text
    assert SECRET not in caplog.text


async def test_a_cluster_that_leaves_during_the_login() -> None:
    async def serve(cluster: trio.SocketStream) -> None:
        await cluster.receive_some()

    async with asking(serve, LOGIN) as client:
        assert await client.is_closed()


async def test_a_cluster_that_does_not_answer_the_login(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_login, "_LOGIN", 0.05)

    async def serve(cluster: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with asking(serve, LOGIN) as client:
        assert await client.is_closed()
    assert "no answer within" in caplog.text


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x03\0\x40half"])
async def test_a_cluster_that_does_not_finish_the_tls_handshake(
    begun: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_connections, "_CONNECTING", 0.2)

    async def serve(cluster: trio.SocketStream) -> None:
        await cluster.send_all(begun)
        await trio.sleep_forever()

    async with asking(serve, TLS) as client:
        assert await client.is_closed()
    assert "has not accepted within" in caplog.text


async def test_a_cluster_without_tls(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(cluster: trio.SocketStream) -> None:
        await cluster.receive_some()
        await cluster.send_all(b"\0\0\0\x0aplain text")

    async with asking(serve, TLS) as client:
        assert await client.is_closed()
    assert "cannot connect to the cluster" in caplog.text

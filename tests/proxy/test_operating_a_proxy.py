"""Limits of connections, time-outs, the PROXY protocol and draining, at a proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio

from kafkalite.addresses import HostPort
from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite.config.proxy_listener import proxy_listener
from kafkalite.config.setting import Setting
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from tests.support.protocol_client import ProtocolClient

ASK = ListGroupsRequest()
PATIENCE = 20
ANYWHERE = HostPort("127.0.0.1", 0)


@asynccontextmanager
async def proxied(properties: dict[str, str] | None = None, **config: Any) -> AsyncIterator[Proxy]:
    given = {name: Setting(name, text, "here") for name, text in (properties or {}).items()}
    broker = Broker(load(listen=["127.0.0.1:0"], data="/data"), file_system=MemoryFileSystem())
    async with broker:
        made = ProxyConfig(upstream=(HostPort.parse(broker.bootstrap),), listen=ANYWHERE)
        if given:
            made = replace(made, listener=proxy_listener(given, ANYWHERE))
        async with Proxy(replace(made, **config)) as proxy:
            with trio.fail_after(PATIENCE):
                yield proxy


@asynccontextmanager
async def connected(proxy: Proxy, header: bytes = b"") -> AsyncIterator[ProtocolClient]:
    address = HostPort.parse(proxy.bootstrap)
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        if header:
            await stream.send_all(header)
        yield ProtocolClient(stream)


class Hosts(Interceptor):
    """Notes where requests come from."""

    stage = Stage.OBSERVERS

    def __init__(self) -> None:
        self.seen: list[str] = []

    def intercept(self, request: Any, context: Any, response: Any, forward: Any) -> None:
        self.seen.append(context.info.host)
        forward()


async def test_an_address_has_so_many_connections() -> None:
    async with (
        proxied({"max.connections.per.ip": "1"}) as proxy,
        connected(proxy) as client,
    ):
        assert (await client.call(ASK, 4)).error_code == 0
        async with connected(proxy) as other:
            assert await other.is_closed()


async def test_behind_a_balancer_the_client_is_seen_and_limited() -> None:
    hosts = Hosts()
    header = b"PROXY TCP4 10.0.0.%d 10.0.0.99 5000 9092\r\n"
    async with proxied({"max.connections.per.ip": "1"}, origins="required") as proxy:
        proxy.pipeline.interceptors.add(hosts)
        async with connected(proxy, header % 1) as one, connected(proxy, header % 2) as two:
            assert (await one.call(ASK, 4)).error_code == 0
            assert (await two.call(ASK, 4)).error_code == 0
            async with connected(proxy, header % 1) as again:
                assert await again.is_closed()
    assert hosts.seen == ["10.0.0.1", "10.0.0.2"]


async def test_a_connection_without_the_header_is_closed_where_it_is_required(caplog: pytest.LogCaptureFixture) -> None:
    async with proxied(origins="required") as proxy, connected(proxy) as client:
        await client.send(ASK, 4)
        assert await client.is_closed()
    assert "closing 127.0.0.1: there is no header of the PROXY protocol" in caplog.text


async def test_the_header_may_be_missing_where_it_is_allowed() -> None:
    async with proxied(origins="allowed") as proxy, connected(proxy) as client:
        assert (await client.call(ASK, 4)).error_code == 0


async def test_a_client_that_does_not_log_in_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    users = {"kafkalite.security": "sasl_plaintext", "kafkalite.sasl.users": "anna:pear"}
    async with proxied(users, authentication_limit=0.05) as proxy, connected(proxy) as client:
        assert await client.is_closed()
    assert "it has not logged in within" in caplog.text


async def test_a_stop_waits_no_longer_than_the_drain() -> None:
    class Holding(Interceptor):
        stage = Stage.FAULTS

        def intercept(self, request: Any, context: Any, response: Any, forward: Any) -> None:
            held.set()

    held = trio.Event()
    async with proxied(drain=0.05) as proxy:
        proxy.pipeline.interceptors.add(Holding())
        async with connected(proxy) as client:
            await client.send(ASK, 4)
            await held.wait()
            proxy.stop()
            assert await client.is_closed()

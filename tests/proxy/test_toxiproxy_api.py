"""Toxiproxy's HTTP API: what its clients send, and what it does to the connections of Kafka's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import trio
from confluent_kafka import Producer

from kafkalite.addresses import HostPort
from kafkalite.controls.http.toxiproxy import ToxiproxyEndpoint
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.testing import run

Ask = Callable[..., Awaitable[tuple[int, Any]]]

LATENCY = {
    "attributes": {"latency": 100, "jitter": 0},
    "name": "latency_downstream",
    "type": "latency",
    "stream": "downstream",
    "toxicity": 1.0,
}
SCRIPTED: list[tuple[str, str, Any, int, Any]] = [
    ("POST", "/proxies", "{", 400, ...),
    ("POST", "/proxies", [], 400, ...),
    ("POST", "/proxies", {"upstream": "h:1"}, 400, {"error": "missing required field: name", "status": 400}),
    ("POST", "/proxies", {"name": "db"}, 400, {"error": "missing required field: upstream", "status": 400}),
    ("POST", "/proxies", {"name": "db", "upstream": "127.0.0.1:1", "enabled": False, "listen": "127.0.0.1:0"}, 201, {
        "name": "db", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": False, "toxics": []}),
    ("POST", "/proxies", {"name": "db", "upstream": "127.0.0.1:2"}, 409,
        {"error": "proxy already exists", "status": 409}),
    ("GET", "/proxies/none", None, 404, {"error": "proxy not found", "status": 404}),
    ("GET", "/proxies/db/toxics", None, 200, []),
    ("POST", "/proxies/db/toxics", {"type": "latency", "attributes": {"latency": 100, "other": 1}}, 200, LATENCY),
    ("POST", "/proxies/db/toxics", {"type": "latency"}, 409, {"error": "toxic already exists", "status": 409}),
    ("POST", "/proxies/db/toxics", {"type": "magic"}, 400, {"error": "invalid toxic type", "status": 400}),
    ("POST", "/proxies/db/toxics", {"type": "latency", "stream": "sideways"}, 400,
        {"error": "stream was invalid, can be either upstream or downstream", "status": 400}),
    ("POST", "/proxies/db/toxics", {"type": "latency", "name": "x", "attributes": {"latency": "1"}}, 400, ...),
    ("POST", "/proxies/db/toxics", {"type": "slicer", "stream": "upstream", "name": "cut", "toxicity": 0.5,
        "attributes": {"average_size": 10}}, 200, ...),
    ("GET", "/proxies/db/toxics/cut", None, 200, {"name": "cut", "type": "slicer", "stream": "upstream",
        "toxicity": 0.5, "attributes": {"average_size": 10, "size_variation": 0, "delay": 0}}),
    ("POST", "/proxies/db/toxics/latency_downstream", {"attributes": {"jitter": 9}}, 200,
        {**LATENCY, "attributes": {"latency": 100, "jitter": 9}}),
    ("PATCH", "/proxies/db/toxics/latency_downstream", {"toxicity": 0.1}, 200,
        {**LATENCY, "attributes": {"latency": 100, "jitter": 9}, "toxicity": 0.1}),
    ("DELETE", "/proxies/db/toxics/cut", None, 204, None),
    ("DELETE", "/proxies/db/toxics/cut", None, 404, {"error": "toxic not found", "status": 404}),
    ("POST", "/proxies/db", {"upstream": "127.0.0.1:3"}, 200, ...),
    ("POST", "/reset", None, 204, None),
    ("GET", "/proxies/db/toxics", None, 200, []),
    ("POST", "/populate", [{"name": "web", "upstream": "127.0.0.1:4", "listen": "127.0.0.1:0", "enabled": False}], 201,
        {"proxies": [{"name": "web", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:4", "enabled": False,
            "toxics": []}]}),
    ("POST", "/populate", [{"name": "web"}], 400, ...),
    ("DELETE", "/proxies/db", None, 204, None),
    ("DELETE", "/proxies/db", None, 404, {"error": "proxy not found", "status": 404}),
    ("DELETE", "/proxies/kafka", None, 409, ...),
    ("PUT", "/proxies/kafka", None, 405, ...),
]  # fmt: skip
"""Method, path, body, status and answer; ``...`` for any."""


@asynccontextmanager
async def served(upstream: str) -> AsyncIterator[tuple[Proxy, Ask]]:
    config = ProxyConfig(upstream=(HostPort.parse(upstream),), listen=HostPort("127.0.0.1", 0))
    with ToxiproxyEndpoint(HostPort("127.0.0.1", 0)) as endpoint:
        async with Proxy(config) as proxy, trio.open_nursery() as nursery:
            await nursery.start(endpoint.serve, proxy)

            async def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
                return await trio.to_thread.run_sync(partial(asked, endpoint.url + path, method, body, headers))

            yield proxy, ask
            nursery.cancel_scope.cancel()


def asked(url: str, method: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=30) as response:
            return response.status, json.loads(response.read() or b"null")
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


async def test_every_route_answers_as_toxiproxy() -> None:
    async with served("127.0.0.1:1") as (_, ask):
        for method, path, body, status, expected in SCRIPTED:
            answer = await ask(method, path, body)
            assert answer == (status, answer[1] if expected is ... else expected), (method, path, body)
        assert (await ask("GET", "/version"))[1]["version"].startswith("2.")
        assert (await ask("GET", "/proxies", **{"User-Agent": "Mozilla/5.0"}))[0] == 403


async def test_toxics_act_on_kafkas_clients() -> None:
    with run(topics={"orders": 1}) as cluster:
        async with served(cluster.bootstrap) as (proxy, ask):
            status, proxies = await ask("GET", "/proxies")
            assert (status, list(proxies)) == (200, ["kafka"])
            assert (proxies["kafka"]["listen"], proxies["kafka"]["upstream"]) == (proxy.bootstrap, cluster.bootstrap)
            assert await trio.to_thread.run_sync(delivered, proxy.bootstrap, 20)
            names = list((await ask("GET", "/proxies"))[1])
            assert len(names) == 2  # and the port of the broker
            for name in names:
                assert (await ask("POST", f"/proxies/{name}/toxics", {"type": "timeout", "stream": "upstream"}))[
                    0
                ] == 200
            assert not await trio.to_thread.run_sync(delivered, proxy.bootstrap, 0.3)
            assert (await ask("POST", "/reset"))[0] == 204
            assert await trio.to_thread.run_sync(delivered, proxy.bootstrap, 20)
            for name in names:
                assert (await ask("POST", f"/proxies/{name}", {"enabled": False}))[1]["enabled"] is False
            assert not await trio.to_thread.run_sync(delivered, proxy.bootstrap, 0.3)


async def test_a_created_proxy_forwards_bytes() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.send_all(b"not " + await stream.receive_some())

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        upstream = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with served(upstream) as (_, ask):
            _, made = await ask("POST", "/proxies", {"name": "any", "upstream": upstream})
            address = HostPort.parse(made["listen"])
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                await stream.send_all(b"Kafka")
                assert await stream.receive_some() == b"not Kafka"
            await ask("POST", "/proxies/any", {"enabled": False})
            with pytest.raises(OSError, match="connect"):
                await trio.open_tcp_stream(address.host, address.port)
            assert (await ask("POST", "/proxies/any", {"enabled": True}))[1]["listen"] == made["listen"]
            (await trio.open_tcp_stream(address.host, address.port)).socket.close()
        nursery.cancel_scope.cancel()


def delivered(bootstrap: str, seconds: float) -> bool:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce("orders", b"two apples")
    return producer.flush(seconds) == 0

"""What a proxy measures."""

from __future__ import annotations

from functools import partial
from urllib.error import HTTPError
from urllib.request import urlopen

import trio
from confluent_kafka import Producer

from kafkalite.addresses import HostPort
from kafkalite.controls.http.metrics import MetricsEndpoint, ProxyMetrics
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.testing import run
from kafkalite.tools.doctor.proxy_health import ask_health

ANY_PORT = HostPort("127.0.0.1", 0)


async def test_requests_connections_and_the_cluster_are_measured() -> None:
    metrics = ProxyMetrics()
    with run(topics={"orders": 1}) as cluster, MetricsEndpoint(ANY_PORT, metrics) as endpoint:
        upstream = HostPort.parse(cluster.bootstrap)
        config = ProxyConfig(upstream=(upstream,), listen=ANY_PORT)
        async with Proxy(config, measurements=metrics) as proxy, trio.open_nursery() as nursery:
            await nursery.start(endpoint.serve, proxy)
            await trio.to_thread.run_sync(deliver, proxy.bootstrap)
            paths = ("/metrics", "/health", "/other")
            seen = await trio.to_thread.run_sync(partial(ask_health, endpoint.url, timeout=20))
            answers = [await trio.to_thread.run_sync(fetched, endpoint.url + path) for path in paths]
            nursery.cancel_scope.cancel()
    assert [status for status, _ in answers] == [200, 200, 404]
    assert (seen.healthy, seen.problem, seen.unreachable, len(seen.ports)) == (True, "", (), 1)
    lines = answers[0][1].splitlines()
    assert 'kafkalite_proxy_message_bytes_count{api="Produce",kind="request"} 1.0' in lines
    assert 'kafkalite_proxy_hop_seconds_count{api="Produce",hop="cluster"} 1.0' in lines
    assert 'kafkalite_proxy_hop_seconds_count{api="Produce",hop="client"} 1.0' in lines
    assert f'kafkalite_proxy_upstream_up{{broker="{upstream}"}} 1.0' in lines
    made = metrics.registry.get_sample_value("kafkalite_proxy_connections_total")
    assert made
    assert made == ended(metrics, "client") + ended(metrics, "drained")


async def test_why_a_connection_has_ended_is_counted() -> None:
    metrics = ProxyMetrics()
    with run() as gone:
        upstream = HostPort.parse(gone.bootstrap)
    async with Proxy(ProxyConfig(upstream=(upstream,), listen=ANY_PORT), measurements=metrics) as proxy:
        address = HostPort.parse(proxy.bootstrap)
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
            assert await stream.receive_some() == b""
    assert ended(metrics, "cluster unreachable") == 1


def ended(metrics: ProxyMetrics, reason: str) -> float:
    name = "kafkalite_proxy_connections_ended_total"
    return metrics.registry.get_sample_value(name, {"reason": reason}) or 0.0


async def test_the_doctor_sees_a_proxy_without_a_cluster() -> None:
    metrics = ProxyMetrics()
    with run() as gone:
        upstream = HostPort.parse(gone.bootstrap)
    config = ProxyConfig(upstream=(upstream,), listen=ANY_PORT)
    with MetricsEndpoint(ANY_PORT, metrics) as endpoint:
        async with Proxy(config) as proxy, trio.open_nursery() as nursery:
            await nursery.start(endpoint.serve, proxy)
            seen = await trio.to_thread.run_sync(partial(ask_health, endpoint.url, timeout=20))
            nursery.cancel_scope.cancel()
    ((address, reason),) = seen.unreachable
    assert (seen.healthy, seen.problem, address) == (False, "", str(upstream))
    assert "refused" in reason


def deliver(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("orders", b"two apples")
    assert producer.flush(20) == 0


def fetched(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=30) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()

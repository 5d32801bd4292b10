"""The controls of a proxy over HTTP: what an operator sees, and faults and requests as a broker's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from confluent_kafka import Producer

from kafkalite.addresses import HostPort
from kafkalite.controls.faults.fault import Fault
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.proxy import ControlsOfProxy
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.testing import Handle, ProxyHandle, connect_to_proxy, run, run_proxy

Use = Callable[[Callable[[ProxyHandle], Any]], Awaitable[Any]]
TIMEOUT = 20
TOKEN = "a token for tests"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Handle]:
    with run(topics={"orders": 1}) as handle:
        yield handle


@asynccontextmanager
async def served(cluster: Handle, *faults: Fault) -> AsyncIterator[Use]:
    """Run a proxy with controls that ask for a token; yields a way to use them from a thread."""
    config = ProxyConfig(upstream=(HostPort.parse(cluster.bootstrap),), listen=HostPort("127.0.0.1", 0))
    with ControlsOfProxy(HostPort("127.0.0.1", 0), ControlsAccess(token=TOKEN), faults) as endpoint:
        async with Proxy(config) as proxy, trio.open_nursery() as nursery:
            await nursery.start(endpoint.serve, proxy)

            async def use(function: Callable[[ProxyHandle], Any]) -> Any:
                def connected() -> Any:
                    with connect_to_proxy(proxy.bootstrap, endpoint.url, token=TOKEN) as handle:
                        return function(handle)

                return await trio.to_thread.run_sync(connected)

            yield use
            nursery.cancel_scope.cancel()


def deliver(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("orders", b"two apples")
    assert producer.flush(TIMEOUT) == 0


async def test_faults_and_requests_are_steered_from_elsewhere(cluster: Handle) -> None:
    def test(proxy: ProxyHandle) -> None:
        with proxy.requests.recording() as requests:
            with proxy.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", times=1) as fault:
                deliver(proxy.bootstrap)
                assert [fired.api for fired in fault.await_fired()] == ["Produce"]
            assert len(requests.find("Produce")) == 2

    async with served(cluster) as use:
        await use(test)


async def test_faults_of_the_start_are_listed(cluster: Handle) -> None:
    async with served(cluster, Fault("Produce", delay=0.001, name="slow")) as use:
        assert [fault.name for fault in await use(lambda proxy: proxy.faults.active())] == ["slow"]


async def test_health_names_the_brokers_and_their_ports(cluster: Handle) -> None:
    def test(proxy: ProxyHandle) -> None:
        deliver(proxy.bootstrap)
        health = proxy.health()
        assert health.healthy
        assert [(each.address, each.reachable) for each in health.upstream] == [(cluster.bootstrap, True)]
        (broker,) = health.brokers
        assert (broker.upstream, broker.pinned) == (cluster.bootstrap, False)
        assert broker.port not in (int(proxy.bootstrap.rpartition(":")[2]), 0)

    async with served(cluster) as use:
        await use(test)


def test_a_cluster_that_is_gone_is_not_healthy() -> None:
    with run() as gone:
        address = gone.bootstrap
    with run_proxy(address) as proxy:
        health = proxy.health()
        assert not health.healthy
        (broker,) = health.upstream
        assert not broker.reachable
        assert "refused" in str(broker.problem)


async def test_who_has_no_token_is_refused(cluster: Handle) -> None:
    config = ProxyConfig(upstream=(HostPort.parse(cluster.bootstrap),), listen=HostPort("127.0.0.1", 0))
    with ControlsOfProxy(HostPort("127.0.0.1", 0), ControlsAccess(token=TOKEN)) as endpoint:
        async with Proxy(config) as proxy, trio.open_nursery() as nursery:
            await nursery.start(endpoint.serve, proxy)

            def ask() -> None:
                with connect_to_proxy(proxy.bootstrap, endpoint.url):
                    pass

            with pytest.raises(ValueError, match="token of the controls is missing"):
                await trio.to_thread.run_sync(ask)
            nursery.cancel_scope.cancel()


def test_a_proxy_without_a_file_reloads_nothing(cluster: Handle) -> None:
    with run_proxy(cluster.bootstrap) as proxy, pytest.raises(ValueError, match="without --config"):
        proxy.reload()

"""Limits of connections, at a broker whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import ConfigError, load
from kafkalite.server import admission
from kafkalite.server.admission import Admission
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from tests.support.protocol_client import ProtocolClient

PING = ListGroupsRequest()


class Limited:
    def __init__(self, broker: Broker, clock: SteerableClock) -> None:
        self.broker = broker
        self.clock = clock
        self.streams: list[trio.SocketStream] = []

    @property
    def admission(self) -> Admission:
        (node,) = self.broker._nodes.values()
        assert node.admission is not None
        return node.admission

    async def connect(self, listener: int = 0) -> ProtocolClient:
        stream = await trio.open_tcp_stream(*self.broker.addresses[listener])
        self.streams.append(stream)
        return ProtocolClient(stream)

    async def configure(self, client: ProtocolClient, **configs: str) -> int:
        changes = tuple(
            AlterableConfig(name=name.replace("_", "."), config_operation=0, value=value)
            for name, value in configs.items()
        )
        resource = AlterConfigsResource(resource_type=4, resource_name="1", configs=changes)
        answer = await client.call(IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False), 1)
        code: int = answer.responses[0].error_code
        return code

    async def limit_address(self, client: ProtocolClient, rate: float) -> None:
        op = OpData(key="connection_creation_rate", value=rate, remove=False)
        entry = EntryData(entity=(EntityData(entity_type="ip", entity_name=None),), ops=(op,))
        await client.call(AlterClientQuotasRequest(entries=(entry,), validate_only=False), 1)


@asynccontextmanager
async def running(properties: Mapping[str, str]) -> AsyncGenerator[Limited]:
    clock = SteerableClock()
    config = load(data="/data", properties={"listeners": "127.0.0.1:0", **properties})
    async with Broker(config, clock=clock, file_system=MemoryFileSystem()) as broker:
        clock.freeze()
        limited = Limited(broker, clock)
        with trio.fail_after(60):
            yield limited
        for stream in limited.streams:
            await trio.aclose_forcefully(stream)


async def waits(client: ProtocolClient) -> bool:
    """Ask something; return whether nothing happens."""
    await client.send(PING, 4)
    return await still_waits(client)


async def still_waits(client: ProtocolClient) -> bool:
    await wait_all_tasks_blocked(0.005)
    with trio.move_on_after(0) as waiting:
        await client.receive_frame()
    return waiting.cancelled_caught


async def test_connections_above_the_limit_wait_until_others_end() -> None:
    async with running({"max.connections": "2"}) as limited:
        first, second, third = [await limited.connect() for _ in range(3)]
        await first.call(PING, 4)
        await second.call(PING, 4)
        assert await waits(third)
        await trio.aclose_forcefully(first.stream)
        await third.receive_frame()
        assert await limited.configure(third, max_connections="3") == 0
        await (await limited.connect()).call(PING, 4)


async def test_clients_of_two_listeners_wait_for_the_same_place() -> None:
    listeners = {
        "listeners": "A://127.0.0.1:0,B://127.0.0.1:0",
        "listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT",
        "max.connections": "1",
    }
    async with running(listeners) as limited:
        client = await limited.connect()
        await client.call(PING, 4)
        waiting = [await limited.connect(listener) for listener in (0, 1)]
        for each in waiting:
            assert await waits(each)
        served: list[ProtocolClient] = []

        async def be_served_and_leave(client: ProtocolClient) -> None:
            await client.receive_frame()
            served.append(client)
            await trio.aclose_forcefully(client.stream)

        async with trio.open_nursery() as nursery:
            for each in waiting:
                nursery.start_soon(be_served_and_leave, each)
            await trio.aclose_forcefully(client.stream)
        assert len(served) == 2


async def test_a_raised_limit_admits_those_that_wait() -> None:
    async with running({"listener.name.plaintext.max.connections": "1"}) as limited:
        client, waiting = await limited.connect(), await limited.connect()
        await client.call(PING, 4)
        assert await waits(waiting)
        assert await limited.configure(client, **{"listener.name.plaintext.max.connections": "2"}) == 0
        await waiting.receive_frame()


async def test_a_lowered_limit_closes_the_connections_that_were_idle_longest() -> None:
    async with running({}) as limited:
        clients = [await limited.connect() for _ in range(3)]
        for client in clients:
            await client.call(PING, 4)
        assert await limited.configure(clients[2], max_connections="1") == 0
        assert await clients[0].is_closed()
        assert await clients[1].is_closed()
        await clients[2].call(PING, 4)


async def test_connections_above_the_number_of_an_address_are_closed() -> None:
    async with running({"max.connections.per.ip": "0", "max.connections.per.ip.overrides": "127.0.0.1:2"}) as limited:
        first, second, third = [await limited.connect() for _ in range(3)]
        assert await third.is_closed()
        await first.call(PING, 4)
        await trio.aclose_forcefully(first.stream)
        await wait_all_tasks_blocked()
        await second.call(PING, 4)
        await (await limited.connect()).call(PING, 4)


async def test_connections_above_the_rate_wait() -> None:
    async with running({"max.connection.creation.rate": "1"}) as limited:
        clients = [await limited.connect() for _ in range(12)]
        for client in clients[:10]:
            await client.call(PING, 4)
        assert await waits(clients[10])
        limited.clock.advance(1)
        await clients[10].receive_frame()
        assert await waits(clients[11])
        limited.clock.advance(1)
        await clients[11].receive_frame()


async def test_an_address_above_its_rate_is_held_up_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MOST_HELD_UP", 3)
    async with running({}) as limited:
        client = await limited.connect()
        await limited.limit_address(client, 1)
        served = [await limited.connect() for _ in range(10)]
        refused = [await limited.connect() for _ in range(5)]
        for each in served:
            await each.call(PING, 4)
        assert await refused[3].is_closed()  # so many are not kept
        assert await waits(refused[0])
        limited.clock.advance(1)
        for each in refused[:3]:
            assert await each.is_closed()
        assert limited.admission.quotas.total == 11


async def test_connections_that_are_refused_or_wait_leave_nothing_behind() -> None:
    limits = {"max.connections.per.ip": "20", "max.connections": "10", "max.connection.creation.rate": "1000"}
    async with running(limits) as limited:
        client = await limited.connect()
        await limited.limit_address(client, 5)
        await wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(20):
            streams = [(await limited.connect()).stream for _ in range(15)]
            for stream in streams:
                await trio.aclose_forcefully(stream)
            limited.clock.advance(0.5)
            await wait_all_tasks_blocked()
        limited.clock.advance(60)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living <= before
        quotas = limited.admission.quotas
        assert (quotas.total, quotas.addresses, len(limited.admission._held_up)) == (1, 1, 0)
        await client.call(PING, 4)


async def test_the_broker_stops_while_connections_wait() -> None:
    async with running({"max.connections": "1"}) as limited:
        client, waiting = await limited.connect(), await limited.connect()
        await client.call(PING, 4)
        assert await waits(waiting)
        limited.broker.stop()
        assert await waiting.is_closed()


@pytest.mark.parametrize(
    "properties",
    [
        {"max.connections.per.ip": "0"},
        {"listener.name.plaintext.max.connections": "0"},
        {"listener.name.plaintext.max.connection.creation.rate": "x"},
        {"max.connections.per.ip.overrides": "nowhere"},
    ],
)
def test_limits_that_cannot_be_meant_are_refused(properties: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(properties)).rpartition("max.")[2]):
        load(listen=["127.0.0.1:0"], data="/data", properties=properties)

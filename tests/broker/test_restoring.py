"""A broker that goes back to a snapshot: one node follows another, and nothing of the first one is left."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

import kafkalite
from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite.requests.context import RequestContext
from kafkalite.requests.interceptors import Forward, Interceptor, Stage
from kafkalite.requests.response_handle import ResponseHandle
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.snapshots import directory_swap
from kafkalite_wire.apis import Api, ApiKey
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.records import Record, build_batch, check_produced
from tests.support.protocol_client import ProtocolClient

Connect = Callable[[], Awaitable[ProtocolClient]]

METADATA = MetadataRequest(topics=None)
CREATION = CreateTopicsRequest(
    topics=(CreatableTopic(name="late", num_partitions=1, replication_factor=1, assignments=(), configs=()),),
    timeout_ms=1000,
)


def produce(broker: Broker, topic: str, value: bytes = b"v") -> None:
    if topic not in broker.cluster.storage.topics:
        broker.cluster.create_topic(topic, 1, {})
    batch = memoryview(bytearray(build_batch([Record(value=value)])))
    broker.cluster.append(topic, 0, batch, check_produced(batch))


class Keeping(Interceptor):
    """Holds the creation of topics."""

    stage = Stage.FAULTS

    def __init__(self) -> None:
        self.kept: list[Forward] = []

    def wants(self, api: Api, version: int) -> bool:
        return api.key is ApiKey.CREATE_TOPICS

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        self.kept.append(forward)


async def test_a_trio_program_goes_back_to_a_snapshot_and_forks_it() -> None:
    async with kafkalite.Broker() as broker:
        produce(broker, "t")
        snapshot = broker.take_snapshot()
        produce(broker, "u")
        await broker.restore(snapshot)
        assert set(broker.cluster.storage.topics) == {"t"}
        async with broker.fork(snapshot) as fork:
            produce(fork, "v")
            assert set(fork.cluster.storage.topics) == {"t", "v"}
            assert fork.bootstrap != broker.bootstrap
        assert set(broker.cluster.storage.topics) == {"t"}


async def test_clients_are_cut_off_and_find_the_broker_at_the_same_address(broker: Broker, connect: Connect) -> None:
    clients = [await connect() for _ in range(3)]
    for client in clients:
        await client.call(METADATA, 9)
    snapshot = broker.take_snapshot()
    with trio.fail_after(60):
        await broker.restore(snapshot)
        for client in clients:
            assert await client.is_closed()
        assert (await (await connect()).call(METADATA, 9)).brokers


async def test_clients_that_come_in_the_meantime_wait(
    broker: Broker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = broker.take_snapshot()
    produce(broker, "t")
    assert broker._tending is not None
    begun, may_go_on, stop = trio.Event(), trio.Event(), broker._tending.stop

    async def slow_stop() -> None:
        begun.set()
        await may_go_on.wait()
        await stop()

    monkeypatch.setattr(broker._tending, "stop", slow_stop)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(broker.restore, snapshot)
        await begun.wait()
        client = await connect()
        await client.send(METADATA, 9)
        with trio.move_on_after(0.1) as waiting:
            await client.receive_frame()
        assert waiting.cancelled_caught
        may_go_on.set()
    _, answer = await client.receive(MetadataResponse, 9)
    assert not answer.topics, "the restored broker answered"


async def test_what_was_kept_for_later_is_not_done_to_what_was_restored(broker: Broker, connect: Connect) -> None:
    rule = Keeping()
    broker.pipeline.interceptors.add(rule)
    snapshot = broker.take_snapshot()
    await (await connect()).send(CREATION, 5)
    with trio.fail_after(60):
        while not rule.kept:  # noqa: ASYNC110  # the handler runs in the broker and sets no event
            await trio.sleep(0.001)
    await broker.restore(snapshot)
    rule.kept[0]()
    assert set(broker.cluster.storage.topics) == set()


@pytest.fixture
def steered() -> tuple[Broker, SteerableClock]:
    clock = SteerableClock()
    config = load(listen=["127.0.0.1:0"], data="/kafkalite")
    return Broker(config, clock=clock, file_system=MemoryFileSystem()), clock


async def test_nothing_that_was_due_before_happens_after(
    steered: tuple[Broker, SteerableClock], caplog: pytest.LogCaptureFixture
) -> None:
    broker, clock = steered
    async with broker:
        snapshot = broker.take_snapshot()
        before = broker.cluster
        before.create_topic("gone", 1, {"flush.ms": "1000"})
        produce(broker, "gone")
        before.groups.coordinator  # noqa: B018  # from now on it has an alarm, for the expiry of offsets
        await broker.restore(snapshot)
        with caplog.at_level(logging.ERROR):
            clock.advance(24 * 3600)
            before.timers.call_due(clock.now())
        assert not caplog.records
        assert before.groups._service._timer is None
        assert not broker.cluster.storage.filesystem.exists("/kafkalite/gone-0")


async def test_a_restore_that_is_cancelled_is_done_all_the_same(broker: Broker, connect: Connect) -> None:
    snapshot = broker.take_snapshot()
    produce(broker, "t")
    with trio.CancelScope() as scope:
        scope.cancel()
        await broker.restore(snapshot)
    assert set(broker.cluster.storage.topics) in ({"t"}, set())
    assert (await (await connect()).call(METADATA, 9)).brokers


async def test_restores_come_one_after_the_other(broker: Broker) -> None:
    first = broker.take_snapshot()
    produce(broker, "t")
    second = broker.take_snapshot()
    async with trio.open_nursery() as nursery:
        for snapshot in (first, second, first, second):
            nursery.start_soon(broker.restore, snapshot)
    assert set(broker.cluster.storage.topics) in ({"t"}, set())
    await broker.restore(second)
    assert set(broker.cluster.storage.topics) == {"t"}


async def test_a_broker_that_was_stopped_restores_nothing() -> None:
    async with kafkalite.Broker() as broker:
        snapshot = broker.take_snapshot()
        produce(broker, "t")
        broker.stop()
        with pytest.raises(RuntimeError, match="does not run"):
            await broker.restore(snapshot)
        assert set(broker.cluster.storage.topics) == {"t"}


async def test_a_restore_that_fails_half_way_ends_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="Input/output"), flatten_subgroups=True):
        async with kafkalite.Broker() as broker:
            snapshot = broker.take_snapshot()
            monkeypatch.setattr(directory_swap, "swap", fail)
            with pytest.raises(OSError, match="Input/output"):
                await broker.restore(snapshot)
            await trio.sleep(5)

"""An unexpected exception in a timer or in a request that waited ends what it belongs to and nothing else."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite.coordinators.groups.coordinator import GroupCoordinator
from kafkalite.coordinators.results import CoordinatorRecord, CoordinatorResult
from kafkalite.fetch.reader import FetchReader
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kafkalite_wire.messages.metadata import MetadataRequest
from tests.support.protocol_client import ProtocolClient
from tests.support.requests import fetch_each, produce_each

Connect = Callable[[], Awaitable[ProtocolClient]]


class UnexpectedError(Exception):
    """An unexpected exception."""


def fail(*_: object, **__: object) -> None:
    raise UnexpectedError


@pytest.fixture
async def clock() -> SteerableClock:
    made = SteerableClock()
    made.freeze()
    return made


@pytest.fixture
def crashes() -> list[Exception]:
    return []


@pytest.fixture
async def broker(clock: SteerableClock, crashes: list[Exception]) -> AsyncIterator[Broker]:
    settings = ["group.initial.rebalance.delay.ms=3000"]
    config = load(listen=["127.0.0.1:0"], data="/kafkalite", settings=settings)
    async with Broker(config, clock=clock, file_system=MemoryFileSystem()) as made:
        made.cluster.create_topic("t", 1, {})
        made.crash_guard.on_crash = crashes.append
        with trio.fail_after(60):
            yield made


async def is_served(connect: Connect) -> bool:
    return bool((await (await connect()).call(MetadataRequest(topics=()), 9)).brokers)


async def wait_for_fetch(broker: Broker) -> None:
    while not broker.cluster.delayed_fetches:
        await trio.lowlevel.checkpoint()


async def test_a_fetch_whose_time_is_up_fails_alone(
    broker: Broker,
    clock: SteerableClock,
    client: ProtocolClient,
    connect: Connect,
    crashes: list[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await client.send(fetch_each(0, max_wait_ms=1000), 12)
    await wait_for_fetch(broker)
    monkeypatch.setattr(FetchReader, "read", fail)
    clock.advance(1)
    assert await client.is_closed()
    assert await is_served(connect)
    assert [type(error) for error in crashes] == [UnexpectedError]
    assert "Traceback" in caplog.text


async def test_a_fetch_that_has_what_it_waited_for_fails_alone(
    broker: Broker,
    client: ProtocolClient,
    connect: Connect,
    crashes: list[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await client.send(fetch_each(0, max_wait_ms=1000), 12)
    await wait_for_fetch(broker)
    monkeypatch.setattr(PartitionLog, "read", fail)
    producer = await connect()
    response = await producer.call(produce_each(("t", 0)), 9)
    assert response.responses[0].partition_responses[0].error_code == ErrorCode.NONE
    assert await client.is_closed()
    assert (await producer.call(MetadataRequest(topics=()), 9)).brokers
    assert [type(error) for error in crashes] == [UnexpectedError]


JOIN = JoinGroupRequest(
    group_id="g",
    session_timeout_ms=10_000,
    rebalance_timeout_ms=10_000,
    member_id="",
    protocol_type="consumer",
    protocols=(JoinGroupRequestProtocol(name="range", metadata=b""),),
)


@pytest.fixture
async def member(broker: Broker, client: ProtocolClient) -> ProtocolClient:
    """A client that joins a group, and waits for others to join it, too."""
    await client.send(JOIN, 3)
    while not broker.cluster.groups.coordinator.waiting_handles():
        await trio.lowlevel.checkpoint()
    return client


async def test_groups_whose_time_cannot_pass_are_read_again(
    clock: SteerableClock,
    member: ProtocolClient,
    connect: Connect,
    crashes: list[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(GroupCoordinator, "advance", fail)
        clock.advance(10)
        assert await member.is_closed()
    assert [type(error) for error in crashes] == [UnexpectedError]
    again = await connect()
    await again.send(JOIN, 3)
    while not is_answered(again):
        clock.advance(1)
        await trio.lowlevel.checkpoint()
    assert (await again.receive(JoinGroupResponse, 3))[1].error_code == ErrorCode.NONE


def is_answered(client: ProtocolClient) -> bool:
    return bool(select.select([client.stream.socket], [], [], 0)[0])


async def test_groups_that_cannot_be_read_when_their_time_comes_do_not_end_the_broker(
    broker: Broker, clock: SteerableClock, member: ProtocolClient, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StorageFailure("the disk is gone")

    monkeypatch.setattr(PartitionLog, "append", fails)
    monkeypatch.setattr(GroupCoordinator, "load", fails)
    broker.cluster.groups.perform(CoordinatorResult(records=(CoordinatorRecord("g", b"key", b"value"),), replies=()))
    assert await member.is_closed()
    clock.advance(86_400)
    assert await is_served(connect)

"""New connections above a limit wait or are closed alike on both brokers.

Not in the suite, because it takes a minute of waiting. Name the file to run it.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from kafkalite_conformance.differential.brokers import Brokers, both_brokers
from kafkalite_conformance.differential.compare_throttling import alter
from kafkalite_conformance.differential.connection import Connection, NoAnswerError
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

_PING = DescribeClusterRequest(include_cluster_authorized_operations=False)
_BROKER = 4
_SET, _DELETE = 0, 1
_SETTLE = 0.5
Seen = list[tuple[str, object, float]]
"""What was looked at, what was seen, which is equal on both brokers, and a time in seconds, which is about equal."""


async def _configure(admin: Connection, configs: Mapping[str, str | None], name: str = "1") -> tuple[int, str | None]:
    changes = tuple(
        AlterableConfig(name=key, config_operation=_DELETE if value is None else _SET, value=value)
        for key, value in configs.items()
    )
    resource = AlterConfigsResource(resource_type=_BROKER, resource_name=name, configs=changes)
    await admin.send(IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False), 1)
    answer: Any = await admin.receive()
    await trio.sleep(_SETTLE)
    result = answer.responses[0]
    return result.error_code, result.error_message


@asynccontextmanager
async def _configured(bootstrap: str, configs: Mapping[str, str]) -> AsyncGenerator[Connection]:
    admin = await Connection.open(bootstrap, "an admin")
    assert (await _configure(admin, configs))[0] == 0
    try:
        yield admin
    finally:
        assert (await _configure(admin, dict.fromkeys(configs)))[0] == 0
        await admin.close()
        await trio.sleep(_SETTLE)


async def _outcome(connection: Connection, patience: float = 1.5) -> str:
    """Return what happens to a connection that asks something."""
    try:
        await connection.send(_PING, 0)
        with trio.move_on_after(patience):
            await connection.receive()
            return "served"
    except NoAnswerError:
        return "closed"
    return "waits"


async def _numbers_of_an_address(bootstrap: str) -> Seen:
    seen: Seen = []
    for configs in (
        {"max.connections.per.ip": "3"},
        {"max.connections.per.ip": "1", "max.connections.per.ip.overrides": "127.0.0.1:3,10.0.0.1:5"},
    ):
        async with _configured(bootstrap, configs):
            opened = [await Connection.open(bootstrap, "c") for _ in range(4)]
            for number, connection in enumerate(opened):
                seen.append((f"{configs}, {number}", await _outcome(connection), 0))
            await opened[0].close()
            await trio.sleep(_SETTLE)
            again = await Connection.open(bootstrap, "c")
            seen.append((f"{configs}, one was closed", await _outcome(again), 0))
            for connection in (*opened, again):
                await connection.close()
    return seen


async def _numbers_of_all(bootstrap: str) -> Seen:
    seen: Seen = []
    for name in ("max.connections", "listener.name.plaintext.max.connections"):
        async with _configured(bootstrap, {name: "3"}):
            opened = [await Connection.open(bootstrap, "c") for _ in range(4)]
            for number, connection in enumerate(opened[:3]):
                seen.append((f"{name}, {number}", await _outcome(connection), 0))
            await opened[0].close()
            await trio.sleep(_SETTLE)
            with trio.move_on_after(3):
                await opened[2].receive()
                seen.append((f"{name}, the third, when one was closed", "served", 0))
            seen.append((f"{name}, the fourth", await _outcome(opened[3]), 0))
            for connection in opened:
                await connection.close()
    return seen


async def _lowered(bootstrap: str) -> Seen:
    opened = [await Connection.open(bootstrap, "c") for _ in range(4)]
    for connection in opened:
        await connection.send(_PING, 0)
        await connection.receive()
    async with _configured(bootstrap, {"max.connections": "3"}):
        await trio.sleep(2)
        outcomes = [await _outcome(connection) for connection in opened]
        for connection in opened:
            await connection.close()
    # Which ones depends on Kafka's network threads.
    return [("lowered", sorted(outcomes), 0)]


async def _rates(bootstrap: str) -> Seen:
    seen: Seen = []
    for name in ("max.connection.creation.rate", "listener.name.plaintext.max.connection.creation.rate"):
        async with _configured(bootstrap, {name: "2"}):
            begin = time.monotonic()
            opened = [await Connection.open(bootstrap, "c") for _ in range(25)]
            for number, connection in enumerate(opened):
                outcome = await _outcome(connection, 5)
                seen.append((f"{name}, {number}", outcome, time.monotonic() - begin))
                await connection.close()
        await trio.sleep(12)
    return seen


async def _rate_of_an_address(bootstrap: str) -> Seen:
    seen: Seen = []
    await alter(bootstrap, {"ip": "127.0.0.1"}, {"connection_creation_rate": 2})
    opened = [await Connection.open(bootstrap, "c") for _ in range(25)]
    begin = time.monotonic()
    for number, connection in enumerate(opened):
        outcome = await _outcome(connection, 5)
        seen.append((f"rate of an address, {number}", outcome, time.monotonic() - begin))
        await connection.close()
    await trio.sleep(12)
    await alter(bootstrap, {"ip": "127.0.0.1"}, {"connection_creation_rate": None})
    return seen


async def _mistakes(bootstrap: str) -> Seen:
    seen: Seen = []
    admin = await Connection.open(bootstrap, "an admin")
    for configs in (
        {"max.connections": "-1"},
        {"max.connections": "x"},
        {"max.connections.per.ip": "-1"},
        {"max.connections.per.ip.overrides": "127.0.0.1"},
        {"max.connections.per.ip.overrides": "127.0.0.1:x"},
        {"max.connection.creation.rate": "-1"},
        {"listener.name.plaintext.max.connections": "0"},
        {"listener.name.plaintext.max.connections": "-1"},
        {"listener.name.plaintext.max.connections": "x"},
        {"listener.name.plaintext.max.connection.creation.rate": "0"},
        {"listener.name.nosuch.max.connections": "5"},
        {"listener.name.plaintext.max.connections.per.ip": "5"},
    ):
        code, message = await _configure(admin, configs)
        seen.append((str(configs), code, 0))
        print(configs, code, message)
        await _configure(admin, dict.fromkeys(configs))
    await admin.close()
    return seen


_VISITS: tuple[Callable[[str], Awaitable[Seen]], ...] = (
    _numbers_of_an_address, _numbers_of_all, _lowered, _rates, _rate_of_an_address, _mistakes,
)  # fmt: skip


@pytest.fixture(scope="module")
def brokers() -> Generator[Brokers]:
    """Start both brokers."""
    with both_brokers() as started:
        yield started


@pytest.mark.parametrize("visit", _VISITS, ids=lambda visit: visit.__name__.strip("_"))
def test_connection_limits(visit: Callable[[str], Awaitable[Seen]], brokers: Brokers) -> None:
    """The same connections are served, wait or are closed, at about the same times."""
    kafka, kafkalite = (trio.run(visit, each) for each in (brokers.kafka, brokers.kafkalite))
    assert [row[:2] for row in kafkalite] == [row[:2] for row in kafka]
    for ours, theirs in zip(kafkalite, kafka, strict=True):
        assert ours[2] == pytest.approx(theirs[2], abs=1.0), ours[0]

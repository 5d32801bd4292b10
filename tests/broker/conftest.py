"""A broker in the test's own process, on a free port and a fresh directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.config import BrokerConfig, load
from tests.support.protocol_client import ProtocolClient

Connect = Callable[[], Awaitable[ProtocolClient]]


@pytest.fixture
def settings() -> list[str]:
    """Broker properties; override the fixture to change them."""
    return ["offsets.topic.num.partitions=3"]


@pytest.fixture
def config(tmp_path: Path, settings: list[str]) -> BrokerConfig:
    return load(listen=["127.0.0.1:0"], data=tmp_path / "data", settings=settings)


@pytest.fixture
async def broker(config: BrokerConfig, nursery: trio.Nursery) -> Broker:
    made = Broker(config)
    await nursery.start(made.run)
    return made


@pytest.fixture
async def connect(broker: Broker) -> AsyncIterator[Connect]:
    streams: list[trio.SocketStream] = []

    async def connect() -> ProtocolClient:
        stream = await trio.open_tcp_stream(*broker.addresses[0])
        streams.append(stream)
        return ProtocolClient(stream)

    yield connect
    for stream in streams:
        await trio.aclose_forcefully(stream)


@pytest.fixture
async def client(connect: Connect) -> ProtocolClient:
    return await connect()

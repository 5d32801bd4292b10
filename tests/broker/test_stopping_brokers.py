"""One of several brokers is stopped while clients come and go."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.broker import Broker
from kafkalite.config import load


@pytest.mark.parametrize("how", [Broker.stop_broker, Broker.kill_broker])
@pytest.mark.parametrize("turns", range(5))
async def test_a_client_that_comes_at_the_last_moment_is_closed(
    how: Callable[[Broker, int], Awaitable[None]], turns: int, tmp_path: Path
) -> None:
    config = load(listen=["127.0.0.1:0"], brokers=2, data=tmp_path, settings=["broker.session.timeout.ms=0"])
    async with Broker(config) as broker:
        clients = [socket.create_connection(broker.addresses[1], timeout=10) for _ in range(3)]
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        with trio.fail_after(10):
            await how(broker, 2)
        await wait_all_tasks_blocked()
        for client in clients:
            with client, suppress(ConnectionResetError):
                assert client.recv(1) == b""

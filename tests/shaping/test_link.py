"""A link between two sockets, by trio's mock clock: no test sleeps."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kafkalite.background.timers import TimerQueue
from kafkalite.shaping.link import Link, Shaping
from kafkalite.shaping.stream import CAPACITY, NamedToxic
from kafkalite.shaping.toxics import Latency, ResetPeer, Timeout


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    return one, other


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Shaping, trio.SocketStream, trio.SocketStream]]:
    """Yield the toxics, and both ends of a connection through a link."""
    client, outer = connected()
    inner, server = connected()
    timers = TimerQueue()
    shaping = Shaping(timers)
    one, other = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (client, server))
    async with trio.open_nursery() as nursery, one, other:
        nursery.start_soon(timers.run)
        nursery.start_soon(Link(outer, inner, shaping).run)
        yield shaping, one, other
        nursery.cancel_scope.cancel()
    assert not shaping.links


def latency(seconds: float, direction: str = "upstream") -> NamedToxic:
    return NamedToxic(name="slow", toxic=Latency(latency=int(seconds * 1000)), direction=direction)  # type: ignore[arg-type]


async def test_bytes_pass_both_ways() -> None:
    async with linked() as (_, client, server):
        await client.send_all(b"question")
        assert await server.receive_some() == b"question"
        await server.send_all(b"answer")
        assert await client.receive_some() == b"answer"


async def test_each_side_may_end_first() -> None:
    async with linked() as (_, client, server):
        await client.send_eof()
        assert await server.receive_some() == b""
        await server.send_all(b"late answer")
        await server.aclose()
        assert await client.receive_some() == b"late answer"
        assert await client.receive_some() == b""


async def test_a_toxic_acts_on_connections_that_exist(mock_clock: MockClock) -> None:
    async with linked() as (shaping, client, server):
        shaping.add(latency(5))
        await client.send_all(b"question")
        await received_by_link()
        mock_clock.jump(4.9)
        await wait_all_tasks_blocked()
        with pytest.raises(BlockingIOError):
            server.socket._sock.recv(1, socket.MSG_DONTWAIT)  # type: ignore[attr-defined]
        mock_clock.jump(0.2)
        assert await server.receive_some() == b"question"


async def test_what_is_held_arrives_when_a_toxic_is_removed(mock_clock: MockClock) -> None:
    async with linked() as (shaping, client, server):
        shaping.add(latency(3600, "downstream"))
        await server.send_all(b"answer")
        await received_by_link()
        shaping.remove("slow")
        assert await client.receive_some() == b"answer"
        await client.send_all(b"on")
        assert await server.receive_some() == b"on"


async def test_a_sender_is_held_back(autojump_clock: MockClock) -> None:
    async with linked() as (shaping, client, server):
        shaping.add(latency(1))
        (link,) = shaping.links
        total = 3 * CAPACITY
        held: list[int] = []

        async def receive() -> None:
            received = 0
            while received < total:
                received += len(await server.receive_some(1 << 20))
                held.append(link.upstream.stream.size)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await client.send_all(bytes(total))
        assert max(held) <= CAPACITY + (1 << 16)
        assert trio.current_time() >= 3  # seconds: the capacity is a second's


async def test_a_timeout_closes_both_sides(mock_clock: MockClock) -> None:
    async with linked() as (shaping, client, server):
        shaping.add(NamedToxic(name="silence", toxic=Timeout(timeout=1000)))
        await wait_all_tasks_blocked()
        mock_clock.jump(1.1)
        assert await client.receive_some() == b""
        assert await server.receive_some() == b""


async def test_reset_peer_resets() -> None:
    async with linked() as (shaping, client, _):
        shaping.add(NamedToxic(name="reset", toxic=ResetPeer(), direction="upstream"))
        await client.send_all(b"question")
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_all_connections_can_be_cut_off() -> None:
    async with linked() as (shaping, client, _):
        shaping.cut_off()
        assert await client.receive_some() == b""


async def received_by_link() -> None:
    """Let the link take what was sent: loopback needs no time, but the loop has to look."""
    await wait_all_tasks_blocked(0.01)

"""The plain transport over a socket pair, and an outbox over a transport that takes what a test allows."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Sequence

import pytest
import trio
import trio.testing

from kafkalite.server.outbox import Outbox
from kafkalite.server.transport import PlainTransport
from kafkalite_storage.files.memory_filesystem import MemoryFile
from kafkalite_storage.segment.segment import FetchSlice
from kafkalite_wire.schema import Buffer


async def test_a_plain_transport_receives_sends_and_closes() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        transport = PlainTransport(ours)
        buffer = bytearray(10)
        with pytest.raises(BlockingIOError):
            transport.receive_into(memoryview(buffer))
        theirs.send(b"hello")
        with trio.fail_after(30):
            await transport.wait_readable()
            await transport.wait_writable()
        assert transport.receive_into(memoryview(buffer)) == 5
        assert transport.send([b"one"], more=False) == 3
        assert transport.send([b"two", memoryview(b"three")], more=True) == 8
        assert theirs.recv(100) == b"onetwothree"
        transport.close()
        assert theirs.recv(100) == b""


async def test_a_plain_transport_knows_its_end_without_receiving() -> None:
    ours, theirs = socket.socketpair()
    transport = PlainTransport(ours)
    with theirs:
        assert not transport.has_ended()
        theirs.send(b"hello")
        assert not transport.has_ended()
    assert not transport.has_ended()
    assert transport.receive_into(memoryview(bytearray(10))) == 5
    assert transport.has_ended()
    transport.close()


async def test_closing_a_transport_wakes_what_waits_for_it() -> None:
    ours, theirs = socket.socketpair()
    transport = PlainTransport(ours)
    woken: list[bool] = []

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await transport.wait_readable()
        woken.append(True)

    with theirs, trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            transport.close()
    assert woken


class Narrow:
    """A transport that takes a few bytes at a time, as TLS or a slow client may, and has no files of its own."""

    peer = local = ("?", 0)

    def has_ended(self) -> bool:
        return False

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.may_take = 0
        self.taken = b""

    def send(self, buffers: Sequence[Buffer], *, more: bool) -> int:
        return self._take(b"".join(buffers))

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        raise AssertionError("a log in memory has no descriptor")

    def _take(self, data: bytes) -> int:
        size = min(self.takes, self.may_take, len(data))
        if not size:
            raise BlockingIOError
        self.may_take -= size
        self.taken += data[:size]
        return size

    def receive_into(self, buffer: memoryview, /) -> int:
        raise NotImplementedError

    def wait_readable(self) -> Awaitable[None]:
        raise NotImplementedError

    def wait_writable(self) -> Awaitable[None]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("takes", [1, 2, 3, 7, 1000])
def test_an_outbox_goes_on_where_the_transport_took_no_more(takes: int) -> None:
    transport = Narrow(takes)
    outbox = Outbox(transport)
    stored = bytes(range(256)) * 400
    outbox.put([b"head", b"", FetchSlice(MemoryFile(stored), 100, 50_000), bytearray(b"middle"), memoryview(b"tail")])
    expected = b"head" + stored[100:50_100] + b"middletail"
    assert not outbox.flush()
    while outbox:
        transport.may_take = 5000
        outbox.flush()
    assert transport.taken == expected

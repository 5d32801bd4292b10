"""Responses of a cluster, cut into frames as they arrive."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from kafkalite.errors import RequestError
from kafkalite.proxy.incoming_frames import IncomingFrames
from kafkalite.server.transport import PlainTransport


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


@asynccontextmanager
async def arriving(largest: int = 1 << 24) -> AsyncIterator[tuple[IncomingFrames, trio.SocketStream]]:
    near, far = socket.socketpair()
    transport = PlainTransport(near)
    async with trio.SocketStream(trio.socket.from_stdlib_socket(far)) as stream:
        yield IncomingFrames(transport, largest=largest), stream
    transport.close()


async def test_frames_of_every_size_arrive_whole_and_in_order(nursery: trio.Nursery) -> None:
    bodies = [
        bytes([number % 256]) * size for number, size in enumerate((0, 1, 70_000, 5, 65_532, 65_533, 3_000_000, 9))
    ]
    async with arriving() as (frames, stream):
        nursery.start_soon(stream.send_all, b"".join(map(frame, bodies)))
        assert [await frames.next() for _ in bodies] == [frame(body) for body in bodies]


async def test_a_frame_may_come_byte_by_byte() -> None:
    async with arriving() as (frames, stream):
        for byte in frame(b"slow"):
            await stream.send_all(bytes([byte]))
        assert await frames.next() == frame(b"slow")


@pytest.mark.parametrize("sent", [b"", b"\0\0", frame(b"whole")[:-1], frame(bytes(100_000))[:-1]])
async def test_an_end_inside_a_frame_is_the_end(sent: bytes) -> None:
    async with arriving() as (frames, stream):
        await stream.send_all(sent)
        await stream.send_eof()
        assert await frames.next() is None


@pytest.mark.parametrize("length", [-1, 1001, 0x7FFFFFFF])
async def test_a_length_out_of_bounds_is_refused(length: int) -> None:
    async with arriving(largest=1000) as (frames, stream):
        await stream.send_all(length.to_bytes(4, signed=True))
        with pytest.raises(RequestError, match="announces"):
            await frames.next()

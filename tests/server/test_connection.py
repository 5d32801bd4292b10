"""A connection against a real socket pair, with a dispatcher that the tests play by hand."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.background.timers import TimerQueue
from kafkalite.clock import SteerableClock
from kafkalite.errors import RequestError
from kafkalite.requests.context import RequestContext
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.response_handle import ResponseHandle
from kafkalite.requests.steps import StepQueue
from kafkalite.server.connection import SMALL_BUFFER, Connection
from kafkalite.server.connection_errors import ConnectionErrors
from kafkalite.server.transport import PlainTransport
from kafkalite_wire.apis import APIS, ApiKey

MOST_BYTES = 4_000_000


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def deferred(connection: Connection) -> ResponseHandle[Any]:
    """Take the next place in the order of a connection's responses."""
    return RequestContext(api=APIS[ApiKey.HEARTBEAT], api_version=0, connection=connection).defer()


def settle(handle: ResponseHandle[Any], body: bytes, *, mute: float = 0.0) -> None:
    """Respond with a body in place of an encoded message."""
    handle.mute(mute)
    handle.is_settled = True
    handle.parts = [frame(body)]
    assert handle._queue is not None
    handle._queue.flush_responses()


@dataclass
class Server:
    """Notes every frame and, unless told otherwise, echoes it."""

    frames: list[bytes] = field(default_factory=list)
    on_frame: Callable[[Connection, bytes], None] | None = None
    steps: StepQueue = field(default_factory=lambda: StepQueue(CrashGuard()))

    def __call__(self, connection: Connection, received: memoryview) -> None:
        body = bytes(received)
        self.frames.append(body)
        if self.on_frame is None:
            connection.respond([frame(body)])
        else:
            self.on_frame(connection, body)


@dataclass
class Pair:
    connection: Connection
    client: trio.SocketStream
    ended: trio.Event

    async def read_frame(self) -> bytes:
        (length,) = struct.unpack(">i", await self.read_exactly(4))
        return await self.read_exactly(length)

    async def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self.client.receive_some(size - len(data))
            assert more, "the connection ended early"
            data += more
        return data


async def connect(server: Server, nursery: trio.Nursery, deadlines: TimerQueue | None = None) -> Pair:
    ours, theirs = socket.socketpair()
    timers = deadlines or TimerQueue()
    connection = Connection(
        PlainTransport(ours),
        server,
        timers,
        server.steps,
        crash_guard=CrashGuard(),
        errors=ConnectionErrors(timers),
        most_bytes=MOST_BYTES,
        nursery=nursery,
        started_at=0.0,
    )
    ended = trio.Event()

    async def serve() -> None:
        await connection.serve()
        ended.set()

    client = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))

    async def close_at_the_end() -> None:
        async with client:
            await trio.sleep_forever()

    nursery.start_soon(serve)
    nursery.start_soon(close_at_the_end)
    return Pair(connection, client, ended)


async def test_frames_may_come_in_any_pieces(nursery: trio.Nursery) -> None:
    server = Server()
    pair = await connect(server, nursery)
    bodies = [b"", b"a", b"x" * 100_000, b"y" * (SMALL_BUFFER - 4), b"z" * (SMALL_BUFFER - 3), b"last"]
    stream = b"".join(map(frame, bodies))

    async def send() -> None:
        position = 0
        for size in (1, 2, 3, 5, 7, 4096, 50_000, len(stream)):
            await pair.client.send_all(stream[position : position + size])
            position += size

    nursery.start_soon(send)
    for body in bodies:
        assert await pair.read_frame() == body
    assert server.frames == bodies


async def test_replies_leave_in_the_order_of_their_requests(nursery: trio.Nursery) -> None:
    handles: dict[bytes, ResponseHandle[Any]] = {}

    def keep(connection: Connection, body: bytes) -> None:
        if body.startswith(b"wait"):
            handles[body] = deferred(connection)
        else:
            connection.respond([frame(body)])

    pair = await connect(Server(on_frame=keep), nursery)
    await pair.client.send_all(frame(b"wait 1") + frame(b"wait 2") + frame(b"now"))
    await wait_all_tasks_blocked()

    settle(handles[b"wait 2"], b"second")
    settle(handles[b"wait 1"], b"first")

    assert [await pair.read_frame() for _ in range(3)] == [b"first", b"second", b"now"]


async def test_a_response_handle_knows_when_the_client_disconnects(nursery: trio.Nursery) -> None:
    disconnected = trio.Event()

    def keep(connection: Connection, _: bytes) -> None:
        deferred(connection).on_disconnect(disconnected.set)

    pair = await connect(Server(on_frame=keep), nursery)
    await pair.client.send_all(frame(b"wait"))
    await wait_all_tasks_blocked()
    await pair.client.aclose()
    await disconnected.wait()
    await pair.ended.wait()


async def test_what_arrived_behind_a_request_that_ends_the_connection_is_not_begun(nursery: trio.Nursery) -> None:
    server = Server(on_frame=lambda connection, _: deferred(connection).fail("no"))
    pair = await connect(server, nursery)
    await pair.client.send_all(frame(b"1") + frame(b"2"))
    await pair.ended.wait()
    assert server.frames == [b"1"]


async def test_who_asks_late_whether_another_request_has_come_is_told_at_once(nursery: trio.Nursery) -> None:
    handles: list[ResponseHandle[Any]] = []
    pair = await connect(Server(on_frame=lambda connection, _: handles.append(deferred(connection))), nursery)
    await pair.client.send_all(frame(b"1") + frame(b"2"))
    await wait_all_tasks_blocked()
    told: list[str] = []
    handles[0].on_next_request(lambda: told.append("1"))
    handles[1].on_next_request(lambda: told.append("2"))
    assert told == ["1"]
    await pair.client.send_all(frame(b"3"))
    await wait_all_tasks_blocked()
    assert told == ["1", "2"]


async def test_a_paused_connection_starts_no_request_and_keeps_the_frame(nursery: trio.Nursery) -> None:
    kept: list[memoryview] = []

    def pause(connection: Connection, body: bytes) -> None:
        if body == b"pause":
            connection.pause()
            connection.pause()

    server = Server(on_frame=pause)

    class Keeping(Server):
        def __call__(self, connection: Connection, received: memoryview) -> None:
            kept.append(received)
            server(connection, received)

    pair = await connect(Keeping(), nursery)
    await pair.client.send_all(frame(b"pause") + frame(b"next"))
    await wait_all_tasks_blocked()
    await pair.client.send_all(frame(b"last"))
    await wait_all_tasks_blocked()
    assert server.frames == [bytes(kept[0])] == [b"pause"]
    pair.connection.resume()
    await wait_all_tasks_blocked()
    assert server.frames == [b"pause"]
    pair.connection.resume()
    await wait_all_tasks_blocked()
    assert server.frames == [b"pause", b"next", b"last"]


async def test_a_paused_connection_ends_when_its_client_disconnects(nursery: trio.Nursery) -> None:
    pair = await connect(Server(on_frame=lambda connection, _: connection.pause()), nursery)
    await pair.client.send_all(frame(b"pause"))
    await wait_all_tasks_blocked()
    await pair.client.aclose()
    with trio.fail_after(30):
        await pair.ended.wait()
    assert not pair.connection.is_open


async def test_a_client_that_does_not_read_is_not_read_from(nursery: trio.Nursery) -> None:
    big = b"r" * 300_000
    server = Server(on_frame=lambda connection, _: connection.respond([frame(big)]))
    pair = await connect(server, nursery)
    other = await connect(Server(), nursery)

    with trio.move_on_after(60) as scope:
        async with trio.open_nursery() as sending:
            sending.start_soon(pair.client.send_all, frame(b"q" * 10_000) * 100)
            await wait_all_tasks_blocked()
            held_back_at = len(server.frames)
            await other.client.send_all(frame(b"hello"))
            assert await other.read_frame() == b"hello", "others are served meanwhile"
            assert len(server.frames) == held_back_at < 10
            for _ in range(100):
                assert await pair.read_frame() == big
    assert not scope.cancelled_caught
    assert len(server.frames) == 100


# A client that is muted (KIP-219)


@pytest.fixture
async def clock() -> SteerableClock:
    """A clock that stands still."""
    made = SteerableClock()
    made.freeze()
    return made


@pytest.fixture
async def deadlines(clock: SteerableClock, nursery: trio.Nursery) -> TimerQueue:
    made = TimerQueue(clock)
    nursery.start_soon(made.run)
    return made


def mute(connection: Connection, body: bytes) -> None:
    """Answer what begins with `mute`, and go on ten seconds later."""
    settle(deferred(connection), body, mute=10.0 if body.startswith(b"mute") else 0.0)


async def test_a_muted_client_is_served_when_its_time_has_come(
    clock: SteerableClock, deadlines: TimerQueue, nursery: trio.Nursery
) -> None:
    server = Server(on_frame=mute)
    pair = await connect(server, nursery, deadlines)
    await pair.client.send_all(frame(b"1") + frame(b"mute 2") + frame(b"3") + frame(b"mute 4") + frame(b"5"))
    assert [await pair.read_frame() for _ in range(2)] == [b"1", b"mute 2"]
    await wait_all_tasks_blocked()
    assert server.frames == [b"1", b"mute 2"]
    clock.advance(10)
    assert [await pair.read_frame() for _ in range(2)] == [b"3", b"mute 4"]
    clock.advance(9)
    await wait_all_tasks_blocked()
    assert server.frames == [b"1", b"mute 2", b"3", b"mute 4"]
    clock.advance(1)
    assert await pair.read_frame() == b"5"


async def test_a_client_that_was_answered_late_is_muted_from_then_on(
    clock: SteerableClock, deadlines: TimerQueue, nursery: trio.Nursery
) -> None:
    handles: list[ResponseHandle[Any]] = []
    server = Server(on_frame=lambda connection, _: handles.append(deferred(connection)))
    pair = await connect(server, nursery, deadlines)
    await pair.client.send_all(frame(b"1") + frame(b"2"))
    await wait_all_tasks_blocked()
    settle(handles[1], b"second")
    settle(handles[0], b"first", mute=10.0)
    assert await pair.read_frame() == b"first"
    await pair.client.send_all(frame(b"3"))
    await wait_all_tasks_blocked()
    # What was done already is only answered later; Apache Kafka would not have begun it.
    assert server.frames == [b"1", b"2"]
    with pytest.raises(BlockingIOError):
        pair.client.socket._sock.recv(1)  # type: ignore[attr-defined]  # trio has no public receive that does not wait
    clock.advance(10)
    assert await pair.read_frame() == b"second"
    await wait_all_tasks_blocked()
    assert server.frames == [b"1", b"2", b"3"]


async def test_nothing_is_read_from_a_muted_client(
    clock: SteerableClock, deadlines: TimerQueue, nursery: trio.Nursery
) -> None:
    large = b"x" * 3_900_000
    server = Server(on_frame=mute)
    pair = await connect(server, nursery, deadlines)
    await pair.client.send_all(frame(b"mute"))
    assert await pair.read_frame() == b"mute"
    nursery.start_soon(pair.client.send_all, frame(large))
    await wait_all_tasks_blocked()
    assert len(pair.connection._buffer) == SMALL_BUFFER
    clock.advance(10)
    assert await pair.read_frame() == large


async def test_a_muted_client_can_be_cut_off(
    clock: SteerableClock, deadlines: TimerQueue, nursery: trio.Nursery
) -> None:
    pair = await connect(Server(on_frame=mute), nursery, deadlines)
    await pair.client.send_all(frame(b"mute") + frame(b"2"))
    await wait_all_tasks_blocked()
    assert deadlines.next_due() == clock.now() + 10
    pair.connection.close()
    await pair.ended.wait()
    assert deadlines.next_due() == inf


# What closes a connection


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (bytes.fromhex("160301007a010000"), "TLS handshake"),
        (struct.pack(">i", -5), "negative length"),
        (struct.pack(">i", MOST_BYTES + 1), "socket.request.max.bytes"),
        (b"\xff" * 64, "negative length"),
    ],
)
async def test_foreign_bytes_close_the_connection_with_one_line(
    sent: bytes, said: str, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    pair = await connect(Server(), nursery)
    await pair.client.send_all(sent)
    await pair.ended.wait()
    assert len(caplog.records) == 1
    assert said in caplog.text


async def test_a_refused_request_closes_only_its_own_connection(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Connection, body: bytes) -> None:
        raise RequestError(f"no {body!r} here")

    pair = await connect(Server(on_frame=refuse), nursery)
    other = await connect(Server(), nursery)
    await pair.client.send_all(frame(b"x"))
    await pair.ended.wait()
    await other.client.send_all(frame(b"y"))
    assert await other.read_frame() == b"y"
    assert "no b'x' here" in caplog.text


async def test_an_announced_length_takes_no_memory_before_its_bytes_come(nursery: trio.Nursery) -> None:
    pair = await connect(Server(), nursery)
    await pair.client.send_all(struct.pack(">i", MOST_BYTES) + b"few")
    await wait_all_tasks_blocked()
    assert len(pair.connection._buffer) == SMALL_BUFFER


async def test_a_large_buffer_is_given_back(nursery: trio.Nursery) -> None:
    pair = await connect(Server(), nursery)
    nursery.start_soon(pair.client.send_all, frame(b"x" * 1_000_000))
    await pair.read_frame()
    await wait_all_tasks_blocked()
    assert len(pair.connection._buffer) >= 1_000_000
    pair.connection.shrink()
    assert len(pair.connection._buffer) == SMALL_BUFFER
    await pair.client.send_all(frame(b"still works"))
    assert await pair.read_frame() == b"still works"

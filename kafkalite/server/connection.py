"""One client connection: frames in, replies out in the order of their requests.

A small request costs one turn of the event loop: when the socket becomes readable the frames that have arrived are
dispatched at once, and their replies are written straight away. Only when the socket takes no more does a task wait for
it, and until it has drained no further request of this client is read: a slow client holds back itself alone. So does
one that is muted (KIP-219): until its time is over nothing is read from it, dispatched for it or sent to it.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from kafkalite.errors import RequestError
from kafkalite.requests.context import ConnectionInfo
from kafkalite.server.outbox import Outbox
from kafkalite_wire.schema import Payload

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.response_handle import ResponseHandle

log = getLogger("kafkalite.connection")

SMALL_BUFFER: Final = 16 * 1024
_FIRST_LARGE_BUFFER: Final = 256 * 1024
_LARGE_FRAME: Final = 64 * 1024
_FRAMES_A_TURN: Final = 64
_MOST_IN_FLIGHT: Final = 128

_LENGTH: Final = struct.Struct(">i")


class Dispatcher(Protocol):
    """Starts requests: the request pipeline."""

    def __call__(self, connection: Connection, frame: memoryview, /) -> None:
        """Start one request. ``frame`` is only valid during the call. Raises RequestError to close the connection."""
        ...


class Connection:
    """A connected client."""

    def __init__(
        self,
        connected: socket.socket,
        dispatch: Dispatcher,
        deadlines: TimerQueue,
        *,
        crash_guard: CrashGuard,
        most_bytes: int,
        nursery: trio.Nursery,
        started_at: float,
    ) -> None:
        self._socket = connected
        self._dispatch = dispatch
        self._deadlines = deadlines
        self.crash_guard = crash_guard
        self._most_bytes = most_bytes
        self._nursery = nursery
        # Of responses that had to wait for others, those that were ready at once are here as their parts.
        self._responses: deque[ResponseHandle[Any] | list[Payload]] = deque()
        self._outbox = Outbox(connected)
        self._resume: trio.Event | None = None  # set when output has drained, or a reply has left
        self._draining = False
        self._muted: Timer | None = None  # when it ends
        self._is_closing = False
        self._closed = False
        self._scope = trio.CancelScope()
        self._buffer = bytearray(SMALL_BUFFER)
        self._filled = 0
        self.last_active = started_at
        host, port = _address(connected.getpeername)
        self.info = ConnectionInfo(host=host, port=port, local=_address(connected.getsockname))

    # Reading

    async def serve(self) -> None:
        """Read and dispatch requests until the client leaves, breaks the protocol or is cancelled."""
        try:
            with self._scope:
                while await self._receive():
                    await self._dispatch_frames()
        except RequestError as error:
            log.warning("closing %s: %s", self, error)
        except OSError as error:
            log.debug("%s is gone: %s", self, error)
        finally:
            self._end()

    async def _receive(self) -> bool:
        await trio.lowlevel.wait_readable(self._socket)
        start, end = self._filled, len(self._buffer)
        if start >= _LENGTH.size:
            needed = _LENGTH.size + self._frame_length(0)
            if needed > _LARGE_FRAME:
                # A large frame is read to its own end and no further, so that nothing has to be moved afterwards.
                end = min(end, needed)
        try:
            received = self._socket.recv_into(memoryview(self._buffer)[start:end])
        except (BlockingIOError, InterruptedError):
            return True
        self._filled += received
        self.last_active = trio.current_time()
        return received > 0

    def _frame_length(self, start: int) -> int:
        length: int
        (length,) = _LENGTH.unpack_from(self._buffer, start)
        if not 0 <= length <= self._most_bytes:
            raise RequestError(_strange_length(self._buffer, start, length, self._most_bytes))
        return length

    async def _dispatch_frames(self) -> None:
        if self._muted is not None:  # by a reply that left while this client had nothing to say
            await self._until_it_may_go_on()
        view = memoryview(self._buffer)
        start = frames = 0
        while self._filled - start >= _LENGTH.size:
            begin = start + _LENGTH.size
            end = begin + self._frame_length(start)
            if end > self._filled:
                break
            if self._responses:
                last = self._responses[-1]
                if not isinstance(last, list):
                    last.next_request_arrived()
            self._dispatch(self, view[begin:end])
            if self._is_closing:
                return
            start = end
            frames += 1
            if frames % _FRAMES_A_TURN == 0:
                await trio.lowlevel.checkpoint()
            if self._draining or self._muted is not None or len(self._responses) >= _MOST_IN_FLIGHT:
                await self._until_it_may_go_on()
        left = self._filled - start
        if start and left:
            view[:left] = bytes(view[start : self._filled])
        self._filled = left
        if left >= _LENGTH.size:
            self._make_room(_LENGTH.size + self._frame_length(0))

    async def _until_it_may_go_on(self) -> None:
        while self._draining or self._muted is not None or len(self._responses) >= _MOST_IN_FLIGHT:
            self._resume = trio.Event()
            await self._resume.wait()

    def _make_room(self, needed: int) -> None:
        """Grow the buffer towards a frame that has been announced, as its bytes really arrive."""
        size = len(self._buffer)
        if needed <= size or self._filled < size:
            return
        larger = bytearray(min(needed, max(2 * size, _FIRST_LARGE_BUFFER)))
        larger[: self._filled] = memoryview(self._buffer)[: self._filled]
        self._buffer = larger

    def shrink(self) -> None:
        """Give a large buffer back while nothing is being received."""
        if self._filled == 0 and len(self._buffer) > SMALL_BUFFER:
            self._buffer = bytearray(SMALL_BUFFER)

    # Replying

    def respond(self, parts: list[Payload]) -> None:
        """Send a response that is ready; behind the earlier ones, if any are still outstanding."""
        if self._responses:
            self._responses.append(parts)
            self.flush_responses()
        else:
            self._send(parts)

    def enqueue(self, response: ResponseHandle[Any]) -> None:
        """Keep the next place in the order of responses."""
        self._responses.append(response)

    def flush_responses(self) -> None:
        """Send every response whose turn has come."""
        while self._responses and self._muted is None:
            first = self._responses[0]
            parts, mute_seconds = (first, 0.0) if isinstance(first, list) else (first.parts, first.mute_seconds)
            if parts is None:
                break
            self._responses.popleft()
            self._send(parts)
            if mute_seconds and not self._closed:
                self._muted = self._deadlines.call_at(self._deadlines.now() + mute_seconds, self._unmute, self.fail)
        if self._resume is not None:
            self._resume.set()

    def _unmute(self) -> None:
        self._muted = None
        self.flush_responses()

    def _send(self, parts: list[Payload]) -> None:
        if self._closed:
            return
        self._outbox.put(parts)
        if self._draining:
            return
        try:
            drained = self._outbox.flush()
        except OSError as error:
            self._break(error)
            return
        if not drained:
            self._draining = True
            self._nursery.start_soon(self._drain)

    async def _drain(self) -> None:
        """Wait for a socket that is full, and go on sending."""
        try:
            while not self._closed and not self._outbox.flush():
                await trio.lowlevel.wait_writable(self._socket)
                self.last_active = trio.current_time()
        except OSError as error:
            self._break(error)
        except trio.ClosedResourceError:
            pass  # the connection ended while its client was not reading
        finally:
            self._draining = False
            if self._resume is not None:
                self._resume.set()

    # Ending

    @property
    def has_sent_everything(self) -> bool:
        """Whether every reply that was given has left."""
        return not self._outbox

    def fail(self, reason: str) -> None:
        """End the connection and tell why in the log."""
        log.warning("closing %s: %s", self, reason)
        self.close()

    def _note(self, problem: str) -> None:
        log.warning("when %s left: %s", self, problem)

    def close(self) -> None:
        """End the connection from our side; what has arrived and was not begun is not done any more."""
        self._is_closing = True
        self._scope.cancel()

    def _break(self, error: OSError) -> None:
        log.debug("%s is gone: %s", self, error)
        self._outbox.clear()
        self._scope.cancel()

    def _end(self) -> None:
        self._closed = True
        trio.lowlevel.notify_closing(self._socket)
        self._outbox.clear()
        self._socket.close()
        if self._muted is not None:
            self._muted.cancel()
        responses, self._responses = self._responses, deque()
        for response in responses:
            if not isinstance(response, list):
                self.crash_guard.guard("what waited for a response", response.disconnected, self._note)

    def __str__(self) -> str:
        return str(self.info)


def _address(ask: Callable[[], tuple[str, int]]) -> tuple[str, int]:
    try:
        address = ask()
    except OSError:
        return ("?", 0)
    # An IPv6 address has two more items, a Unix socket's (in tests) is a string.
    return address[:2] if len(address) >= 2 else ("?", 0)


def _strange_length(buffer: bytearray, start: int, length: int, most: int) -> str:
    """Say why a frame cannot have this length, and what the bytes rather look like."""
    head = bytes(buffer[start : start + 4])
    if head[:3] in (b"\x16\x03\x00", b"\x16\x03\x01", b"\x16\x03\x02", b"\x16\x03\x03"):
        return "this is a TLS handshake, but the listener is plain text (security.protocol=PLAINTEXT)"
    if head in (b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"CONN", b"PATC", b"PRI "):
        return "this is HTTP, not the Kafka protocol"
    if length < 0:
        return f"a request of negative length {length}"
    return f"a request of {length} bytes, above socket.request.max.bytes={most}"

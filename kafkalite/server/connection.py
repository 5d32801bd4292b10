"""One client connection: frames in, responses out in the order of their requests.

A small request costs one turn of the event loop: when the transport becomes readable, the frames that have arrived are
dispatched at once, and their responses are written straight away. Only when the transport takes no more does a task
wait for it, and until it has drained no further request of this client is read: a slow client holds back only itself.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from enum import Enum
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.errors import RequestError
from kafkalite.requests.context import ConnectionInfo
from kafkalite.server.outbox import Outbox
from kafkalite_wire.schema import Payload
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.response_handle import QueuedResponse
    from kafkalite.requests.steps import StepQueue
    from kafkalite.server.connection_errors import ConnectionErrors
    from kafkalite.server.transport import Transport

log = getLogger("kafkalite.connection")

SMALL_BUFFER: Final = 16 * 1024
_FIRST_LARGE_BUFFER: Final = 256 * 1024
_LARGE_FRAME: Final = 64 * 1024
_FRAMES_A_TURN: Final = 64
_MOST_IN_FLIGHT: Final = 128

_LENGTH: Final = struct.Struct(">i")


@value_class
class FrameLimit:
    """The largest frame that a client may send, and the property that says so."""

    size: int
    property: str = "socket.request.max.bytes"


class _State(Enum):
    """Where a connection is in its life.

    While it is open, four things may hold back its next request, alone or together: output that the client does not
    read (``_is_draining``), a response that muted it (``_muted``, KIP-219), a request whose steps have not finished
    (``_paused``), and too many requests in flight. A muted connection is not written to either.
    """

    OPEN = 1
    CLOSING = 2
    """No further request is started; the task that serves it is being cancelled."""
    CLOSED = 3


class Connection:
    """A connected client."""

    def __init__(
        self,
        transport: Transport,
        dispatch: Callable[[Connection, memoryview], None],
        timers: TimerQueue,
        steps: StepQueue,
        *,
        crash_guard: CrashGuard,
        errors: ConnectionErrors,
        most_bytes: int,
        nursery: trio.Nursery,
        started_at: float,
    ) -> None:
        """Serve nothing yet (:meth:`serve`).

        ``dispatch`` is the request pipeline: it is called with each frame, which is valid during the call and while the
        connection is paused, and raises RequestError to close the connection.
        """
        self._transport = transport
        self._dispatch = dispatch
        self._timers = timers
        self.steps = steps
        self.crash_guard = crash_guard
        self._errors = errors
        self._limit = self._usual_limit = FrameLimit(most_bytes)
        self._nursery = nursery
        self._state = _State.OPEN
        # Of responses that had to wait for others, those that were ready at once are here as their parts.
        self._responses: deque[QueuedResponse | list[Payload]] = deque()
        self._outbox = Outbox(transport)
        self._is_draining = False
        self._drained: trio.Event | None = None  # set when output that waits has left
        self.on_end: Callable[[], None] | None = None
        """Called once, when the connection has ended."""
        self._muted: Timer | None = None  # ends it
        self._paused = 0
        self._waiting: trio.CancelScope | None = None  # cancelled when something that held back requests may have ended
        self._scope = trio.CancelScope()
        self._buffer = bytearray(SMALL_BUFFER)
        self._filled = 0
        self.last_active = started_at
        host, port = transport.peer
        self.info = ConnectionInfo(host=host, port=port, local=transport.local)

    # Reading

    async def serve(self) -> None:
        """Read and dispatch requests until the client leaves, breaks the protocol, or the connection is closed."""
        try:
            with self._scope:
                while await self._receive():
                    await self._dispatch_frames()
        except RequestError as error:
            self._errors.warn(self.info.host, f"closing {self}: {error}")
        except OSError as error:
            log.debug("%s is gone: %s", self, error)
        finally:
            self._end()

    async def _receive(self) -> bool:
        await self._transport.wait_readable()
        start, end = self._filled, len(self._buffer)
        if start >= _LENGTH.size:
            needed = _LENGTH.size + self._frame_length(0)
            if needed > _LARGE_FRAME:
                # A large frame is read to its own end and no further, so that nothing has to be moved afterwards.
                end = min(end, needed)
        try:
            received = self._transport.receive_into(memoryview(self._buffer)[start:end])
        except (BlockingIOError, InterruptedError):
            return True
        self._filled += received
        self.last_active = trio.current_time()
        return received > 0

    def _frame_length(self, start: int) -> int:
        length: int
        (length,) = _LENGTH.unpack_from(self._buffer, start)
        if not 0 <= length <= self._limit.size:
            raise RequestError(_foreign_length(self._buffer, start, length, self._limit))
        return length

    async def _dispatch_frames(self) -> None:
        if self._is_held_back():  # by something that began while nothing was being received
            await self._wait_while_held_back(has_more=True)
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
            if self._state is not _State.OPEN:
                return
            start = end
            frames += 1
            if frames % _FRAMES_A_TURN == 0:
                await trio.lowlevel.checkpoint()
            if self._is_held_back():
                await self._wait_while_held_back(has_more=start < self._filled)
        left = self._filled - start
        if start and left:
            view[:left] = bytes(view[start : self._filled])
        self._filled = left
        if left >= _LENGTH.size:
            self._make_room(_LENGTH.size + self._frame_length(0))

    def _is_held_back(self) -> bool:
        return (
            self._is_draining or self._muted is not None or self._paused > 0 or len(self._responses) >= _MOST_IN_FLIGHT
        )

    async def _wait_while_held_back(self, *, has_more: bool) -> None:
        """``has_more`` says whether requests have been received that are not dispatched yet."""
        while self._is_held_back():
            with trio.CancelScope() as self._waiting:
                if self._paused or (self._muted is not None and not has_more):
                    await self._transport.wait_readable()
                    if self._transport.has_ended():
                        # No client is left to read the response of the running request, or to be throttled.
                        self.close()
                await trio.sleep_forever()
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    @property
    def is_open(self) -> bool:
        """Whether requests are still started."""
        return self._state is _State.OPEN

    def pause(self) -> None:
        """Start no request, and keep the frame of the present one, until :meth:`resume` has been called as often."""
        self._paused += 1

    def resume(self) -> None:
        """Undo one :meth:`pause`."""
        self._paused -= 1
        self._wake()

    def _make_room(self, needed: int) -> None:
        # Grow towards a frame that has been announced only as its bytes really arrive.
        size = len(self._buffer)
        if needed <= size or self._filled < size:
            return
        larger = bytearray(min(needed, max(2 * size, _FIRST_LARGE_BUFFER)))
        larger[: self._filled] = memoryview(self._buffer)[: self._filled]
        self._buffer = larger

    def guard(self, gate: Callable[[Connection, memoryview], None]) -> None:
        """Hand each frame to another function, which is called as the request pipeline is."""
        self._dispatch = gate

    def limit_frames(self, limit: FrameLimit | None) -> None:
        """Close the connection at a frame that is announced to be longer; None for the limit of all connections."""
        self._limit = self._usual_limit if limit is None else limit

    def shrink(self) -> None:
        """Release a large buffer if nothing is being received."""
        if self._filled == 0 and len(self._buffer) > SMALL_BUFFER:
            self._buffer = bytearray(SMALL_BUFFER)

    # Responding

    def respond(self, parts: list[Payload]) -> None:
        """Send a response that is ready; behind the earlier ones, if any are still outstanding."""
        if self._responses:
            self._responses.append(parts)
            self.flush_responses()
        else:
            self._send(parts)

    def enqueue(self, response: QueuedResponse) -> None:
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
            if mute_seconds and self._state is not _State.CLOSED:
                self._muted = self._timers.call_at(self._timers.now() + mute_seconds, self._unmute, self.fail)
        self._wake()

    def _unmute(self) -> None:
        self._muted = None
        self.flush_responses()

    def _send(self, parts: list[Payload]) -> None:
        if self._state is _State.CLOSED:
            return
        self._outbox.put(parts)
        if self._is_draining:
            return
        try:
            has_drained = self._outbox.flush()
        except OSError as error:
            self._break(error)
            return
        if not has_drained:
            self._is_draining = True
            self._nursery.start_soon(self._drain)

    async def _drain(self) -> None:
        """Send the rest as the client reads."""
        try:
            while self._state is not _State.CLOSED and not self._outbox.flush():
                await self._transport.wait_writable()
                self.last_active = trio.current_time()
        except OSError as error:
            self._break(error)
        except trio.ClosedResourceError:
            pass  # the connection ended while its client was not reading
        finally:
            self._is_draining = False
            if self._drained is not None:
                self._drained.set()
                self._drained = None
            self._wake()

    async def drained(self) -> None:
        """Wait until everything that was sent has left, or the connection has ended."""
        if self._is_draining:
            if self._drained is None:
                self._drained = trio.Event()
            await self._drained.wait()

    # Ending

    @property
    def has_sent_everything(self) -> bool:
        """Whether every response that was settled has left."""
        return not self._outbox

    def fail(self, reason: str) -> None:
        """Close the connection and log why."""
        self._errors.warn(self.info.host, f"closing {self}: {reason}")
        self.close()

    def close(self) -> None:
        """Close the connection; requests that have arrived and were not started are not handled any more."""
        if self._state is _State.OPEN:
            self._state = _State.CLOSING
        self._scope.cancel()

    def _break(self, error: OSError) -> None:
        log.debug("%s is gone: %s", self, error)
        self._outbox.clear()
        self._scope.cancel()

    def _end(self) -> None:
        self._state = _State.CLOSED
        self._outbox.clear()
        self._transport.close()
        if self._muted is not None:
            self._muted.cancel()
        responses, self._responses = self._responses, deque()
        for response in responses:
            if not isinstance(response, list):
                self.crash_guard.guard("what waited for a response", response.disconnected, self._note)
        calls, self.info.on_end = self.info.on_end, []
        for call in calls if self.on_end is None else (*calls, self.on_end):
            self.crash_guard.guard("what follows the end of a connection", call, self._note)

    def _note(self, problem: str) -> None:
        log.warning("when %s left: %s", self, problem)

    def __str__(self) -> str:
        return str(self.info)


def _foreign_length(buffer: bytearray, start: int, length: int, limit: FrameLimit) -> str:
    """Return why a frame cannot have this length, and what its bytes look like instead."""
    head = bytes(buffer[start : start + 4])
    if head[:3] in (b"\x16\x03\x00", b"\x16\x03\x01", b"\x16\x03\x02", b"\x16\x03\x03"):
        return "this is a TLS handshake, but the listener is plain text (security.protocol=PLAINTEXT)"
    if head in (b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"CONN", b"PATC", b"PRI "):
        return "this is HTTP, not the Kafka protocol"
    if length < 0:
        return f"a request of negative length {length}"
    return f"a request of {length} bytes, above {limit.property}={limit.size}"

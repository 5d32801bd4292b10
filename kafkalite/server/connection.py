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
from typing import TYPE_CHECKING, Final, Protocol

import trio

from kafkalite.errors import RequestError
from kafkalite.server.outbox import Outbox
from kafkalite_wire.schema import Payload

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue

log = getLogger("kafkalite.connection")

SMALL_BUFFER: Final = 16 * 1024
_FIRST_LARGE_BUFFER: Final = 256 * 1024
_LARGE_FRAME: Final = 64 * 1024
_FRAMES_A_TURN: Final = 64
_MOST_IN_FLIGHT: Final = 128

_LENGTH: Final = struct.Struct(">i")


class Slot:
    """The place of one reply in the order of a connection's replies.

    While the reply is owed, whoever is to fill it may learn that the client has sent another request
    (:meth:`when_followed`), and by ``on_abandoned`` that the connection has ended.
    """

    __slots__ = ("_connection", "_is_followed", "_on_followed", "mute", "on_abandoned", "parts")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self.parts: list[Payload] | None = None
        self.mute = 0.0
        self._is_followed = False
        self._on_followed: Callable[[], None] | None = None
        self.on_abandoned: Callable[[], None] | None = None

    def fill(self, parts: list[Payload], *, mute: float = 0.0) -> None:
        """Give the reply; it leaves when all earlier ones have left. An empty one sends nothing.

        ``mute`` is for how long nothing more becomes of the connection once it has left.
        """
        self.parts = parts
        self.mute = mute
        if self._connection is not None:
            self._connection.slot_filled()

    def fail(self, reason: str) -> None:
        """End the connection: the reply cannot be given."""
        if self._connection is not None:
            self._connection.fail(reason)

    def follow(self) -> None:
        """Tell whoever is to fill the slot that another request has come, whose reply must wait for this one."""
        self._is_followed = True
        if self._on_followed is not None:
            call, self._on_followed = self._on_followed, None
            if self._connection is not None:
                self._connection.unforeseen.guard("a reply that had waited", call, self.fail)

    def when_followed(self, call: Callable[[], None]) -> None:
        """Have ``call`` called when another request has come; at once, if that was before anybody asked."""
        if self._is_followed:
            call()
        else:
            self._on_followed = call

    @property
    def is_abandoned(self) -> bool:
        """Whether the connection has ended."""
        return self._connection is None

    def abandon(self) -> None:
        """Tell whoever was to fill the slot that nobody will read the reply."""
        self._connection = None
        if self.parts is None and self.on_abandoned is not None:
            self.on_abandoned()


class Dispatcher(Protocol):
    """What a connection hands its frames to."""

    def __call__(self, connection: Connection, frame: memoryview) -> None:
        """Start one request. ``frame`` is only valid during the call. Raises RequestError to end the connection."""
        ...


class Connection:
    """A connected client."""

    def __init__(
        self,
        connected: socket.socket,
        dispatch: Dispatcher,
        deadlines: TimerQueue,
        *,
        most_bytes: int,
        nursery: trio.Nursery,
        started_at: float,
    ) -> None:
        self._socket = connected
        self._dispatch = dispatch
        self._deadlines = deadlines
        self.unforeseen = deadlines.unforeseen
        self._most_bytes = most_bytes
        self._nursery = nursery
        self._slots: deque[Slot] = deque()
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
        self.peer = _address(connected.getpeername)
        self.local = _address(connected.getsockname)
        self.host = f"/{self.peer[0]}"
        self._software = ""

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
            if self._slots:
                self._slots[-1].follow()
            self._dispatch(self, view[begin:end])
            if self._is_closing:
                return
            start = end
            frames += 1
            if frames % _FRAMES_A_TURN == 0:
                await trio.lowlevel.checkpoint()
            if self._draining or self._muted is not None or len(self._slots) >= _MOST_IN_FLIGHT:
                await self._until_it_may_go_on()
        left = self._filled - start
        if start and left:
            view[:left] = bytes(view[start : self._filled])
        self._filled = left
        if left >= _LENGTH.size:
            self._make_room(_LENGTH.size + self._frame_length(0))

    async def _until_it_may_go_on(self) -> None:
        while self._draining or self._muted is not None or len(self._slots) >= _MOST_IN_FLIGHT:
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

    def reply_now(self, parts: list[Payload]) -> None:
        """Send a reply that is ready; behind the earlier ones, if any are still owed."""
        if self._slots:
            self.slot().fill(parts)
        else:
            self._send(parts)

    def slot(self) -> Slot:
        """Keep the next place in the order of replies."""
        slot = Slot(self)
        self._slots.append(slot)
        return slot

    def slot_filled(self) -> None:
        """Send every reply whose turn has come."""
        while self._slots and self._slots[0].parts is not None and self._muted is None:
            slot = self._slots.popleft()
            self._send(slot.parts or [])
            if slot.mute and not self._closed:
                self._muted = self._deadlines.call_at(self._deadlines.now() + slot.mute, self._unmute, self.fail)
        if self._resume is not None:
            self._resume.set()

    def _unmute(self) -> None:
        self._muted = None
        self.slot_filled()

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
        slots, self._slots = self._slots, deque()
        for slot in slots:
            self.unforeseen.guard("what waited for a reply", slot.abandon, self._note)

    def name_software(self, software: str) -> None:
        """Remember what the client calls itself, for log lines."""
        self._software = software

    def __str__(self) -> str:
        software = f" ({self._software})" if self._software else ""
        return f"{self.peer[0]}:{self.peer[1]}{software}"


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

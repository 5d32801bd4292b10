"""One client connection's way to its broker: requests there, responses back, in order.

Each side is held back by the other. While the broker takes no more bytes, no request of the client is read; while the
client takes no more, no response of the broker is read. So a relay holds at most the requests in flight, one response,
and what the two sockets hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

import trio

from kafkalite.errors import RequestError, StartError
from kafkalite.proxy.incoming_frames import IncomingFrames
from kafkalite.security.sasl import AuthenticationFailed
from kafkalite.server.outbox import Outbox
from kafkalite_wire.errors import WireError
from kafkalite_wire.frames import api_of, decode_response, encode_request

if TYPE_CHECKING:
    from kafkalite.server.connection import Connection
    from kafkalite.server.transport import Transport
    from kafkalite_wire.schema import Buffer

log = getLogger("kafkalite.proxy")

_LENGTH_SIZE: Final = 4
_CORRELATION_ID: Final = slice(4, 8)

_FIRST_OWN_ID: Final = -(1 << 31)
"""Of the correlation ids of the proxy's own requests; clients count from 0."""
_CLIENT_ID: Final = "kafkalite-proxy"

OnResponse = Callable[[bytearray], None]
"""Called with a response frame, its length first."""

Held = tuple[Sequence["Buffer"], int | None, OnResponse | None]
"""A request that waits for the connection, or for the proxy's login."""

Connect = Callable[[], Awaitable["Transport"]]
"""Connects to the broker. Raises OSError."""

LogIn = Callable[[Callable[[object, int], Awaitable[Any]]], Awaitable[float]]
"""Logs in with a function that sends requests; returns when to do so again (:mod:`kafkalite.proxy.cluster_login`)."""


class Relay:
    """The connection to a broker that belongs to one client connection."""

    def __init__(
        self, client: Connection, connect: Connect, nursery: trio.Nursery, *, largest: int, log_in: LogIn | None = None
    ) -> None:
        """Hold back the client until :meth:`run` has connected to the broker.

        ``log_in`` is the proxy's own login; None where the broker wants none, or the client's is passed on.
        """
        self._client = client
        self._connect = connect
        self._nursery = nursery
        self._largest = largest
        self._transport: Transport | None = None
        self._outbox: Outbox | None = None
        self._log_in = log_in
        self._held: list[Held] | None = []  # None while the broker takes requests of the client
        self._own_ids = count(_FIRST_OWN_ID)
        self._awaited: deque[tuple[int | None, OnResponse]] = deque()
        self._scope = trio.CancelScope()
        self._is_finishing = False
        self._client_has_room: Callable[[], Awaitable[None]] = client.drained
        self.end = "client"
        """Why the connection has ended, in a few words; "client" where its client's side did."""
        client.pause()
        client.on_end = self._scope.cancel

    def send(self, parts: Sequence[Buffer], correlation_id: int | None, on_response: OnResponse | None) -> None:
        """Send a request, its length first; ``on_response`` is None where the broker does not answer.

        ``correlation_id`` is None where the response has none.

        The parts must not change before the client is read again.
        """
        if self._held is None:
            self._send(parts, correlation_id, on_response)
        else:
            self._held.append((parts, correlation_id, on_response))

    def _send(self, parts: Sequence[Buffer], correlation_id: int | None, on_response: OnResponse | None) -> None:
        assert self._outbox is not None
        if on_response is not None:
            self._awaited.append((correlation_id, on_response))
        was_empty = not self._outbox
        self._outbox.put(parts)
        if was_empty:
            self._flush(self._outbox)

    def _flush(self, outbox: Outbox) -> None:
        try:
            has_sent = outbox.flush()
        except OSError as error:
            self._lost(error)
            return
        if not has_sent:
            self._client.pause()
            self._nursery.start_soon(self._drain, outbox)

    async def _drain(self, outbox: Outbox) -> None:
        assert self._transport is not None
        try:
            while not outbox.flush():
                await self._transport.wait_writable()
        except OSError as error:
            self._lost(error)
        except trio.ClosedResourceError:
            pass  # the client has left
        finally:
            self._client.resume()

    def _lost(self, error: OSError) -> None:
        self.end = "cluster lost"
        log.debug("the broker of %s is gone: %s", self._client, error)
        self._client.close()

    async def run(self) -> None:
        """Connect, and pass on responses until one side ends; then the other one is closed."""
        with self._scope:
            try:
                self._transport = transport = await self._connect()
            except OSError as error:
                self.end = "cluster unreachable"
                self._client.fail(f"cannot connect to the cluster: {error}")
                return
            try:
                self._outbox = Outbox(transport)
                if self._log_in is None:
                    self._release()
                    await self._pass_on_responses(transport)
                else:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._stay_logged_in, self._log_in)
                        await self._pass_on_responses(transport)
                        nursery.cancel_scope.cancel()
            finally:
                transport.close()
                self._client.close()

    async def _pass_on_responses(self, transport: Transport) -> None:
        try:
            frames = IncomingFrames(transport, largest=self._largest)
            while (frame := await frames.next()) is not None:
                self._received(frame)
                await self._client_has_room()
                if self._is_finishing and self._has_answered:
                    self._client.close()
            if not self._is_finishing:
                self.end = "closed by the cluster"
        except RequestError as error:
            self.end = "protocol error of the cluster"
            self._client.fail(str(error))
        except OSError as error:
            self._lost(error)

    def _received(self, frame: bytearray) -> None:
        correlation_id = int.from_bytes(frame[_CORRELATION_ID], signed=True)
        if not self._awaited or self._awaited[0][0] not in (correlation_id, None):
            raise RequestError(f"the cluster answers request {correlation_id}, which is not the next one")
        _, on_response = self._awaited.popleft()
        try:
            on_response(frame)
        except (WireError, StartError) as error:
            raise RequestError(str(error)) from None
        except Exception as error:  # noqa: BLE001  # a crash ends the connection, not the proxy
            raise RequestError(self._client.crash_guard.note("a response of the cluster", error)) from None

    # The proxy's own requests

    def ask(self, request: object, version: int, on_answer: Callable[[Any], None]) -> None:
        """Send a request of the proxy itself, in its turn, and call ``on_answer`` with the response.

        A response that does not decode ends the connection.
        """
        frame, correlation_id = self._own_request(request, version)

        def on_response(received: bytearray) -> None:
            on_answer(_message(request, version, received, lossless=True))

        self.send([frame], correlation_id, on_response)

    def _own_request(self, request: object, version: int) -> tuple[bytes, int]:
        correlation_id = next(self._own_ids)
        return encode_request(api_of(request), version, correlation_id, _CLIENT_ID, request), correlation_id

    async def _stay_logged_in(self, log_in: LogIn) -> None:
        """Log in, and do so again before the session ends; until it is done, no request of the client is sent."""
        while True:
            try:
                pause = await log_in(self._call)
            except (AuthenticationFailed, WireError) as error:
                self.end = "login refused by the cluster"
                self._client.fail(f"the cluster refuses the proxy's login: {error}")
                self._scope.cancel()
                return
            self._release()
            await trio.sleep(pause)
            self._client.pause()
            self._held = []

    def _release(self) -> None:
        held, self._held = self._held or (), None
        for parts, correlation_id, on_response in held:
            self._send(parts, correlation_id, on_response)
        self._client.resume()

    async def _call(self, request: object, version: int) -> Any:
        """Send a request of the login, before those of the client, and return the response. Raises WireError."""
        frame, correlation_id = self._own_request(request, version)
        answered = trio.Event()
        received = bytearray()

        def on_response(frame: bytearray) -> None:
            nonlocal received
            received = frame
            answered.set()

        self._send([frame], correlation_id, on_response)
        await answered.wait()
        return _message(request, version, received)

    def finish(self) -> None:
        """Start no further request of the client, and close its connection when it has all responses."""
        self._is_finishing = True
        self.end = "drained"
        self._client.pause()
        if self._has_answered:
            self._nursery.start_soon(self._close_when_drained)

    @property
    def _has_answered(self) -> bool:
        return not self._awaited and not self._held

    async def _close_when_drained(self) -> None:
        await self._client.drained()
        self._client.close()


def _message(request: object, version: int, received: bytearray, *, lossless: bool = False) -> Any:
    """Return the response to a request of the proxy itself. Raises WireError."""
    return decode_response(api_of(request), version, memoryview(received)[_LENGTH_SIZE:], lossless=lossless)[1]

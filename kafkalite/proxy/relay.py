"""One client connection's way to its broker: requests there, responses back, in order.

Each side is held back by the other. While the broker takes no more bytes, no request of the client is read; while the
client takes no more, no response of the broker is read. So a relay holds at most the requests in flight, one response,
and what the two sockets hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.errors import RequestError, StartError
from kafkalite.proxy.incoming_frames import IncomingFrames
from kafkalite.server.outbox import Outbox
from kafkalite_wire.errors import WireError

if TYPE_CHECKING:
    from kafkalite.server.connection import Connection
    from kafkalite.server.transport import Transport
    from kafkalite_wire.schema import Buffer

log = getLogger("kafkalite.proxy")

_CORRELATION_ID: Final = slice(4, 8)

OnResponse = Callable[[bytearray], None]
"""Called with a response frame, its length first."""

Connect = Callable[[], Awaitable["Transport"]]
"""Connects to the broker. Raises OSError."""


class Relay:
    """The connection to a broker that belongs to one client connection."""

    def __init__(self, client: Connection, connect: Connect, nursery: trio.Nursery, *, largest: int) -> None:
        """Hold back the client until :meth:`run` has connected to the broker."""
        self._client = client
        self._connect = connect
        self._nursery = nursery
        self._largest = largest
        self._transport: Transport | None = None
        self._outbox: Outbox | None = None
        self._unsent: list[Buffer] = []  # before the broker is connected
        self._awaited: deque[tuple[int, OnResponse]] = deque()
        self._scope = trio.CancelScope()
        self._is_finishing = False
        client.pause()
        client.on_end = self._scope.cancel

    def send(self, parts: Sequence[Buffer], correlation_id: int, on_response: OnResponse | None) -> None:
        """Send a request, its length first; ``on_response`` is None where the broker does not answer.

        The parts must not change before the client is read again.
        """
        if on_response is not None:
            self._awaited.append((correlation_id, on_response))
        if self._outbox is None:
            self._unsent.extend(parts)
            return
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
        log.debug("the broker of %s is gone: %s", self._client, error)
        self._client.close()

    async def run(self) -> None:
        """Connect, and pass on responses until one side ends; then the other one is closed."""
        with self._scope:
            try:
                transport = await self._connect()
            except OSError as error:
                self._client.fail(f"cannot connect to the cluster: {error}")
                return
            finally:
                self._client.resume()
            try:
                await self._pass_on_responses(transport)
            except RequestError as error:
                self._client.fail(str(error))
            except OSError as error:
                self._lost(error)
            finally:
                transport.close()
                self._client.close()

    async def _pass_on_responses(self, transport: Transport) -> None:
        self._transport, self._outbox = transport, Outbox(transport)
        self._outbox.put(self._unsent)
        self._unsent.clear()
        self._flush(self._outbox)
        frames = IncomingFrames(transport, largest=self._largest)
        while (frame := await frames.next()) is not None:
            correlation_id = int.from_bytes(frame[_CORRELATION_ID], signed=True)
            if not self._awaited or self._awaited[0][0] != correlation_id:
                raise RequestError(f"the cluster answers request {correlation_id}, which is not the next one")
            _, on_response = self._awaited.popleft()
            try:
                on_response(frame)
            except (WireError, StartError) as error:
                raise RequestError(str(error)) from None
            except Exception as error:  # noqa: BLE001  # a crash ends the connection, not the proxy
                raise RequestError(self._client.crash_guard.note("a response of the cluster", error)) from None
            await self._client.drained()
            if self._is_finishing and self._has_answered:
                self._client.close()

    def finish(self) -> None:
        """Start no further request of the client, and close its connection when it has all responses."""
        self._is_finishing = True
        self._client.pause()
        if self._has_answered:
            self._nursery.start_soon(self._close_when_drained)

    @property
    def _has_answered(self) -> bool:
        return not self._awaited and not self._unsent

    async def _close_when_drained(self) -> None:
        await self._client.drained()
        self._client.close()

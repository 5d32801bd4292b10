"""One connection of HTTP/1.1: h11 reads and writes, trio moves the bytes, and everything has a bound."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from logging import getLogger
from typing import TYPE_CHECKING, Final, cast

import h11
import trio

from kafkalite.testing.model.wait import Asker
from kafkalite.web.answers import Answer, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

log = getLogger("kafkalite.controls")

MOST_BYTES: Final = 8 << 20
"""The largest body: a record of the largest size that Kafka takes by default is half again as long in base64."""
IDLE: Final = 120.0
"""Seconds for which a connection may have nothing to ask."""
PATIENCE: Final = 10.0
"""Seconds in which a request must have come, and an answer must have been taken, once it has begun."""
_LAST_BYTES: Final = 1.0
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A whole request."""

    method: str
    target: str
    host: str
    content_type: str
    body: bytes
    asker: Asker = field(default_factory=Asker, compare=False)
    """Who asked, and has gone if it is seen to have closed the connection before there was an answer."""


class Connection:
    """Reads requests one after the other, has each answered, and ends when the client or a time-out does."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, answer: Callable[[Asked], Awaitable[Answer]]) -> None:
        self._stream = stream
        self._answer = answer
        self._http = h11.Connection(h11.SERVER)
        self._is_head = False

    async def serve(self) -> None:
        """Serve until the connection ends; nothing that a client does is an error here."""
        async with self._stream:
            try:
                while await self._serve_one():
                    self._http.start_next_cycle()
                await self._end()
            except (trio.BrokenResourceError, trio.TooSlowError, h11.LocalProtocolError) as error:
                log.debug("a connection ended early: %s", error)

    async def _serve_one(self) -> bool:
        """Serve one request; tells whether another may follow on this connection."""
        try:
            asked = await self._read()
            if asked is None:
                return False
            answer = await self._answered(asked)
        except h11.RemoteProtocolError as error:
            answer = Refused(HTTPStatus(error.error_status_hint), f"this is no HTTP: {error}").answer
        except Refused as refused:
            answer = refused.answer
        await self._send(answer)
        return self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def _answered(self, asked: Asked) -> Answer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._notice_end, asked.asker)
            try:
                return await self._answer(asked)
            except Refused as refused:
                return refused.answer
            finally:
                nursery.cancel_scope.cancel()

    async def _notice_end(self, asker: Asker) -> None:
        try:
            received = await self._stream.receive_some(_PIECE)
        except trio.BrokenResourceError:
            received = b""
        if received:
            self._http.receive_data(bytes(received))  # of the next request, which waits for its turn
        else:
            asker.go()

    async def _read(self) -> Asked | None:
        """Read a request; None if the client has gone. Raises Refused and h11's RemoteProtocolError."""
        request = None
        with trio.move_on_after(IDLE):
            request = await self._next_event()
        if not isinstance(request, h11.Request):
            return None
        self._is_head = request.method == b"HEAD"
        body = bytearray()
        with trio.move_on_after(PATIENCE) as reading:
            while isinstance(event := await self._next_event(), h11.Data):
                body += event.data
                if len(body) > MOST_BYTES:
                    raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MOST_BYTES} bytes at most")
            if isinstance(event, h11.ConnectionClosed):
                return None
        if reading.cancelled_caught:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {PATIENCE:g} s")
        headers = {
            name: value.decode("latin-1") for name, value in cast("Sequence[tuple[bytes, bytes]]", request.headers)
        }
        return Asked(
            method=request.method.decode("ascii"),
            target=request.target.decode("ascii"),
            host=headers.get(b"host", ""),
            content_type=headers.get(b"content-type", ""),
            body=bytes(body),
        )

    async def _next_event(self) -> h11.Event | None:
        """Give what comes next in the current request; None behind its end."""
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(bytes(await self._stream.receive_some(_PIECE)))
        return event

    async def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.body, ensure_ascii=False).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *answer.headers.items()]
        if self._http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        response = h11.Response(status_code=answer.status.value, headers=headers, reason=answer.status.phrase.encode())
        with trio.fail_after(PATIENCE):
            await self._write(response, *(() if self._is_head else (h11.Data(data=body),)), h11.EndOfMessage())

    async def _write(self, *events: h11.Event) -> None:
        await self._stream.send_all(b"".join(self._http.send(event) or b"" for event in events))

    async def _end(self) -> None:
        """Let the client read what was sent before what it still sends is met with a reset."""
        with trio.move_on_after(_LAST_BYTES):
            await self._stream.send_eof()
            while await self._stream.receive_some(_PIECE):
                pass

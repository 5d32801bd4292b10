"""One connection of HTTP/1.1: h11 reads and writes, trio moves the bytes, and everything has a bound."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from logging import getLogger
from typing import TYPE_CHECKING, Final, cast

import h11
import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafkalite.controls.serialization import Json

log = getLogger("kafkalite.controls")

MAX_BODY: Final = 8 << 20
"""Bytes; a record of the largest size that Kafka accepts by default is half again as long in base64."""
MAX_IDLE: Final = 120.0
"""Seconds between two requests of a connection."""
MAX_TRANSFER: Final = 10.0
"""Seconds for a request to arrive, and for a response to be read."""
_LAST_BYTES: Final = 1.0
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request."""

    method: str
    target: str
    host: str
    content_type: str
    authorization: str = field(default="", repr=False)
    user_agent: str = ""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is sent back: any bytes, of any content type."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "application/json"
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def json(cls, body: Json, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
        """Return a response with a JSON body."""
        return cls(status=status, body=json.dumps(body, ensure_ascii=False).encode() + b"\n", headers=headers)


class HttpError(Exception):
    """A request that is not served; the message is for the client."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.response = Response.json({"error": message}, status, **headers)


class Connection:
    """Reads requests one after the other, and ends when the client or a time-out does.

    ``respond`` is cancelled when the client closes the connection before it has its response.
    """

    def __init__(self, stream: trio.abc.Stream, respond: Callable[[Request], Awaitable[Response]]) -> None:
        self._stream = stream
        self._respond = respond
        self._http = h11.Connection(h11.SERVER)
        self._is_head = False

    async def serve(self) -> None:
        """Serve until the connection ends; nothing that a client does raises."""
        async with self._stream:
            try:
                while await self._serve_one():
                    self._http.start_next_cycle()
                await self._drain()
            except (
                trio.BrokenResourceError,
                trio.ClosedResourceError,
                trio.TooSlowError,
                h11.LocalProtocolError,
            ) as error:
                log.debug("a connection ended early: %s", error)

    async def _serve_one(self) -> bool:
        """Serve one request; return whether another may follow on this connection."""
        try:
            request = await self._read()
            if request is None:
                return False
            response = await self._response_to(request)
        except h11.RemoteProtocolError as error:
            response = HttpError(HTTPStatus(error.error_status_hint), f"this is not HTTP: {error}").response
        except HttpError as error:
            response = error.response
        if response is None:
            return False
        await self._send(response)
        return self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def _response_to(self, request: Request) -> Response | None:
        """Return the response, or None if the client has closed the connection before."""
        response: Response | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_for_end, nursery.cancel_scope)
            try:
                response = await self._respond(request)
            except HttpError as error:
                response = error.response
            nursery.cancel_scope.cancel()
        return response

    async def _watch_for_end(self, responding: trio.CancelScope) -> None:
        try:
            received = await self._stream.receive_some(_CHUNK)
        except trio.BrokenResourceError:
            received = b""
        if received:
            self._http.receive_data(bytes(received))  # of the next request, which waits for its turn
        else:
            responding.cancel()

    async def _read(self) -> Request | None:
        """Read a request; None if the client has closed the connection. Raises HttpError and RemoteProtocolError."""
        head = None
        with trio.move_on_after(MAX_IDLE):
            head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        self._is_head = head.method == b"HEAD"
        body = bytearray()
        with trio.move_on_after(MAX_TRANSFER) as reading:
            while isinstance(event := await self._next_event(), h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MAX_BODY} bytes at most")
            if isinstance(event, h11.ConnectionClosed):
                return None
        if reading.cancelled_caught:
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, f"the request did not arrive within {MAX_TRANSFER:g} s")
        headers = {name: value.decode("latin-1") for name, value in cast("Sequence[tuple[bytes, bytes]]", head.headers)}
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            host=headers.get(b"host", ""),
            content_type=headers.get(b"content-type", ""),
            authorization=headers.get(b"authorization", ""),
            user_agent=headers.get(b"user-agent", ""),
            body=bytes(body),
        )

    async def _next_event(self) -> h11.Event | None:
        """Return the next event of the current request, None after its end."""
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(bytes(await self._stream.receive_some(_CHUNK)))
        return event

    async def _send(self, response: Response) -> None:
        body = response.body
        headers = list(response.headers.items())
        if response.status is not HTTPStatus.NO_CONTENT:
            headers += [("Content-Type", response.content_type), ("Content-Length", str(len(body)))]
        if self._http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        head = h11.Response(status_code=response.status.value, headers=headers, reason=response.status.phrase.encode())
        with trio.fail_after(MAX_TRANSFER):
            await self._write(head, *(() if self._is_head or not body else (h11.Data(data=body),)), h11.EndOfMessage())

    async def _write(self, *events: h11.Event) -> None:
        await self._stream.send_all(b"".join(self._http.send(event) or b"" for event in events))

    async def _drain(self) -> None:
        """Half-close and drain, so that unread input does not reset the response away."""
        with trio.move_on_after(_LAST_BYTES):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            while await self._stream.receive_some(_CHUNK):
                pass

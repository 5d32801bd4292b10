"""One connection to one broker: typed requests out, typed answers in."""

import struct
from collections import deque
from itertools import count
from typing import Final, cast

import trio

from kafkalite_wire.apis import APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.schema import declaration_of

PATIENCE: Final = 8.0
"""How long an answer may take, in seconds; longer than any conversation makes a broker wait."""


class NoAnswerError(Exception):
    """The broker closed the connection, or said nothing for too long."""


def api_of(request: object) -> Api:
    """Return the API that a request belongs to."""
    return APIS[declaration_of(type(request)).api_key]


class Connection:
    """Sends requests and receives their answers in order; several may be on the way."""

    def __init__(self, stream: trio.SocketStream, client_id: str) -> None:
        self._stream = stream
        self._client_id = client_id.encode()
        self._ids = count(1)
        self._asked: deque[tuple[int, Api, int]] = deque()

    @classmethod
    async def open(cls, bootstrap: str, client_id: str) -> "Connection":
        """Connect to `HOST:PORT`."""
        host, _, port = bootstrap.rpartition(":")
        return cls(await trio.open_tcp_stream(host, int(port)), client_id)

    async def send(self, request: object, version: int) -> None:
        """Send a request."""
        api = api_of(request)
        correlation_id = next(self._ids)
        self._asked.append((correlation_id, api, version))
        header = struct.pack(">hhih", api.key, version, correlation_id, len(self._client_id)) + self._client_id
        if api.is_flexible(version):
            header += b"\0"
        await self.send_frame(header + encode(request, version))

    async def send_frame(self, frame: bytes) -> None:
        """Send bytes of one's own behind their length."""
        try:
            await self._stream.send_all(struct.pack(">i", len(frame)) + frame)
        except trio.BrokenResourceError as problem:
            raise NoAnswerError("closed") from problem

    async def receive(self) -> object:
        """Receive the answer to the oldest request that has none. NoAnswerError if there is none."""
        correlation_id, api, version = self._asked[0]
        frame = await self.receive_frame()
        self._asked.popleft()
        (received,) = struct.unpack_from(">i", frame)
        if received != correlation_id:
            raise NoAnswerError(f"answered request {received} where {correlation_id} was due")
        body = 5 if api.response_header_version(version) == 1 else 4
        return cast("object", decode(api.response_type, version, frame, body))

    async def receive_frame(self) -> bytes:
        """Receive one frame without its length. NoAnswerError if there is none."""
        with trio.move_on_after(PATIENCE):
            (length,) = struct.unpack(">i", await self._exactly(4))
            return await self._exactly(length)
        raise NoAnswerError(f"nothing within {PATIENCE:.0f} s")

    async def says_nothing(self, *, seconds: float) -> bool:
        """Return whether nothing arrives for a while; what arrives stays unread."""
        with trio.move_on_after(seconds) as waiting:
            await trio.lowlevel.wait_readable(self._stream.socket)
        return waiting.cancelled_caught

    async def close(self) -> None:
        """Close the connection."""
        await trio.aclose_forcefully(self._stream)

    async def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                more = await self._stream.receive_some(size - len(data))
            except trio.BrokenResourceError as problem:
                raise NoAnswerError("closed") from problem
            if not more:
                raise NoAnswerError("closed")
            data += more
        return bytes(data)

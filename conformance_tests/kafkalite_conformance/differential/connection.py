"""One connection to one broker: typed requests, typed responses, and frames of any bytes."""

from typing import Final, cast

import trio

from kafkalite_wire.client import ClientConnection, UnexpectedResponseError
from kafkalite_wire.frames import api_of

__all__ = ["PATIENCE", "Connection", "NoAnswerError", "api_of"]

PATIENCE: Final = 8.0
"""How long to wait for a response, in seconds; longer than any conversation makes a broker wait."""


class NoAnswerError(Exception):
    """The broker closed the connection, or sent no response in time."""


class Connection:
    """Sends requests and receives their responses in order; requests may be pipelined."""

    def __init__(self, stream: trio.SocketStream, client_id: str) -> None:
        self._stream = stream
        self._client = ClientConnection(client_id)

    @classmethod
    async def open(cls, bootstrap: str, client_id: str) -> "Connection":
        """Connect to `HOST:PORT`."""
        host, _, port = bootstrap.rpartition(":")
        return cls(await trio.open_tcp_stream(host, int(port)), client_id)

    async def send(self, request: object, version: int) -> None:
        """Send a request."""
        await self._send(self._client.send(request, version))

    async def send_frame(self, frame: bytes) -> None:
        """Send any bytes as a frame; no response is expected."""
        await self._send(len(frame).to_bytes(4) + frame)

    async def _send(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as problem:
            raise NoAnswerError("closed") from problem

    async def receive(self) -> object:
        """Receive the response to the oldest request that has none. NoAnswerError if there is none."""
        frame = await self.receive_frame()
        try:
            return cast("object", self._client.receive_frame(frame).message)
        except UnexpectedResponseError as problem:
            raise NoAnswerError(str(problem)) from problem

    async def receive_frame(self) -> bytes:
        """Receive one frame without its length. NoAnswerError if there is none."""
        with trio.move_on_after(PATIENCE):
            return await self._exactly(int.from_bytes(await self._exactly(4)))
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

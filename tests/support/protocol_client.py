"""A Kafka client made of the wire package alone: sends typed requests to a broker and decodes what comes back."""

from __future__ import annotations

import struct
from itertools import count
from typing import Any, TypeVar

import trio

from kafkalite_wire.apis import APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.schema import declaration_of

T = TypeVar("T")


class ProtocolClient:
    """One connection. ``send`` and ``receive`` may be called apart, to have several requests in flight."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.client_id = "test"
        self._ids = count(1)

    async def send(self, request: object, version: int) -> int:
        """Send a request and return its correlation id."""
        api = APIS[declaration_of(type(request)).api_key]
        correlation_id = next(self._ids)
        client_id = self.client_id.encode()
        header = struct.pack(">hhih", api.key, version, correlation_id, len(client_id)) + client_id
        if api.is_flexible(version):
            header += b"\0"
        await self.send_frame(header + encode(request, version))
        return correlation_id

    async def send_frame(self, frame: bytes) -> None:
        """Send bytes of one's own behind their length."""
        await self.stream.send_all(struct.pack(">i", len(frame)) + frame)

    async def receive(self, response_type: type[T], version: int) -> tuple[int, T]:
        """Receive the next response; gives its correlation id too."""
        api = APIS[declaration_of(response_type).api_key]
        frame = await self.receive_frame()
        (correlation_id,) = struct.unpack_from(">i", frame)
        return correlation_id, decode(response_type, version, frame, _body(api, version))

    async def call(self, request: object, version: int) -> Any:
        """Send a request and return its response."""
        sent = await self.send(request, version)
        api = APIS[declaration_of(type(request)).api_key]
        received, response = await self.receive(api.response_type, version)
        assert received == sent
        return response

    async def receive_frame(self) -> bytes:
        """Receive one frame without its length."""
        (length,) = struct.unpack(">i", await self._exactly(4))
        return await self._exactly(length)

    async def is_closed(self) -> bool:
        """Wait for the broker to close the connection without having answered."""
        try:
            return await self.stream.receive_some(1) == b""
        except trio.BrokenResourceError:
            return True

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self.stream.receive_some(size - len(data))
            if not more:
                raise EOFError(f"the broker closed the connection after {len(data)} of {size} bytes")
            data += more
        return data


def _body(api: Api, version: int) -> int:
    return 5 if api.response_header_version(version) == 1 else 4

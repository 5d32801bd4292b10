"""A Kafka client made of the wire package alone: sends typed requests to a broker and decodes what comes back."""

from __future__ import annotations

from itertools import count
from typing import Any, TypeVar

import trio

from kafkalite_wire.frames import api_of, decode_response, encode_request
from kafkalite_wire.messages.create_topics import CreateTopicsResponse
from tests.support import requests

T = TypeVar("T")


class ProtocolClient:
    """One connection. ``send`` and ``receive`` may be called apart, to have several requests in flight."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.client_id = "test"
        self._ids = count(1)

    async def send(self, request: object, version: int) -> int:
        """Send a request and return its correlation id."""
        correlation_id = next(self._ids)
        await self.stream.send_all(encode_request(api_of(request), version, correlation_id, self.client_id, request))
        return correlation_id

    async def send_frame(self, frame: bytes) -> None:
        """Send bytes of one's own behind their length."""
        await self.stream.send_all(len(frame).to_bytes(4) + frame)

    async def receive(self, response_type: type[T], version: int) -> tuple[int, T]:
        """Receive the next response; gives its correlation id too."""
        return decode_response(api_of(response_type), version, await self.receive_frame())

    async def call(self, request: object, version: int) -> Any:
        """Send a request and return its response."""
        sent = await self.send(request, version)
        received, response = await self.receive(api_of(request).response_type, version)
        assert received == sent
        return response

    async def receive_frame(self) -> bytes:
        """Receive one frame without its length."""
        return await self._exactly(int.from_bytes(await self._exactly(4)))

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


async def create_topic(client: ProtocolClient, name: str, partitions: int = 1, **configs: str) -> CreateTopicsResponse:
    """Create a topic and return the response; configurations are named with underscores."""
    response: CreateTopicsResponse = await client.call(requests.create_topics(name, partitions, **configs), 7)
    return response

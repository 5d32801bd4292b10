"""A Kafka client made of the wire package and a plain socket, for tests whose broker is another process."""

from __future__ import annotations

import socket
from itertools import count
from typing import Any, TypeVar

from kafkalite_wire.frames import api_of, decode_response, encode_request

T = TypeVar("T")


class BlockingClient:
    """One connection; every wait ends after `within` seconds. OSError or EOFError when the broker goes away."""

    def __init__(self, port: int, *, within: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=within)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._ids = count(1)

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, request: object, version: int) -> None:
        """Send a request; its answer comes after those of the requests before it."""
        self._socket.sendall(encode_request(api_of(request), version, next(self._ids), "test", request))

    def receive(self, response_type: type[T], version: int) -> T:
        """Receive the next answer."""
        length = int.from_bytes(self._exactly(4))
        response: T = decode_response(api_of(response_type), version, self._exactly(length))[1]
        return response

    def call(self, request: object, version: int) -> Any:
        """Send a request and return its answer."""
        self.send(request, version)
        return self.receive(api_of(request).response_type, version)

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError(f"the broker closed the connection after {len(data)} of {size} bytes")
        return data

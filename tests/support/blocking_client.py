"""A Kafka client made of the wire package and a plain socket, for tests whose broker is another process."""

from __future__ import annotations

import socket
import struct
from itertools import count
from typing import Any, TypeVar

from kafkalite_wire.apis import APIS
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.schema import declaration_of

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
        api = APIS[declaration_of(type(request)).api_key]
        header = struct.pack(">hhih", api.key, version, next(self._ids), 4) + b"test"
        if api.is_flexible(version):
            header += b"\0"
        frame = header + encode(request, version)
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self, response_type: type[T], version: int) -> T:
        """Receive the next answer."""
        (length,) = struct.unpack(">i", self._exactly(4))
        api = APIS[declaration_of(response_type).api_key]
        return decode(response_type, version, self._exactly(length), 5 if api.response_header_version(version) else 4)

    def call(self, request: object, version: int) -> Any:
        """Send a request and return its answer."""
        self.send(request, version)
        return self.receive(APIS[declaration_of(type(request)).api_key].response_type, version)

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError(f"the broker closed the connection after {len(data)} of {size} bytes")
        return data

"""One blocking connection to a broker."""

from __future__ import annotations

import socket
import struct
from itertools import count
from typing import Any, Final, TypeVar

from kafkalite_wire.apis import APIS
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.schema import declaration_of

T = TypeVar("T")

LARGEST_FRAME: Final = 100_000_000
"""The bytes of the largest response that is read; more is no response of a broker."""


class NotKafkaError(Exception):
    """What came back is no response; `received` holds its first bytes, none where the connection was closed."""

    def __init__(self, reason: str, received: bytes = b"") -> None:
        super().__init__(reason)
        self.received = received


class Connection:
    """A connection over a socket that is connected already, and whose time-out bounds every wait."""

    def __init__(self, stream: socket.socket, *, client_id: str = "kafkalite") -> None:
        self._stream = stream
        self._client_id = client_id.encode()
        self._ids = count(1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def call(self, request: object, version: int, response_type: type[T]) -> T:
        """Send a request and return its response.

        Raises NotKafkaError for anything else that comes back, OSError from the socket (TimeoutError when nothing
        comes), and WireError where the response does not decode.
        """
        api = APIS[declaration_of(type(request)).api_key]
        flexible = b"\0" if api.is_flexible(version) else b""
        frame = self.exchange(api.key, version, flexible + encode(request, version))
        return decode(response_type, version, frame, 5 if api.response_header_version(version) == 1 else 4)

    def exchange(self, api_key: int, version: int, rest: bytes) -> bytes:
        """Send a request of bytes behind the client id, and return the response's frame without its length."""
        correlation_id = next(self._ids)
        fixed = struct.pack(">hhih", api_key, version, correlation_id, len(self._client_id))
        frame = fixed + self._client_id + rest
        self._stream.sendall(struct.pack(">i", len(frame)) + frame)
        head = self._exactly(8)
        length, answered = struct.unpack(">ii", head)
        if answered != correlation_id or not 4 <= length <= LARGEST_FRAME:
            raise NotKafkaError("the answer is not one of Kafka's protocol", head + self._more())
        return head[4:] + self._exactly(length - 4)

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            try:
                part = self._stream.recv(min(size - len(received), 1 << 20))
            except ConnectionError:
                part = b""
            except TimeoutError:
                if received:
                    raise NotKafkaError("the answer is cut short", bytes(received)) from None
                raise
            if not part:
                raise NotKafkaError("the connection was closed", bytes(received))
            received += part
        return bytes(received)

    def _more(self) -> bytes:
        """Return what has come besides, to show what it is."""
        self._stream.settimeout(0.2)
        try:
            return self._stream.recv(256)
        except OSError:
            return b""


def open_connection(address: tuple[Any, ...] | tuple[str, int], *, timeout: float) -> Connection:
    """Connect to a broker without TLS; raises OSError."""
    host, port = address[0], address[1]
    return Connection(socket.create_connection((host, port), timeout=timeout))

"""A small Kafka client: one blocking connection, one request at a time, in the newest version that both sides know."""

from __future__ import annotations

import socket
import struct
from itertools import count
from typing import Any, Final

from kafkalite_wire.apis import APIS
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.schema import declaration_of

_TIMEOUT: Final = 30.0
_LENGTH: Final = struct.Struct(">i")
_HEADER: Final = struct.Struct(">hhih")
_CLIENT: Final = b"kafkalite.testing"


class Connection:
    """A connection to a broker. Methods raise OSError."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_TIMEOUT)
        self._ids = count(1)
        self._newest: dict[int, int] = {}
        answer = self.call(ApiVersionsRequest(), 0)
        self._newest = {api.api_key: api.max_version for api in answer.api_keys}

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def call(self, request: object, most: int | None = None) -> Any:
        """Send a request, in version ``most`` at most, and give its response."""
        api = APIS[declaration_of(type(request)).api_key]
        version = min(api.max_version if most is None else most, self._newest.get(api.key, api.max_version))
        header = _HEADER.pack(api.key, version, next(self._ids), len(_CLIENT)) + _CLIENT
        if api.is_flexible(version):
            header += b"\0"
        frame = header + encode(request, version)
        self._socket.sendall(_LENGTH.pack(len(frame)) + frame)
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        answer = self._exactly(length)
        return decode(api.response_type, version, answer, 5 if api.response_header_version(version) == 1 else 4)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError(f"the broker closed the connection after {len(data)} of {size} bytes")
            data += more
        return bytes(data)

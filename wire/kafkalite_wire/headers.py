"""Request and response headers: what surrounds every message on a connection.

A frame is a big-endian INT32 length and that many bytes: a header, then a message. The header's first fields
can be read whatever the version, so that a broker can answer a version it does not know.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kafkalite_wire.apis import APIS, Api
from kafkalite_wire.compact import MalformedError, skip_tagged_fields
from kafkalite_wire.errors import UnsupportedVersionError, WireError

_FIXED = struct.Struct(">hhih")
_RESPONSE_V0 = struct.Struct(">ii")
_RESPONSE_V1 = struct.Struct(">iix")


@dataclass(slots=True)
class RequestHeader:
    """A decoded request header; ``body`` is where the message starts in the frame."""

    api: Api
    api_version: int
    correlation_id: int
    client_id: str | None
    body: int


def read_request_header(frame: memoryview) -> RequestHeader:
    """Read the header of a request frame (its length prefix already taken off).

    As strict as Kafka: any negative length of the client id is null, and tagged fields must be there in every
    version from the first flexible one on, even in those that nobody knows. The version is not checked.
    Raises UnsupportedVersionError for an API key that is not declared, WireError for malformed bytes.
    """
    try:
        api_key, api_version, correlation_id, length = _FIXED.unpack_from(frame)
    except struct.error:
        raise WireError("the frame ends inside the request header", offset=len(frame)) from None
    api = APIS.get(api_key)
    if api is None:
        raise UnsupportedVersionError(f"unknown API key {api_key}", version=api_version)
    pos = 10
    client_id = None
    if length >= 0:
        pos += length
        if pos > len(frame):
            raise _error("the frame ends inside the client id", api, api_version, 8)
        client_id = str(frame[10:pos], "utf-8", "replace")
    if api_version >= api.first_flexible:
        try:
            pos = skip_tagged_fields(frame, pos)
        except (IndexError, MalformedError):
            raise _error("malformed tagged fields", api, api_version, pos) from None
    return RequestHeader(api, api_version, correlation_id, client_id, pos)


def start_response(api: Api, api_version: int, correlation_id: int) -> bytearray:
    """Start a response frame: room for its length, then the header."""
    if api.response_header_version(api_version) == 1:
        return bytearray(_RESPONSE_V1.pack(0, correlation_id))
    return bytearray(_RESPONSE_V0.pack(0, correlation_id))


def _error(reason: str, api: Api, api_version: int, offset: int) -> WireError:
    return WireError(reason, message=f"{api.name} request header", version=api_version, offset=offset)

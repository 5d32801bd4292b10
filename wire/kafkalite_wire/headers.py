"""Request and response headers, read and written.

A frame is a big-endian INT32 length and that many bytes: a header, then a message. The first fields of a header are the
same for all APIs and versions, so that a broker can respond to a version that it does not support, and a proxy can
forward an API that is not declared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafkalite_wire.apis import DECLARED_APIS, Api
from kafkalite_wire.compact import read_tagged_fields, skip_tagged_fields
from kafkalite_wire.errors import MalformedError, UnsupportedVersionError, WireError
from kafkalite_wire.values import value_class
from kafkalite_wire.varint import append_uvarint

if TYPE_CHECKING:
    from kafkalite_wire.lossless import TaggedFields

_FIXED = struct.Struct(">hhih")
_RESPONSE_V0 = struct.Struct(">ii")
_RESPONSE_V1 = struct.Struct(">iix")
_INT32 = struct.Struct(">i")
_CORRELATION_ID_AT = 4


@dataclass(slots=True)
class RequestHeader:
    """A decoded request header; ``body`` is where the message starts in the frame."""

    api: Api
    api_version: int
    correlation_id: int
    client_id: str | None
    body: int
    tagged_fields: TaggedFields = ()
    """Empty unless the header was read losslessly."""


@value_class
class RequestPrefix:
    """The part of a request header that is the same for all APIs, declared or not; ``end`` is where it ends."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    """Bytes that are not valid UTF-8 are lone surrogates (PEP 383)."""
    end: int


@value_class
class ResponseHeader:
    """A decoded response header; ``body`` is where the message starts in the frame."""

    correlation_id: int
    body: int
    tagged_fields: TaggedFields = ()


def read_request_header(frame: memoryview, *, lossless: bool = False) -> RequestHeader:
    """Read the header of a request frame, without the length before it.

    As strict as Kafka: any negative length of the client id is null, and tagged fields must be present in every
    version from the first flexible one on, even in undeclared ones. The version is not checked. Unless ``lossless``,
    tagged fields are skipped and text that is not UTF-8 is read with replacement characters.
    Raises UnsupportedVersionError for an API key that is not declared, WireError for malformed bytes.
    """
    # `_fixed` is repeated here, because every request comes this way.
    try:
        api_key, api_version, correlation_id, length = _FIXED.unpack_from(frame)
    except struct.error:
        raise _too_short(frame) from None
    pos = 10 + length if length > 0 else 10
    api = DECLARED_APIS.get(api_key)
    if api is None:
        raise UnsupportedVersionError(f"unknown API key {api_key}", version=api_version)
    if pos > len(frame):
        raise _error("the frame ends inside the client id", api.name, api_version, 8)
    client_id = None if length < 0 else str(frame[10:pos], "utf-8", "surrogateescape" if lossless else "replace")
    tagged_fields: TaggedFields = ()
    if api_version >= api.first_flexible:
        try:
            if lossless:
                tagged_fields, pos = read_tagged_fields(frame, pos)
            else:
                pos = skip_tagged_fields(frame, pos) if frame[pos] else pos + 1
        except (IndexError, MalformedError):
            raise _error("malformed tagged fields", api.name, api_version, pos) from None
    return RequestHeader(api, api_version, correlation_id, client_id, pos, tagged_fields)


def read_request_prefix(frame: memoryview) -> RequestPrefix:
    """Read the part of a request header that is the same for all APIs. Raises WireError for malformed bytes.

    Tagged fields, if the version of the API has them, and the message follow.
    """
    api_key, api_version, correlation_id, length, end = _fixed(frame)
    if end > len(frame):
        raise _error("the frame ends inside the client id", f"API {api_key}", api_version, 8)
    client_id = None if length < 0 else str(frame[10:end], "utf-8", "surrogateescape")
    return RequestPrefix(api_key, api_version, correlation_id, client_id, end)


def _fixed(frame: memoryview) -> tuple[int, int, int, int, int]:
    """Return API key, version, correlation id, length of the client id, and where that ends."""
    try:
        api_key, api_version, correlation_id, length = _FIXED.unpack_from(frame)
    except struct.error:
        raise _too_short(frame) from None
    return api_key, api_version, correlation_id, length, 10 + length if length > 0 else 10


def set_correlation_id(frame: bytearray | memoryview, correlation_id: int, *, is_response: bool = False) -> None:
    """Replace the correlation id of a frame, without the length before it."""
    _INT32.pack_into(frame, 0 if is_response else _CORRELATION_ID_AT, correlation_id)


def start_request(
    api: Api, api_version: int, correlation_id: int, client_id: str | None, tagged_fields: TaggedFields = ()
) -> bytearray:
    """Start a request frame: space for its length, then the header."""
    head = start_request_prefix(api.key, api_version, correlation_id, client_id)
    if api_version >= api.first_flexible:
        _append_tagged_fields(head, tagged_fields)
    return head


def start_request_prefix(api_key: int, api_version: int, correlation_id: int, client_id: str | None) -> bytearray:
    """Start a request frame of any API: space for its length, then what `read_request_prefix` reads."""
    encoded = None if client_id is None else client_id.encode("utf-8", "surrogateescape")
    head = bytearray(_INT32.size)
    head += _FIXED.pack(api_key, api_version, correlation_id, -1 if encoded is None else len(encoded))
    return head + (encoded or b"")


def start_response(api: Api, api_version: int, correlation_id: int, tagged_fields: TaggedFields = ()) -> bytearray:
    """Start a response frame: space for its length, then the header."""
    if api_version < api.first_flexible_response_header:
        return bytearray(_RESPONSE_V0.pack(0, correlation_id))
    if not tagged_fields:
        return bytearray(_RESPONSE_V1.pack(0, correlation_id))
    head = bytearray(_RESPONSE_V0.pack(0, correlation_id))
    _append_tagged_fields(head, tagged_fields)
    return head


def read_response_header(frame: memoryview, api: Api, api_version: int) -> ResponseHeader:
    """Read the header of a response frame, without the length before it. Raises WireError for malformed bytes."""
    try:
        (correlation_id,) = _INT32.unpack_from(frame)
    except struct.error:
        raise WireError("the frame ends inside the response header", offset=len(frame)) from None
    if api.response_header_version(api_version) == 0:
        return ResponseHeader(correlation_id, _INT32.size)
    try:
        tagged_fields, body = read_tagged_fields(frame, _INT32.size)
    except (IndexError, MalformedError):
        raise WireError(
            "malformed tagged fields", message=f"{api.name} response header", version=api_version, offset=_INT32.size
        ) from None
    return ResponseHeader(correlation_id, body, tagged_fields)


def _append_tagged_fields(head: bytearray, tagged_fields: TaggedFields) -> None:
    append_uvarint(head, len(tagged_fields))
    for tag, value in tagged_fields:
        append_uvarint(head, tag)
        append_uvarint(head, len(value))
        head += value


def _too_short(frame: memoryview) -> WireError:
    return WireError("the frame ends inside the request header", offset=len(frame))


def _error(reason: str, name: str, api_version: int, offset: int) -> WireError:
    return WireError(reason, message=f"{name} request header", version=api_version, offset=offset)

"""Whole frames: requests and responses with their headers and lengths, and a stream of bytes cut into frames."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode_parts, encode_steps
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import FrameLengthError
from kafkalite_wire.headers import read_response_header, start_request, start_request_prefix, start_response
from kafkalite_wire.schema import declaration_of

if TYPE_CHECKING:
    from kafkalite_wire.codec import Steps
    from kafkalite_wire.lossless import TaggedFields
    from kafkalite_wire.schema import Payload

LARGEST_FRAME: Final = 100 << 20
"""The default of Kafka's `socket.request.max.bytes`."""

_API_VERSIONS: Final = ApiKey.API_VERSIONS
_LENGTH: Final = struct.Struct(">i")
_UNSUPPORTED_VERSION: Final = ErrorCode.UNSUPPORTED_VERSION.to_bytes(2)


def api_of(message: object | type) -> Api:
    """Return the API of a request or response, or of its class."""
    return DECLARED_APIS[declaration_of(message if isinstance(message, type) else type(message)).api_key]


def encode_request(
    api: Api,
    version: int,
    correlation_id: int,
    client_id: str | None,
    message: object,
    *,
    lossless: bool = False,
    tagged_fields: TaggedFields = (),
) -> bytes:
    """Encode a request as a whole frame, length first. Records must be buffers. Raises as `codec.encode` does.

    ``tagged_fields`` are those of the header.
    """
    head = start_request(api, version, correlation_id, client_id, tagged_fields)
    parts = encode_parts(message, version, head, lossless=lossless)
    _LENGTH.pack_into(head, 0, sum(map(len, parts)) - _LENGTH.size)
    return b"".join(parts)  # type: ignore[arg-type]  # all are buffers


def encode_undeclared_request(
    api_key: int, version: int, correlation_id: int, client_id: str | None, rest: bytes
) -> bytes:
    """Encode a request of any API as a whole frame; ``rest`` is what follows the client id."""
    frame = start_request_prefix(api_key, version, correlation_id, client_id) + rest
    _LENGTH.pack_into(frame, 0, len(frame) - _LENGTH.size)
    return bytes(frame)


def encode_response(
    api: Api,
    version: int,
    correlation_id: int,
    message: object,
    *,
    lossless: bool = False,
    tagged_fields: TaggedFields = (),
) -> list[Payload]:
    """Encode a response as a whole frame, length first, in parts to be sent one after the other.

    The refusal of an ApiVersions request's version is encoded in version 0 (KIP-511).
    """
    if api.key is _API_VERSIONS:
        version = _version_of_response(version, message)
    head = start_response(api, version, correlation_id, tagged_fields)
    parts = encode_parts(message, version, head, lossless=lossless)
    _LENGTH.pack_into(head, 0, sum(map(len, parts)) - _LENGTH.size)
    return parts


def encode_response_steps(api: Api, version: int, correlation_id: int, message: object) -> Steps[list[Payload]]:
    """Do what :func:`encode_response` does, in steps (see :mod:`kafkalite_wire.codec`)."""
    if api.key is _API_VERSIONS:
        version = _version_of_response(version, message)
    head = start_response(api, version, correlation_id)
    parts = yield from encode_steps(message, version, head)
    _LENGTH.pack_into(head, 0, sum(map(len, parts)) - _LENGTH.size)
    return parts


def _version_of_response(version: int, message: object) -> int:
    return 0 if getattr(message, "error_code", 0) == ErrorCode.UNSUPPORTED_VERSION else version


def decode_response(api: Api, version: int, frame: bytes | memoryview, *, lossless: bool = False) -> tuple[int, Any]:
    """Decode a response frame, without its length; return its correlation id and the message.

    A broker responds to an ApiVersions request of an unsupported version in version 0 (KIP-511). Raises WireError.
    """
    view = memoryview(frame)
    header = read_response_header(view, api, version)
    if api.key is ApiKey.API_VERSIONS and bytes(view[header.body : header.body + 2]) == _UNSUPPORTED_VERSION:
        version = 0
    return header.correlation_id, decode(api.response_type, version, view, header.body, lossless=lossless)


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self, *, largest: int = LARGEST_FRAME) -> None:
        self._largest = largest
        self._received = bytearray()

    @property
    def unread(self) -> bytes:
        """The bytes of a frame that has not arrived completely."""
        return bytes(self._received)

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Add bytes and return the frames that are complete now, without their lengths.

        Raises FrameLengthError for a length that is negative or too large.
        """
        received = self._received
        received += data
        frames: list[bytes] = []
        position = 0
        try:
            while len(received) - position >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(received, position)
                if not 0 <= length <= self._largest:
                    raise FrameLengthError(f"a frame of {length} bytes")
                end = position + _LENGTH.size + length
                if end > len(received):
                    break
                frames.append(bytes(received[position + _LENGTH.size : end]))
                position = end
        finally:
            del received[:position]
        return frames

"""One client connection, sans-IO: requests become bytes, bytes become responses.

::

    client = ClientConnection("my-tool")
    stream.sendall(client.send(ApiVersionsRequest(), 0))
    (response,) = client.receive(stream.recv(65536))     # any number of bytes, any number of responses
    stream.sendall(client.send(MetadataRequest(topics=None)))   # in the newest version that both sides support

Requests may be pipelined: a broker responds in the order of the requests.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.frames import (
    LARGEST_FRAME,
    FrameReader,
    api_of,
    decode_response,
    encode_request,
    encode_undeclared_request,
)
from kafkalite_wire.schema import declaration_of

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api


_CORRELATION_ID_SIZE: Final = 4


class UnexpectedResponseError(WireError):
    """A response that does not belong to the oldest request."""


class Response(NamedTuple):
    """A decoded response, with API, version and correlation id of its request; ``api`` is None if undeclared."""

    api: Api | None
    version: int
    correlation_id: int
    message: Any


class ClientConnection:
    """The state of a connection: the requests without a response, and the broker's versions once they are known."""

    def __init__(self, client_id: str | None = "kafkalite", *, largest_frame: int = LARGEST_FRAME) -> None:
        self._client_id = client_id
        self._frames = FrameReader(largest=largest_frame)
        self._correlation_ids = count(1)
        self._pending: deque[tuple[Api | None, int, int]] = deque()
        self.versions: dict[int, tuple[int, int]] = {}
        """The versions that the broker supports by API key, from its last ApiVersions response."""

    @property
    def pending(self) -> int:
        """How many requests have no response yet."""
        return len(self._pending)

    @property
    def unread(self) -> bytes:
        """The bytes of a response that has not arrived completely."""
        return self._frames.unread

    def send(self, request: object, version: int | None = None) -> bytes:
        """Return the bytes of a request, by default in the newest version that broker and declaration share.

        Raises UnsupportedVersionError.
        """
        api = api_of(request)
        if version is None:
            version = self.newest_version(request)
        correlation_id = next(self._correlation_ids)
        frame = encode_request(api, version, correlation_id, self._client_id, request)
        # A broker does not respond to Produce with acks=0.
        if api.key is not ApiKey.PRODUCE or getattr(request, "acks", None) != 0:
            self._pending.append((api, version, correlation_id))
        return frame

    def send_undeclared(self, api_key: int, version: int, rest: bytes) -> bytes:
        """Return the bytes of a request whose API is not declared; ``rest`` is what follows the client id.

        The message of its response is the bytes that follow the correlation id.
        """
        correlation_id = next(self._correlation_ids)
        self._pending.append((None, version, correlation_id))
        return encode_undeclared_request(api_key, version, correlation_id, self._client_id, rest)

    def newest_version(self, request: object | type) -> int:
        """Return the newest version of a request that the broker supports and that is declared.

        Raises UnsupportedVersionError if there is none, or if the broker's versions are not known yet.
        """
        api = api_of(request)
        declared = declaration_of(request if isinstance(request, type) else type(request)).versions
        if api.key not in self.versions:
            raise UnsupportedVersionError(f"the broker is not known to support {api.name}")
        low, high = self.versions[api.key]
        version = min(high, declared.high)
        if version < max(low, declared.low):
            raise UnsupportedVersionError(f"the broker supports {api.name} {low}-{high}, this client {declared}")
        return version

    def receive(self, data: bytes | bytearray | memoryview) -> list[Response]:
        """Add received bytes and return the responses that are complete now.

        Raises UnexpectedResponseError for bytes that are not the response to the oldest request, and WireError where it
        does not decode. The connection cannot be used after either.
        """
        return [self.receive_frame(frame) for frame in self._frames.feed(data)]

    def receive_frame(self, frame: bytes) -> Response:
        """Decode one response frame, without its length. Raises WireError as `receive` does."""
        if not self._pending:
            raise UnexpectedResponseError("a response without a request")
        api, version, correlation_id = self._pending.popleft()
        received = int.from_bytes(frame[:4], signed=True)
        if received != correlation_id or len(frame) < _CORRELATION_ID_SIZE:
            raise UnexpectedResponseError(f"a response to request {received} where {correlation_id} is next")
        if api is None:
            return Response(None, version, correlation_id, frame[_CORRELATION_ID_SIZE:])
        _, message = decode_response(api, version, frame)
        if api.key is ApiKey.API_VERSIONS:
            self.versions = {each.api_key: (each.min_version, each.max_version) for each in message.api_keys}
        return Response(api, version, correlation_id, message)

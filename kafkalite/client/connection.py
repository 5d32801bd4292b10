"""One blocking connection to a broker."""

from __future__ import annotations

import socket
from typing import Any, TypeVar

from kafkalite_wire.client import ClientConnection, Response, UnexpectedResponseError
from kafkalite_wire.errors import FrameLengthError

T = TypeVar("T")


class NotKafkaError(Exception):
    """The peer sent no Kafka response; `received` holds its first bytes, none if it closed the connection."""

    def __init__(self, reason: str, received: bytes = b"") -> None:
        super().__init__(reason)
        self.received = received


class Connection:
    """A connection over a connected socket. The socket's timeout applies to every wait."""

    def __init__(self, stream: socket.socket, *, client_id: str = "kafkalite") -> None:
        self._stream = stream
        self._client = ClientConnection(client_id)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def call(self, request: object, version: int, response_type: type[T]) -> T:
        """Send a request and return its response.

        Raises NotKafkaError for bytes that are not the response, OSError from the socket (TimeoutError if nothing was
        received), and WireError if the response does not decode.
        """
        self._stream.sendall(self._client.send(request, version))
        message = self._receive().message
        assert isinstance(message, response_type)
        return message

    def call_undeclared(self, api_key: int, version: int, rest: bytes) -> bytes:
        """Send a request of any API; return what follows the correlation id. Raises as `call` does.

        ``rest`` is what follows the client id.
        """
        self._stream.sendall(self._client.send_undeclared(api_key, version, rest))
        return bytes(self._receive().message)

    def _receive(self) -> Response:
        while True:
            try:
                data = self._stream.recv(1 << 20)
            except ConnectionError:
                data = b""
            except TimeoutError:
                if unread := self._client.unread:
                    raise NotKafkaError("the response is cut short", unread) from None
                raise
            if not data:
                raise NotKafkaError("the connection was closed", self._client.unread)
            try:
                responses = self._client.receive(data)
            except (FrameLengthError, UnexpectedResponseError):
                raise NotKafkaError("not a response of Kafka's protocol", self._client.unread or data) from None
            if responses:
                return responses[0]


def open_connection(address: tuple[Any, ...] | tuple[str, int], *, timeout: float) -> Connection:
    """Connect to a broker without TLS; raises OSError."""
    host, port = address[0], address[1]
    return Connection(socket.create_connection((host, port), timeout=timeout))

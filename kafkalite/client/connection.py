"""One blocking connection to a broker."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, TypeVar

from kafkalite.security.sasl import PLAIN, AuthenticationFailed
from kafkalite_wire.client import ClientConnection, Response, UnexpectedResponseError
from kafkalite_wire.errors import FrameLengthError

if TYPE_CHECKING:
    from kafkalite.security.client_access import ClientAccess

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


def open_connection(
    address: tuple[Any, ...] | tuple[str, int], *, timeout: float, access: ClientAccess | None = None
) -> Connection:
    """Connect to a broker, with TLS and a login by PLAIN where ``access`` says so.

    Raises OSError, AuthenticationFailed, and what :meth:`Connection.call` raises.
    """
    host, port = address[0], address[1]
    stream = socket.create_connection((host, port), timeout=timeout)
    if access is None:
        return Connection(stream)
    try:
        if access.protocol.uses_tls:
            stream = access.ssl_context().wrap_socket(stream, server_hostname=host)
        connection = Connection(stream)
        if access.protocol.uses_sasl:
            _log_in(connection, access)
    except BaseException:
        stream.close()
        raise
    return connection


def _log_in(connection: Connection, access: ClientAccess) -> None:
    from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
    from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

    chosen = connection.call(SaslHandshakeRequest(mechanism=PLAIN), 1, SaslHandshakeResponse)
    if chosen.error_code:
        raise AuthenticationFailed(f"the broker has not enabled {PLAIN}, but {', '.join(chosen.mechanisms)}")
    token = f"\0{access.username}\0{access.password}".encode()
    answer = connection.call(SaslAuthenticateRequest(auth_bytes=token), 1, SaslAuthenticateResponse)
    if answer.error_code:
        raise AuthenticationFailed(answer.error_message or "the broker refuses the login")

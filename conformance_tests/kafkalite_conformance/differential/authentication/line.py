"""One connection to one listener, and what is written down about it."""

import select
import socket
import ssl
import struct
import time
from typing import Final

from kafkalite_conformance.differential.authentication.secured_brokers import Certificates, Secured
from kafkalite_conformance.differential.comparing import Step
from kafkalite_conformance.differential.normalising import Plain
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.frames import api_of
from kafkalite_wire.messages.api_versions import ApiVersionsResponse
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeResponse

_PATIENCE: Final = 8.0
_LONG_ENOUGH: Final = 0.6
"""How long nothing has to happen, in seconds, for a connection to count as open."""
_SASL_APIS: Final = (17, 36)


class ClosedError(Exception):
    """The broker closed the connection, or sent nothing in time."""


class Line:
    """A connection. Each method that sends something writes down what comes back, or that the connection ends."""

    def __init__(self, visit: "Visit", name: str, connected: socket.socket) -> None:
        self._visit = visit
        self._name = name
        self._socket = connected
        self._client = ClientConnection("visitor")

    def ask(self, request: object, version: int, note: str = "", *, quietly: bool = False) -> object | None:
        """Send a request and return the response, or None where the connection ends; write it down unless quietly."""
        asked = f"{self._name}, {api_of(request).name} v{version}{f' ({note})' if note else ''}"
        try:
            self._send(self._client.send(request, version))
            answer: object = self._client.receive_frame(self._frame()).message
        except ClosedError as problem:
            self._visit.write(asked, str(problem))
            return None
        if not quietly:
            self._visit.write(asked, plain_answer(answer))
        return answer

    def token(self, token: bytes, note: str) -> bytes | None:
        """Send a frame without a header, and return the frame that comes back, or None where the connection ends."""
        asked = f"{self._name}, {note}"
        try:
            self._send(struct.pack(">i", len(token)) + token)
            answer = self._frame()
        except ClosedError as problem:
            self._visit.write(asked, str(problem))
            return None
        self._visit.write(asked, _token(answer))
        return answer

    def frame(self, frame: bytes, note: str) -> None:
        """Send a frame with a header of one's own, and write down the first bytes of the response."""
        asked = f"{self._name}, {note}"
        try:
            self._send(struct.pack(">i", len(frame)) + frame)
            answer: Plain = self._frame()[:64].hex(" ")
        except ClosedError as problem:
            answer = str(problem)
        self._visit.write(asked, answer)

    def stream(self, data: bytes, note: str) -> None:
        """Send bytes as they are, and write down whether anything comes back."""
        asked = f"{self._name}, {note}"
        try:
            self._send(data)
            answer: Plain = f"{len(self._frame())} bytes"
        except ClosedError as problem:
            answer = str(problem)
        self._visit.write(asked, answer)

    def ending(self, data: bytes, note: str) -> None:
        """Send bytes as they are, and write down all that comes back before the connection ends."""
        received = b""
        try:
            self._socket.sendall(data)
            while more := self._socket.recv(1024):
                received += more
            end = "closed"
        except TimeoutError:
            end = "open"
        except OSError:
            end = "reset"
        self._visit.write(f"{self._name}, {note}", f"{received.hex(' ')} {end}")

    def is_open(self, note: str = "") -> None:
        """Write down whether the connection stays open for a while, with nothing to be read."""
        asked = f"{self._name}, is it open{f' ({note})' if note else ''}"
        try:
            if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                state = "there is something to read"
            elif not select.select([self._socket], [], [], _LONG_ENOUGH)[0]:
                state = "yes"
            else:
                state = "there is something to read" if self._socket.recv(1) else "no"
        except OSError:
            state = "no"
        self._visit.write(asked, state)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise ClosedError("closed") from None

    def _frame(self) -> bytes:
        (size,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except TimeoutError:
                raise ClosedError(f"nothing within {_PATIENCE:.0f} s") from None
            except OSError:
                raise ClosedError("closed") from None
            if not more:
                raise ClosedError("closed")
            data += more
        return bytes(data)


class Visit:
    """What one script is given: connections to the listeners of one broker, and a transcript."""

    def __init__(self, broker: Secured, certificates: Certificates) -> None:
        self.steps: Final[list[Step]] = []
        self.certificates: Final = certificates
        self._broker = broker
        self._lines: list[Line] = []

    def write(self, asked: str, answer: Plain) -> None:
        """Write a step down."""
        self.steps.append(Step(asked=asked, answer=answer))

    def call(self, listener: str, name: str = "", *, context: ssl.SSLContext | None = None) -> Line:
        """Connect to a listener; with TLS where there is a context, and OSError if its handshake fails."""
        host, _, port = self._broker.addresses[listener].rpartition(":")
        connected = socket.create_connection((host, int(port)), timeout=_PATIENCE)
        if context is not None:
            connected = context.wrap_socket(connected, server_hostname="localhost")
        line = Line(self, f"{listener}{name and ' '}{name}", connected)
        self._lines.append(line)
        return line

    def wait(self, seconds: float) -> None:
        """Let the lifetime of a session pass."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close all connections."""
        for line in self._lines:
            line.close()


def plain_answer(answer: object) -> Plain:
    """Describe a response."""
    if isinstance(answer, SaslHandshakeResponse):
        return {"error_code": answer.error_code, "mechanisms": sorted(answer.mechanisms)}
    if isinstance(answer, SaslAuthenticateResponse):
        return {
            "error_code": answer.error_code,
            "error_message": answer.error_message,
            "auth_bytes": _token(bytes(answer.auth_bytes)),
            "session_lifetime_ms": answer.session_lifetime_ms,
        }
    if isinstance(answer, ApiVersionsResponse):
        versions = {str(row.api_key): [row.min_version, row.max_version] for row in answer.api_keys}
        return {
            "error_code": answer.error_code,
            "sasl": {str(key): versions.get(str(key)) for key in _SASL_APIS},
        }
    return "is answered"


def _token(token: bytes) -> Plain:
    """Describe a token of the server; the nonces and verifiers of SCRAM differ each time."""
    attributes = [part.partition(b"=") for part in token.split(b",")]
    if token[:2] not in (b"r=", b"v="):
        return token.hex(" ")
    described: dict[str, Plain] = {
        name.decode(): "..." if name in (b"r", b"v") else value.decode() for name, _, value in attributes
    }
    return described

"""Check whether a broker responds. Health checks start this often, so it imports next to nothing."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import Final

# ApiVersions v0 by hand, because importing the codec takes longer than the request: key 18, version 0,
# correlation id 7, client id "ready".
_BODY: Final = struct.pack(">hhih5s", 18, 0, 7, 5, b"ready")
_REQUEST: Final = struct.pack(">i", len(_BODY)) + _BODY
_ANSWER: Final = struct.Struct(">iih")
_PAUSE: Final = 0.05
_WANTS_CERTIFICATE: Final = frozenset(("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE"))
"""OpenSSL's names of the alerts that kafkalite and Kafka send to a client without a certificate."""


def answers(address: tuple[str, int], *, timeout: float) -> bool:
    """Return whether a broker responds to ApiVersions without an error within ``timeout`` seconds.

    A listener that accepts connections and does not understand the request is asked again over TLS, whatever its
    certificate: the request holds no secret, and SASL allows it before a login. A listener that refuses the client for
    want of a certificate counts as one that responds.
    """
    try:
        connection = socket.create_connection(address, timeout=timeout)
    except OSError:
        return False
    with connection, suppress(OSError):
        if _is_answered(connection):
            return True
    try:
        return _answers_over_tls(address, timeout)
    except OSError as error:
        return getattr(error, "reason", None) in _WANTS_CERTIFICATE


def _is_answered(connection: socket.socket) -> bool:
    connection.sendall(_REQUEST)
    with connection.makefile("rb") as answer:
        head = answer.read(_ANSWER.size)
    return len(head) == _ANSWER.size and _ANSWER.unpack(head)[1:] == (7, 0)


def _answers_over_tls(address: tuple[str, int], timeout: float) -> bool:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(address, timeout=timeout) as connection, context.wrap_socket(connection) as protected:
        return _is_answered(protected)


def wait_until_ready(address: tuple[str, int], *, timeout: float) -> bool:
    """Repeat the check until a broker responds or ``timeout`` seconds have passed; return whether it responded."""
    until = time.monotonic() + timeout
    while not answers(address, timeout=max(until - time.monotonic(), 0.001)):
        if time.monotonic() + _PAUSE > until:
            return False
        time.sleep(_PAUSE)
    return True

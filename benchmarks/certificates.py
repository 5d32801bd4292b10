"""Certificates for the rows with TLS, and OpenSSL's own handshake to compare with.

    python -m benchmarks.certificates HOST PORT FILE

makes handshakes with all clients, one after the other, and does nothing else.
"""

import socket
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority, and a certificate for loopback with its key; all are PEM."""

    authority: str
    chain: str
    key: str


@cache
def certificates() -> Certificates:
    """Make certificates, the same for all brokers of a run."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    # Kafka reads keys in PKCS#8 only.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    return Certificates(
        authority=authority.cert_pem.bytes().decode(),
        chain="".join(pem.bytes().decode() for pem in issued.cert_chain_pems),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _serve(host: str, port: int, file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server((host, port), backlog=128) as listening:
        while True:
            connected, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(connected, server_side=True) as secured:
                secured.recv(1)  # until the client leaves


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])

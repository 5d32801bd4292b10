"""Certificates for the rows with TLS, and OpenSSL's own handshake to compare with.

    python -m benchmarks.certificates HOST PORT FILE

makes handshakes with all clients, one after the other, and does nothing else.
"""

import socket
import ssl
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files of an authority, and of a certificate for loopback with its key."""

    folder: tempfile.TemporaryDirectory[str]
    """Where they are; it ends with this object."""
    authority: Path
    broker: Path


@cache
def certificates() -> Certificates:
    """Make certificates, the same for all brokers of a run."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    # Kafka reads keys in PKCS#8 only.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    folder = tempfile.TemporaryDirectory(prefix="kafkalite-bench-certificates-")
    broker, trusted = Path(folder.name, "broker.pem"), Path(folder.name, "authority.pem")
    broker.write_bytes(pem + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(trusted))
    return Certificates(folder=folder, authority=trusted, broker=broker)


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

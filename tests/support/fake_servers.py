"""Servers that are not what a client hopes for, each on a free port of 127.0.0.1."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kafkalite_wire.apis import APIS
from kafkalite_wire.codec import encode
from kafkalite_wire.headers import read_request_header, start_response
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsResponse
from kafkalite_wire.messages.find_coordinator import FindCoordinatorResponse
from kafkalite_wire.messages.list_groups import ListGroupsResponse
from kafkalite_wire.messages.metadata import MetadataResponse, MetadataResponseBroker

MAX_CONNECTIONS = 100
WITHIN = 60  # seconds, on the busiest of machines
Serve = Callable[[socket.socket], None]


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """Run a function on each connection, one after the other, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            for _ in range(MAX_CONNECTIONS):
                connection, _ = listener.accept()
                with connection:
                    if ended.is_set():
                        return
                    connection.settimeout(WITHIN)
                    try:
                        serve(connection)
                    except OSError:
                        continue

        ended = threading.Event()
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield port
        finally:
            ended.set()
            socket.create_connection(("127.0.0.1", port), timeout=WITHIN).close()
            thread.join(WITHIN)


def close_at_once(_connection: socket.socket) -> None:
    """Say nothing and hang up."""


def say_nothing(connection: socket.socket) -> None:
    """Read until the client gives up."""
    while connection.recv(1024):
        pass


def web_server(connection: socket.socket) -> None:
    """Answer as a web server does."""
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def patient_web_server(connection: socket.socket) -> None:
    """Answer as a web server does that reads whole lines."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        piece = connection.recv(1024)
        if not piece:
            return
        received += piece
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")


def ssh_server(connection: socket.socket) -> None:
    """Introduce itself before the client has said anything."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.recv(1024)


def tls_alert(connection: socket.socket) -> None:
    """Answer what is no TLS with an alert, and TLS with nothing."""
    connection.recv(1024)
    connection.sendall(bytes.fromhex("15030300020246"))


def over_tls(context: ssl.SSLContext, serve: Serve) -> Serve:
    """Shake hands first."""

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            serve(inside)

    return secured


def exactly(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes, or fewer where the client has ended."""
    data = b""
    while len(data) < size and (part := connection.recv(size - len(data))):
        data += part
    return data


def broker(
    advertised: Callable[[], tuple[str, int]],
    *,
    versions: Mapping[int, tuple[int, int]] | None = None,
    cluster_id: str = "fake",
    mechanisms: tuple[str, ...] | None = None,
    coordinator_error: int = 0,
) -> Serve:
    """Answer as a broker that advertises an address, has no topics and no groups, and coordinates groups or refuses to.

    With mechanisms, it wants a login, and hangs up on whatever else comes first.
    """
    offered = versions or {key: (api.min_version, api.max_version) for key, api in APIS.items()}
    if mechanisms is not None:
        offered = {**offered, 17: (0, 1)}

    rows = tuple(ApiVersion(api_key=key, min_version=low, max_version=high) for key, (low, high) in offered.items())

    def answer(connection: socket.socket) -> None:
        while len(head := exactly(connection, 4)) == 4:
            frame = exactly(connection, struct.unpack(">i", head)[0])
            (key,) = struct.unpack_from(">h", frame)
            if key == 17 and mechanisms is not None:
                names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in mechanisms)
                body = frame[4:8] + struct.pack(">hi", 33, len(mechanisms)) + names
                connection.sendall(struct.pack(">i", len(body)) + body)
                continue
            header = read_request_header(memoryview(frame))
            if header.api.key == 18:
                response: object = ApiVersionsResponse(api_keys=rows)
            elif mechanisms is not None:
                return
            elif header.api.key == 10:
                response = FindCoordinatorResponse(error_code=coordinator_error, node_id=1)
            elif header.api.key == 16:
                response = ListGroupsResponse()
            else:
                host, port = advertised()
                node = MetadataResponseBroker(node_id=1, host=host, port=port)
                response = MetadataResponse(brokers=(node,), cluster_id=cluster_id, topics=())
            reply = start_response(header.api, header.api_version, header.correlation_id)
            reply += encode(response, header.api_version)
            struct.pack_into(">i", reply, 0, len(reply) - 4)
            connection.sendall(reply)

    return answer

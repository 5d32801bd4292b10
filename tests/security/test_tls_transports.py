"""A TLS transport over a pair of sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from kafkalite.server import tls_transport
from kafkalite.server.tls_transport import TlsTransport
from tests.security.conftest import Authority

Pair = tuple[TlsTransport, TlsTransport]


@pytest.fixture
async def pair(authority: Authority, broker_pem: Path) -> AsyncIterator[Pair]:
    """The server's and the client's end, after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(broker_pem)
    ours, theirs = socket.socketpair()
    server = TlsTransport(ours, context)
    client = TlsTransport(theirs, ssl.create_default_context(cafile=str(authority.file)), server_hostname="localhost")
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handshake)
            nursery.start_soon(client.handshake)
        with pytest.raises(BlockingIOError):
            client.receive_into(memoryview(bytearray(1)))  # the tickets of TLS 1.3
        yield server, client
    server.close()
    client.close()


async def test_the_records_that_have_arrived_are_received_at_once(pair: Pair) -> None:
    server, client = pair
    for number in range(20):
        client.send([bytes([number]) * 100], more=False)
    buffer = bytearray(1950)
    assert server.receive_into(memoryview(buffer)) == 1950
    assert buffer == b"".join(bytes([number]) * 100 for number in range(20))[:1950]
    await server.wait_readable()  # the rest is decrypted already
    assert server.receive_into(memoryview(buffer)) == 50
    with pytest.raises(BlockingIOError):
        server.receive_into(memoryview(buffer))


async def test_no_more_than_a_part_is_received_at_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_transport, "_MOST_PER_RECEIVE", 250)
    server, client = pair
    for _ in range(4):
        client.send([bytes(100)], more=False)
    buffer = memoryview(bytearray(1000))
    assert [server.receive_into(buffer) for _ in range(2)] == [250, 150]


async def test_what_came_before_the_end_is_received_before_it(pair: Pair) -> None:
    server, client = pair
    client.send([b"last"], more=False)
    client.close()
    buffer = memoryview(bytearray(1000))
    assert [server.receive_into(buffer) for _ in range(3)] == [4, 0, 0]


async def test_garbage_ends_the_stream_after_what_came_before_it(pair: Pair) -> None:
    server, client = pair
    client.send([b"last"], more=False)
    socket.socket.send(client._socket, b"\x17\x03\x03\x00\x20" + bytes(32))
    buffer = memoryview(bytearray(1000))
    assert [server.receive_into(buffer) for _ in range(2)] == [4, 0]

"""Headers of the PROXY protocol, as its specification (HAProxy, versions 1 and 2) shows them."""

from __future__ import annotations

import socket

import pytest
import trio

from kafkalite.server.proxy_protocol import Origin, ProxyProtocolError, parse, read_origin

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT_4 = Origin(("192.168.0.1", 56324), ("192.168.0.11", 443))
TCP4 = bytes((192, 168, 0, 1, 192, 168, 0, 11)) + (56324).to_bytes(2) + (443).to_bytes(2)


def v2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(rest).to_bytes(2) + rest


HEADERS = [
    (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", CLIENT_4),
    (b"PROXY TCP6 ::1 2001:db8::7 1 65535\r\n", Origin(("::1", 1), ("2001:db8::7", 65535))),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (v2(0x21, 0x11, TCP4), CLIENT_4),
    (v2(0x21, 0x11, TCP4 + b"\x04\0\x01x"), CLIENT_4),
    (v2(0x21, 0x21, bytes(15) + b"\1" + bytes(15) + b"\2" + b"\0\1\0\2"), Origin(("::1", 1), ("::2", 2))),
    (v2(0x20, 0x00, b""), None),
    (v2(0x21, 0x31, bytes(216)), None),
]

FOREIGN = [
    b"PROXY \r\n",
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 70000\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP4 localhost localhost 1 2\r\n",
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n",
    b"PROXY " + b"x" * 200,
    b"PROXX TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
    v2(0x11, 0x11, TCP4),
    v2(0x22, 0x11, TCP4),
    v2(0x21, 0x11, TCP4[:8]),
    v2(0x21, 0x11, bytes(5000)),
    b"\r\n\r\n\0\r\nQUIX\n" + bytes(4),
]


@pytest.mark.parametrize(("header", "origin"), HEADERS)
def test_a_header_says_where_a_connection_comes_from(header: bytes, origin: Origin | None) -> None:
    assert parse(header) == origin


async def _read(sent: bytes, *, required: bool = True) -> tuple[Origin | None, bytes]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with trio.fail_after(5):
            origin = await read_origin(ours, required=required)
        return origin, ours.recv(1000)


@pytest.mark.parametrize(("header", "origin"), HEADERS)
@pytest.mark.parametrize("required", [True, False])
async def test_nothing_behind_a_header_is_received(header: bytes, origin: Origin | None, required: bool) -> None:
    assert await _read(header + b"PROXY or not\n", required=required) == (origin, b"PROXY or not\n")


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_what_is_no_header_is_refused(foreign: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        await _read(foreign)


@pytest.mark.parametrize("first", [b"\0\0\0\x0a\0\x12", b"\x16\x03\x01"])
async def test_a_connection_without_a_header_is_left_alone_where_none_is_required(first: bytes) -> None:
    assert await _read(first, required=False) == (None, first)
    with pytest.raises(ProxyProtocolError, match="there is no header"):
        await _read(first)


@pytest.mark.parametrize("header", [header for header, _ in HEADERS])
async def test_a_header_that_is_cut_off_ends_the_connection(header: bytes) -> None:
    for size in range(min(60, len(header))):
        with pytest.raises((ConnectionAbortedError, ProxyProtocolError)):
            await _read(header[:size])

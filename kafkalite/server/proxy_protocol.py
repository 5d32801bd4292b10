"""The PROXY protocol, versions 1 and 2: a load balancer says which client a connection comes from.

Its header comes before everything else, before TLS too. A connection without one begins with another byte: a frame's
length that begins so would be larger than any that is accepted.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

import trio

Origins = Literal["off", "allowed", "required"]
"""Whether connections may, or must, begin with a header."""

_V1: Final = b"PROXY "
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_LONGEST_V1: Final = 107
_FIXED_V2: Final = struct.Struct(">12sBBH")
_LONGEST_V2: Final = 4096
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_ADDRESSES: Final = {_TCP4: struct.Struct(">4s4sHH"), _TCP6: struct.Struct(">16s16sHH")}
_FIRST_BYTES: Final = (_V1[:1], _V2[:1])


class ProxyProtocolError(Exception):
    """Bytes that are no header of the protocol."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection comes from, and what address the client dialled."""

    client: tuple[str, int]
    dialled: tuple[str, int]


def parse(header: bytes) -> Origin | None:
    """Return what a whole header says, or None where it names no TCP connection. Raises ProxyProtocolError."""
    if header.startswith(_V2):
        return _parse_v2(header)
    words = header.decode("ascii", "replace").removesuffix("\r\n").split(" ")
    if not header.endswith(b"\r\n") or words[0] != "PROXY":
        raise ProxyProtocolError("there is no header of the PROXY protocol")
    if words[1:2] == ["UNKNOWN"]:
        return None
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ProxyProtocolError("the header of the PROXY protocol has another form")
    _, family, *hosts, source, target = words
    try:
        client, dialled = (ip_address(host) for host in hosts)
        ports = int(source), int(target)
    except ValueError:
        raise ProxyProtocolError("the header of the PROXY protocol has no valid addresses") from None
    if {client.version, dialled.version} != {4 if family == "TCP4" else 6} or not all(
        0 <= port < 1 << 16 for port in ports
    ):
        raise ProxyProtocolError("the header of the PROXY protocol has no valid addresses")
    return Origin((str(client), ports[0]), (str(dialled), ports[1]))


def _parse_v2(header: bytes) -> Origin | None:
    _, command, family, _ = _FIXED_V2.unpack_from(header)
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise ProxyProtocolError("the header of the PROXY protocol has another version or command")
    addresses = _ADDRESSES.get(family)
    if addresses is None:
        return None
    try:
        client, dialled, source, target = addresses.unpack_from(header, _FIXED_V2.size)
    except struct.error:
        raise ProxyProtocolError("the header of the PROXY protocol ends before its addresses") from None
    return Origin((str(ip_address(client)), source), (str(ip_address(dialled)), target))


async def read_origin(connected: socket.socket, *, required: bool) -> Origin | None:
    """Receive the header of a connection and nothing behind it.

    Return None where it names no client, or where there is none and none is required. Raises OSError and
    ProxyProtocolError.
    """
    first = await _receive(connected, 1, socket.MSG_PEEK)
    if first not in _FIRST_BYTES:
        if required:
            raise ProxyProtocolError("there is no header of the PROXY protocol")
        return None
    header = await _exactly(connected, len(_V1))
    if header == _V1:
        return parse(await _rest_of_line(connected, header))
    header += await _exactly(connected, _FIXED_V2.size - len(header))
    signature, _, _, size = _FIXED_V2.unpack(header)
    if signature != _V2 or size > _LONGEST_V2:
        raise ProxyProtocolError("the header of the PROXY protocol has another form")
    return parse(header + await _exactly(connected, size))


async def _rest_of_line(connected: socket.socket, line: bytes) -> bytes:
    while not line.endswith(b"\n"):
        if len(line) >= _LONGEST_V1:
            raise ProxyProtocolError("the header of the PROXY protocol has no end")
        seen = await _receive(connected, _LONGEST_V1 - len(line), socket.MSG_PEEK)
        line += await _exactly(connected, seen.find(b"\n") + 1 or len(seen))
    return line


async def _exactly(connected: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await _receive(connected, size - len(data), 0)
    return data


async def _receive(connected: socket.socket, most: int, flags: int) -> bytes:
    while True:
        await trio.lowlevel.wait_readable(connected)
        try:
            data = connected.recv(most, flags)
        except (BlockingIOError, InterruptedError):
            continue
        if not data:
            raise ConnectionAbortedError("the connection ended before the header of the PROXY protocol")
        return data

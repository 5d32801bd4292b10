"""Compact lengths and tagged fields of flexible versions (KIP-482), and the limits of all types.

The limits are those that Apache Kafka 4.4 enforces when it reads.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.errors import MalformedError
from kafkalite_wire.varint import append_uvarint, read_uvarint, read_uvarint_tail

MAX_STRING_BYTES: Final = 32_767
MAX_ELEMENTS: Final = 1_000_000
MAX_TAGGED_FIELDS: Final = 10_000


def read_length_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of a compact length or count; negative is null.

    Lengths are sent plus one. Kafka reads them into a signed integer, so very large ones are null as well.
    """
    value, pos = read_uvarint_tail(buf, pos, first)
    return (value if value <= 0x8000_0000 else value - 0x1_0000_0000) - 1, pos


def read_string_length_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of the compact length of a string; negative is null."""
    length, pos = read_length_tail(buf, pos, first)
    if length > MAX_STRING_BYTES:
        raise MalformedError
    return length, pos


def read_tagged_field_count(buf: memoryview, pos: int) -> tuple[int, int]:
    """Read the number of tagged fields that follow."""
    count, pos = read_uvarint(buf, pos)
    if count > MAX_TAGGED_FIELDS or count > len(buf) - pos:
        raise MalformedError
    return count, pos


def skip_tagged_fields(buf: memoryview, pos: int) -> int:
    """Skip a section of tagged fields, none of which this version knows."""
    count, pos = read_tagged_field_count(buf, pos)
    for _ in range(count):
        _tag, pos = read_uvarint(buf, pos)
        size, pos = read_uvarint(buf, pos)
        pos += size
        if pos > len(buf):
            raise MalformedError
    return pos


def read_tagged_fields(buf: memoryview, pos: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    """Read a section of tagged fields as pairs of tag and bytes."""
    count, pos = read_tagged_field_count(buf, pos)
    fields: list[tuple[int, bytes]] = []
    for _ in range(count):
        tag, pos = read_uvarint(buf, pos)
        size, pos = read_uvarint(buf, pos)
        if pos + size > len(buf):
            raise MalformedError
        fields.append((tag, bytes(buf[pos : pos + size])))
        pos += size
    return tuple(fields), pos


def append_string_length(out: bytearray, length: int) -> None:
    """Append the compact length of a string. Raises ValueError for a string that readers refuse as too long."""
    if length > MAX_STRING_BYTES:
        raise ValueError(f"a string of {length} bytes does not fit into a message")
    append_uvarint(out, length + 1)

"""Variable-length numbers and tagged fields of flexible versions (KIP-482), and the limits of all types.

The limits are those of Apache Kafka 4.4, whose readers refuse what is beyond them.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.errors import WireError

MAX_STRING_BYTES: Final = 32_767
MAX_ELEMENTS: Final = 1_000_000
MAX_TAGGED_FIELDS: Final = 10_000


class MalformedError(WireError):
    """Bytes that cannot be read, raised where the field they belong to is not known."""

    def __init__(self) -> None:
        super().__init__("malformed bytes")


def read_uvarint(buf: memoryview, pos: int) -> tuple[int, int]:
    """Read an unsigned varint of at most five bytes and 32 bits.

    Raises IndexError where the bytes end, MalformedError for a sixth byte.
    """
    value = buf[pos]
    return (value, pos + 1) if value < 128 else read_uvarint_tail(buf, pos + 1, value)


def read_uvarint_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of an unsigned varint whose first byte said that more follow."""
    value = first & 0x7F
    for shift in (7, 14, 21, 28):
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value & 0xFFFFFFFF, pos
    raise MalformedError


def read_length_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of a compact length or count; negative is null.

    Lengths are sent plus one. Kafka reads them into a signed number, so large ones are null too.
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
    """Read how many tagged fields follow."""
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


def append_uvarint(out: bytearray, value: int) -> None:
    """Append an unsigned varint."""
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def append_string_length(out: bytearray, length: int) -> None:
    """Append the compact length of a string. Raises ValueError for one that readers refuse as too long."""
    if length > MAX_STRING_BYTES:
        raise ValueError(f"a string of {length} bytes does not fit into a message")
    append_uvarint(out, length + 1)

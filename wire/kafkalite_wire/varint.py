"""Variable-length integers: unsigned ones in flexible messages (KIP-482), zigzag ones in records (KIP-98)."""

from kafkalite_wire.errors import MalformedError
from kafkalite_wire.schema import Buffer


def read_uvarint(buf: memoryview, pos: int) -> tuple[int, int]:
    """Read an unsigned integer of at most five bytes and 32 bits; return it and the position after it.

    Raises IndexError where the bytes end early, and MalformedError where a sixth byte would follow.
    """
    value = buf[pos]
    return (value, pos + 1) if value < 128 else read_uvarint_tail(buf, pos + 1, value)


def read_uvarint_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of an unsigned integer whose first byte, already read, says that more follow."""
    value = first & 0x7F
    for shift in (7, 14, 21, 28):
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value & 0xFFFFFFFF, pos
    raise MalformedError


def append_uvarint(out: bytearray, value: int) -> None:
    """Append an unsigned integer."""
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def encode_varint(value: int) -> bytes:
    """Encode a signed integer of at most 64 bits."""
    zigzag = (value << 1) ^ (value >> 63)
    if zigzag < 0x80:
        return zigzag.to_bytes(1)
    if zigzag < 0x4000:
        return bytes((zigzag & 0x7F | 0x80, zigzag >> 7))
    out = bytearray()
    append_uvarint(out, zigzag)
    return bytes(out)


def decode_varint(data: Buffer, position: int, *, bits: int = 32) -> tuple[int, int]:
    """Read a signed integer; return it and the position after it.

    Raises IndexError where the data ends early, and ValueError for an encoding of more than `bits` bits.
    """
    byte = data[position]
    position += 1
    value = byte & 0x7F
    shift = 7
    while byte & 0x80:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > bits + 6 and byte & 0x80:
            raise ValueError(f"a variable-length integer is longer than {bits} bits")
    if value >> bits:
        raise ValueError(f"a variable-length integer is longer than {bits} bits")
    return (value >> 1) ^ -(value & 1), position

"""Zigzag variable-length integers, as records use them (protocol guide, "Variable-length integers")."""

from kafkalite_wire.crc import Buffer


def encode_varint(value: int) -> bytes:
    """Encode a signed integer of at most 64 bits."""
    rest = (value << 1) ^ (value >> 63)
    if rest < 0x80:
        return rest.to_bytes(1)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def decode_varint(data: Buffer, position: int, *, bits: int = 32) -> tuple[int, int]:
    """Return the signed integer at position and the position after it.

    Raises IndexError where data ends early and ValueError for an encoding of more than bits bits.
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

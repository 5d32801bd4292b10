"""The one way in which a message and its bytes are compared."""

import pytest

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.layout import layout_of


def check(message: object, version: int, *, wire: str) -> None:
    """Check that a message has these bytes, hexadecimal, and that nothing shorter or longer passes for them."""
    declared, data = type(message), bytes.fromhex(wire)
    assert decode(declared, version, data, exact=True) == message
    assert encode(message, version) == data
    assert layout_of(declared, version).parse(data) == message
    assert layout_of(declared, version).build(message) == data
    check_ends(declared, version, data)


def check_ends(declared: type, version: int, data: bytes) -> None:
    """Check that every beginning of the bytes is refused, and that what follows them is left alone."""
    for end in range(len(data)):
        with pytest.raises(WireError) as refusal:
            decode(declared, version, data[:end])
        assert "defect" not in refusal.value.reason
        assert 0 <= refusal.value.offset <= end
    behind = data + b"\1\2\3"
    assert decode(declared, version, behind) == decode(declared, version, data)
    with pytest.raises(WireError, match=f"3 bytes behind the message at byte {len(data)}"):
        decode(declared, version, behind, exact=True)

"""The one way in which a message and its bytes are compared."""

from typing import TypeVar

import pytest

from kafkalite_wire.codec import Steps, decode, decode_steps, encode, encode_parts, encode_steps
from kafkalite_wire.errors import WireError
from kafkalite_wire.layout import layout_of

T = TypeVar("T")


def check(message: object, version: int, *, wire: str) -> None:
    """Check that a message has these bytes, hexadecimal, and that nothing shorter or longer passes for them."""
    declared, data = type(message), bytes.fromhex(wire)
    assert decode(declared, version, data, exact=True) == message
    assert encode(message, version) == data
    assert run_steps(decode_steps(declared, version, data))[1] == message
    assert run_steps(encode_steps(message, version, bytearray()))[1] == encode_parts(message, version, bytearray())
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


def run_steps(steps: Steps[T]) -> tuple[int, T]:
    """Run all steps; return their number and their result."""
    number = 1
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return number, finished.value
        number += 1

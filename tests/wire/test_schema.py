"""Declarations of messages."""

from typing import Any

import pytest

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.layout import layout_of
from kafkalite_wire.schema import (
    BOOL,
    BYTES,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT16,
    UINT32,
    UUID,
    ZERO_UUID,
    Versions,
    array_of,
    field,
    message,
    struct,
    struct_of,
)
from tests.support.wire_check import check


@struct
class Point:
    x: int = field(INT16)
    y: int = field(INT16, "1+", default=7)


@message(versions="0-2", flexible="1+")
class Everything:
    """A field of each type, including those that are rare in Kafka's messages."""

    yes: bool = field(BOOL, default=False)
    small: int = field(INT8, default=0)
    port: int = field(UINT16, default=0)
    count: int = field(UINT32, default=0)
    ratio: float = field(FLOAT64, default=0.0)
    point: Point | None = field(struct_of(Point), nullable="2+", default=Point(x=0))
    ids: tuple[bytes, ...] = field(array_of(UUID), default=())
    flags: tuple[bool, ...] = field(array_of(BOOL), default=())
    blobs: tuple[bytes, ...] | None = field(array_of(BYTES), nullable="1+", default=())
    tagged_point: Point | None = field(struct_of(Point), "1+", nullable="1+", tag=0, default=None)
    tagged_names: tuple[str, ...] = field(array_of(STRING), "2+", tag=3, default=())
    moved: int = field(INT64, "0+", tag=1, tagged="2+", default=-1)


def test_every_type_has_its_bytes() -> None:
    made = Everything(
        yes=True,
        small=-2,
        port=65535,
        count=0xFFFFFFFF,
        ratio=-2.5,
        point=Point(x=1),
        ids=(ZERO_UUID, b"\1" * 16),
        flags=(True, False),
        blobs=(b"", b"ab"),
        moved=5,
    )
    check(
        made,
        0,
        wire="01 fe ffff ffffffff c004000000000000 0001"
        " 00000002 00000000000000000000000000000000 01010101010101010101010101010101"
        " 00000002 01 00 00000002 00000000 00000002 6162 0000000000000005",
    )


def test_struct_can_be_null_and_can_be_tagged() -> None:
    made = Everything(point=None, blobs=None, tagged_point=Point(x=2, y=3), tagged_names=("é",))
    check(
        made,
        2,
        wire="00 00 0000 00000000 0000000000000000 ff 01 01 00 02  00 06 01 0002 0003 00  03 04 02 03 c3a9",
    )


def test_nullable_struct_has_a_byte_in_front() -> None:
    check(Everything(point=Point(x=2, y=3)), 2, wire="00 00 0000 00000000 0000000000000000 01 0002 0003 00 01 01 01 00")


def test_tagged_field_is_not_sent_when_it_has_its_default() -> None:
    assert encode(Everything(), 1)[-1] == 0
    assert encode(Everything(), 2)[-1] == 0


def test_field_can_become_tagged_in_a_later_version() -> None:
    assert encode(Everything(moved=5), 1).endswith(bytes.fromhex("0000000000000005 00"))
    assert encode(Everything(moved=5), 2).endswith(bytes.fromhex("01 01 08 0000000000000005"))
    for version in (1, 2):
        assert decode(Everything, version, encode(Everything(moved=5), version)).moved == 5
        assert layout_of(Everything, version).parse(encode(Everything(moved=5), version)).moved == 5


def test_field_that_a_version_of_a_struct_lacks_gets_its_default() -> None:
    assert decode(Everything, 0, encode(Everything(point=Point(x=1, y=99)), 0)).point == Point(x=1, y=7)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("0+", [0, 99], [-1]), ("3-7", [3, 7], [2, 8]), ("5", [5], [4, 6]), ("none", [], [-1, 0, 1])],
)
def test_version_ranges_are_read_and_shown_in_kafkas_notation(text: str, inside: list[int], outside: list[int]) -> None:
    versions = Versions.parse(text)
    assert all(v in versions for v in inside)
    assert not any(v in versions for v in outside)
    assert str(versions) == text


def test_required_field_must_be_given() -> None:
    with pytest.raises(TypeError, match="'x'"):
        Point()  # type: ignore[call-arg]  # wrong on purpose


def test_fields_are_given_by_name_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        Point(1)  # type: ignore[call-arg]  # wrong on purpose


def test_message_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Point(x=1).z = 3  # type: ignore[attr-defined]  # wrong on purpose


def test_number_that_does_not_fit_its_type_is_not_written() -> None:
    import struct as struct_module

    text: Any = "x"
    for wrong in (Everything(small=128), Everything(port=-1), Everything(flags=(text,), moved=1 << 63)):
        with pytest.raises(struct_module.error):
            encode(wrong, 0)


def test_array_of_numbers_is_read_at_once() -> None:
    @message(versions="0")
    class Numbers:
        numbers: tuple[int, ...] = field(array_of(INT32))

    check(Numbers(numbers=(1, -1, 2)), 0, wire="00000003 00000001 ffffffff 00000002")
    check(Numbers(numbers=()), 0, wire="00000000")

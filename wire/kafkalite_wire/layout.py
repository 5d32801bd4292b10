"""Explain malformed bytes with a second, slow codec that is built with construct from the same declarations.

Its errors carry the byte offset and the path of the field, such as ``topics[2].partitions[0].index``. It shares no code
with the fast codec, and tests check that both accept the same bytes with the same result. It is imported for the first
malformed message only, because importing construct is slow.
"""

# construct has no type information, and its classes call each other's private methods:
# ruff: noqa: ARG002, SLF001
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any, Final, cast

import construct  # type: ignore[import-untyped] # it has no types

from kafkalite_wire.compact import MAX_ELEMENTS, MAX_STRING_BYTES, MAX_TAGGED_FIELDS
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.schema import Field, FieldType, declaration_of, fields_of

EXPLAINED_ELEMENTS: Final = 50_000
"""The number of array elements after which an explanation stops: a frame may hold millions."""

_TAGGED: Final = "tagged fields"


def layout_of(declared: type[Any], version: int) -> construct.Construct:
    """Return the construct that parses and builds one version of a declared message.

    Raises UnsupportedVersionError.
    """
    declaration = declaration_of(declared)
    if version not in declaration.versions:
        raise UnsupportedVersionError(
            f"not in its versions {declaration.versions}", message=declared.__name__, version=version
        )
    return _struct(cast("Any", declared), version, flexible=version in declaration.flexible)


def explain(declared: type[Any], version: int, data: memoryview, start: int, *, exact: bool = True) -> WireError:
    """Read malformed bytes again; return an error that states what is wrong, where, and in which field.

    Bytes behind the message are an error only if it must be ``exact``.
    """

    def error(reason: str, offset: int = -1, path: str = "") -> WireError:
        return WireError(reason, message=declared.__name__, version=version, offset=offset, path=path)

    frame = _Frame(data, start)
    try:
        layout_of(declared, version).parse_stream(frame)
    except _FaultError as fault:
        return error(fault.reason, fault.offset, _dotted(fault.path))
    rest = len(data) - frame.tell()
    if rest and exact:
        return error(f"{_bytes(rest)} behind the message", frame.tell())
    return error("only the fast decoder refuses this, which is a defect of kafkalite")


def _dotted(path: str) -> str:
    # "(parsing) -> topics[2] -> index" becomes "topics[2].index".
    return ".".join(name for name in path.split(" -> ")[1:] if name != _TAGGED)


class _Frame:
    """A stream over a frame, without a copy, that also counts array elements."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self._position = min(position, len(data))
        self.elements_left = EXPLAINED_ELEMENTS

    def tell(self) -> int:
        return self._position

    def left(self) -> int:
        return len(self._data) - self._position

    def read(self, size: int) -> memoryview:
        piece = self._data[self._position : self._position + size]
        self._position += len(piece)
        return piece


class _FaultError(construct.ConstructError):  # type: ignore[misc] # construct has no types
    def __init__(self, reason: str, offset: int, path: str) -> None:
        super().__init__(reason, path=path)
        self.reason = reason
        self.offset = offset
        self.path: str = path


def _left(stream: Any) -> int:
    if isinstance(stream, io.BytesIO):
        return len(stream.getbuffer()) - stream.tell()
    return cast("_Frame", stream).left()


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


def _take(stream: Any, size: int, path: str, at: int) -> Any:
    left = _left(stream)
    if size > left:
        raise _FaultError(f"{_bytes(size)} needed, {left} left", at, path)
    return stream.read(size)


class _Layout(construct.Construct):  # type: ignore[misc] # construct has no types
    """The base class of all parts; they read with ``_take``, which raises ``_FaultError``."""


class _Number(_Layout):
    """A value of fixed size."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._struct = struct.Struct(f">{code}")

    def _parse(self, stream: Any, context: object, path: str) -> Any:
        return self._struct.unpack(_take(stream, self._struct.size, path, stream.tell()))[0]

    def _build(self, obj: Any, stream: Any, context: object, path: str) -> Any:
        stream.write(self._struct.pack(obj))
        return obj


class _UnsignedVarint(_Layout):
    """An unsigned varint of at most five bytes (KIP-482)."""

    def _parse(self, stream: Any, context: object, path: str) -> int:
        at = stream.tell()
        value = 0
        for shift in range(0, 35, 7):
            byte: int = _take(stream, 1, path, at)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return int(value % (1 << 32))
        raise _FaultError("a varint of more than five bytes", at, path)

    def _build(self, obj: int, stream: Any, context: object, path: str) -> int:
        rest = obj
        while rest >= 0x80:
            stream.write(bytes([rest % 0x80 + 0x80]))
            rest //= 0x80
        stream.write(bytes([rest]))
        return obj


_UVARINT: Final = _UnsignedVarint()


class _CompactLength(_Layout):
    """A length plus one, as a varint."""

    def _parse(self, stream: Any, context: object, path: str) -> int:
        value = int(_UVARINT._parse(stream, context, path))
        return value - 1 if value <= 1 << 31 else value - 1 - (1 << 32)

    def _build(self, obj: int, stream: Any, context: object, path: str) -> int:
        _UVARINT._build(obj + 1, stream, context, path)
        return obj


class _Measured(_Layout):
    """A value behind its length or count; every negative one means null."""

    def __init__(self, of: FieldType[Any], *, flexible: bool, nullable: bool) -> None:
        super().__init__()
        self._nullable = nullable
        self._length = _CompactLength() if flexible else _Number("h" if of.name == "string" else "i")

    def _parse(self, stream: Any, context: object, path: str) -> Any:
        at = stream.tell()
        length = self._length._parse(stream, context, path)
        if length >= 0:
            return self._parse_content(length, stream, context, path, at)
        if self._nullable:
            return None
        raise _FaultError("null where none is allowed", at, path)

    def _build(self, obj: Any, stream: Any, context: object, path: str) -> Any:
        if obj is None:
            if not self._nullable:
                raise TypeError(f"{path} cannot be null")
            self._length._build(-1, stream, context, path)
        else:
            self._build_content(obj, stream, context, path)
        return obj

    def _parse_content(self, length: int, stream: Any, context: object, path: str, at: int) -> Any:
        raise NotImplementedError

    def _build_content(self, obj: Any, stream: Any, context: object, path: str) -> None:
        raise NotImplementedError


class _Bytes(_Measured):
    """Bytes, or record batches."""

    def _parse_content(self, length: int, stream: Any, context: object, path: str, at: int) -> Any:
        return bytes(_take(stream, length, path, at))

    def _build_content(self, obj: Any, stream: Any, context: object, path: str) -> None:
        self._length._build(len(obj), stream, context, path)
        stream.write(obj)


class _String(_Bytes):
    """A string of UTF-8."""

    def _parse_content(self, length: int, stream: Any, context: object, path: str, at: int) -> str:
        if length > MAX_STRING_BYTES:
            raise _FaultError(f"a string of {length} bytes, of which there may be {MAX_STRING_BYTES}", at, path)
        return str(super()._parse_content(length, stream, context, path, at), "utf-8", "replace")

    def _build_content(self, obj: str, stream: Any, context: object, path: str) -> None:
        super()._build_content(obj.encode(), stream, context, path)


class _Array(_Measured):
    """An array; its count is checked before the first element is read."""

    def __init__(self, of: FieldType[Any], element: construct.Construct, *, flexible: bool, nullable: bool) -> None:
        super().__init__(of, flexible=flexible, nullable=nullable)
        self._element = element

    def _parse_content(self, length: int, stream: Any, context: object, path: str, at: int) -> tuple[Any, ...]:
        if length > _left(stream):
            raise _FaultError(f"{length} elements, but only {_bytes(_left(stream))} left", at, path)
        if length > MAX_ELEMENTS:
            raise _FaultError(f"{length} elements, of which there may be {MAX_ELEMENTS}", at, path)
        if isinstance(stream, _Frame):
            stream.elements_left -= length
            if stream.elements_left < 0:
                raise _FaultError("malformed at or behind an array too long to read again", at, path)
        return tuple(self._element._parse(stream, context, f"{path}[{i}]") for i in range(length))

    def _build_content(self, obj: Any, stream: Any, context: object, path: str) -> None:
        self._length._build(len(obj), stream, context, path)
        for i, item in enumerate(obj):
            self._element._build(item, stream, context, f"{path}[{i}]")


class _NullableStruct(_Layout):
    """A struct behind a byte that is negative for null, or in a tagged field behind a number that is 0 for null."""

    def __init__(self, of: construct.Construct, *, is_tagged: bool) -> None:
        super().__init__()
        self._of = of
        self._is_tagged = is_tagged

    def _parse(self, stream: Any, context: object, path: str) -> Any:
        if self._is_tagged:
            is_null = _UVARINT._parse(stream, context, path) == 0
        else:
            is_null = _take(stream, 1, path, stream.tell())[0] > 127
        if is_null:
            return None
        return self._of._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: object, path: str) -> Any:
        null = b"\0" if self._is_tagged else b"\xff"
        stream.write(null if obj is None else b"\x01")
        if obj is not None:
            self._of._build(obj, stream, context, path)
        return obj


class _TaggedFields(_Layout):
    """The tagged fields at the end of a struct (KIP-482), as a dictionary by name of those that are present."""

    def __init__(self, known: dict[int, tuple[Field, construct.Construct]], refused: set[int]) -> None:
        super().__init__()
        self._known = known
        self._refused = refused

    def _parse(self, stream: Any, context: object, path: str) -> dict[str, Any]:
        at = stream.tell()
        count = _UVARINT._parse(stream, context, path)
        if count > _left(stream):
            raise _FaultError(f"{count} tagged fields, but only {_bytes(_left(stream))} left", at, path)
        if count > MAX_TAGGED_FIELDS:
            raise _FaultError(f"{count} tagged fields, of which there may be {MAX_TAGGED_FIELDS}", at, path)
        values: dict[str, Any] = {}
        for _ in range(count):
            at = stream.tell()
            tag = _UVARINT._parse(stream, context, path)
            size = _UVARINT._parse(stream, context, path)
            if tag in self._known:
                field, value = self._known[tag]
                values[field.name] = value._parse(stream, context, f"{path} -> {field.name}")
            elif tag in self._refused:
                raise _FaultError(f"a field of tag {tag}, which is of other versions", at, path)
            else:
                _take(stream, size, path, at)
        return values

    def _build(self, obj: dict[str, Any], stream: Any, context: object, path: str) -> Any:
        present = [
            (tag, value.build(obj[field.name]))
            for tag, (field, value) in sorted(self._known.items())
            if obj[field.name] != field.implied
        ]
        _UVARINT._build(len(present), stream, context, path)
        for tag, body in present:
            _UVARINT._build(tag, stream, context, path)
            _UVARINT._build(len(body), stream, context, path)
            stream.write(body)
        return obj


class _Declared(construct.Adapter):  # type: ignore[misc] # construct has no types
    """Converts between a construct Struct and objects of a declared class."""

    def __init__(self, declared: type[Any], fields: construct.Construct) -> None:
        super().__init__(fields)
        self._declared = declared

    def _decode(self, obj: Any, context: object, path: str) -> Any:
        values = {field.name: field.implied for field in fields_of(self._declared)}
        values.update({name: value for name, value in obj.items() if name in values})
        values.update(obj.get(_TAGGED, {}))
        return self._declared(**values)

    def _encode(self, obj: Any, context: object, path: str) -> dict[str, Any]:
        values = {field.name: getattr(obj, field.name) for field in fields_of(self._declared)}
        return {**values, _TAGGED: values}


@cache
def _struct(declared: Any, version: int, *, flexible: bool) -> construct.Construct:
    plain: list[construct.Construct] = []
    known: dict[int, tuple[Field, construct.Construct]] = {}
    refused: set[int] = set()
    for field in fields_of(declared):
        of_this_version = version in field.versions
        value = _value(
            field.type,
            version,
            flexible=flexible,
            nullable=version in field.nullable,
            is_tagged=version in field.tagged,
        )
        if flexible and field.tag is not None and version in field.tagged and of_this_version:
            known[field.tag] = field, value
            continue
        if field.tag is not None:
            refused.add(field.tag)
        if of_this_version:
            plain.append(construct.Renamed(value, field.name))
    if flexible:
        plain.append(construct.Renamed(_TaggedFields(known, refused), _TAGGED))
    return _Declared(declared, construct.Struct(*plain))


def _value(
    of: FieldType[Any], version: int, *, flexible: bool, nullable: bool, is_tagged: bool = False
) -> construct.Construct:
    if of.code:
        return _Number(of.code)
    if of.struct is not None:
        inner = _struct(cast("Any", of.struct), version, flexible=flexible)
        return _NullableStruct(inner, is_tagged=is_tagged) if nullable else inner
    if of.element is not None:
        element = _value(of.element, version, flexible=flexible, nullable=False)
        return _Array(of, element, flexible=flexible, nullable=nullable)
    made = _String if of.name == "string" else _Bytes
    return made(of, flexible=flexible, nullable=nullable)

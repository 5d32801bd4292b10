"""Describe messages with construct, from the same declarations as the fast codec, to explain malformed bytes.

The two are written apart and tested against each other: what one accepts the other accepts, with the same
result. This one is some ten times slower, and knows where it stands: a fault carries its byte offset and
the path of its field, such as ``topics[2].partitions[0].index``. Nothing but an error needs this module,
for construct takes its time to load.
"""

# construct has no types, and its descriptions nest by methods whose names begin with an underscore:
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
"""How many array elements are read again before an explanation is given up: a frame may hold millions."""

_TAGGED: Final = "tagged fields"


def layout_of(declared: type[Any], version: int) -> construct.Construct:
    """Make the construct description of one version; it parses to, and builds from, objects of ``declared``.

    Raises UnsupportedVersionError.
    """
    declaration = declaration_of(declared)
    if version not in declaration.versions:
        raise UnsupportedVersionError(
            f"not in its versions {declaration.versions}", message=declared.__name__, version=version
        )
    return _struct(cast("Any", declared), version, flexible=version in declaration.flexible)


def explain(declared: type[Any], version: int, data: memoryview, start: int, *, exact: bool = True) -> WireError:
    """Read malformed bytes again and say what is wrong with them, where, and in which field.

    Unless the message had to be ``exact``, bytes behind it are not a fault.
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
    return error("the fast decoder refuses what its description accepts, which is a defect of kafkalite")


def _dotted(path: str) -> str:
    """Turn construct's path ``(parsing) -> topics[2] -> index`` into ``topics[2].index``."""
    return ".".join(name for name in path.split(" -> ")[1:] if name != _TAGGED)


class _Frame:
    """A stream of the bytes of a frame, which are not copied, and of so many elements."""

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
    """The base of our descriptions: all read through ``_take``."""


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


def _length(of: FieldType[Any], *, flexible: bool) -> construct.Construct:
    if flexible:
        return _CompactLength()
    return _Number("h" if of.name == "string" else "i")


class _Measured(_Layout):
    """What begins with its length or count, of which every negative one is null."""

    def __init__(self, of: FieldType[Any], *, flexible: bool, nullable: bool) -> None:
        super().__init__()
        self._nullable = nullable
        self._length = _length(of, flexible=flexible)

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
    """An array; its count is checked before a single element is read."""

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
    """A struct behind a byte that is negative for null."""

    def __init__(self, of: construct.Construct) -> None:
        super().__init__()
        self._of = of

    def _parse(self, stream: Any, context: object, path: str) -> Any:
        if _take(stream, 1, path, stream.tell())[0] > 127:
            return None
        return self._of._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: object, path: str) -> Any:
        stream.write(b"\xff" if obj is None else b"\x01")
        if obj is not None:
            self._of._build(obj, stream, context, path)
        return obj


class _TaggedFields(_Layout):
    """The tagged fields at the end of a struct: a dictionary of those that are there, by name (KIP-482)."""

    def __init__(self, known: dict[int, Field], layouts: dict[int, construct.Construct], refused: set[int]) -> None:
        super().__init__()
        self._known = known
        self._layouts = layouts
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
                name = self._known[tag].name
                values[name] = self._layouts[tag]._parse(stream, context, f"{path} -> {name}")
            elif tag in self._refused:
                raise _FaultError(f"a field of tag {tag}, which is of other versions", at, path)
            else:
                _take(stream, size, path, at)
        return values

    def _build(self, obj: dict[str, Any], stream: Any, context: object, path: str) -> Any:
        present = [
            (tag, self._layouts[tag].build(obj[field.name]))
            for tag, field in sorted(self._known.items())
            if obj[field.name] != field.implied
        ]
        _UVARINT._build(len(present), stream, context, path)
        for tag, body in present:
            _UVARINT._build(tag, stream, context, path)
            _UVARINT._build(len(body), stream, context, path)
            stream.write(body)
        return obj


class _Declared(construct.Adapter):  # type: ignore[misc] # construct has no types
    """A construct Struct that parses to, and builds from, objects of a declared class."""

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
    known: dict[int, Field] = {}
    refused: set[int] = set()
    for field in fields_of(declared):
        carried = version in field.versions
        if flexible and field.tag is not None and version in field.tagged and carried:
            known[field.tag] = field
            continue
        if field.tag is not None:
            refused.add(field.tag)
        if carried:
            plain.append(construct.Renamed(_field(field, version, flexible=flexible), field.name))
    if flexible:
        layouts = {tag: _field(field, version, flexible=True) for tag, field in known.items()}
        plain.append(construct.Renamed(_TaggedFields(known, layouts, refused), _TAGGED))
    return _Declared(declared, construct.Struct(*plain))


def _field(field: Field, version: int, *, flexible: bool) -> construct.Construct:
    return _value(field.type, version, flexible=flexible, nullable=version in field.nullable)


def _value(of: FieldType[Any], version: int, *, flexible: bool, nullable: bool) -> construct.Construct:
    if of.code:
        return _Number(of.code)
    if of.struct is not None:
        inner = _struct(cast("Any", of.struct), version, flexible=flexible)
        return _NullableStruct(inner) if nullable else inner
    if of.element is not None:
        element = _value(of.element, version, flexible=flexible, nullable=False)
        return _Array(of, element, flexible=flexible, nullable=nullable)
    made = _String if of.name == "string" else _Bytes
    return made(of, flexible=flexible, nullable=nullable)

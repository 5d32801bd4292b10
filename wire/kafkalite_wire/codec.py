"""Turn messages into bytes and back, with straight-line code generated from their declarations.

For each message and version one decoding and one encoding function is written and compiled on first use: neighbouring
numbers become one ``struct`` call, nested structs are inlined, and nothing is interpreted per field. Every read is
bounded by the frame; a count is checked against the bytes that are left before anything is allocated for it.

When bytes do not decode, the fast code only knows that they do not; :mod:`kafkalite_wire.layout` then reads them again,
slowly, and says which field is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.schema import (
    Buffer,
    Declaration,
    Field,
    FieldType,
    Payload,
    declaration_of,
    fields_of,
)

T = TypeVar("T")

Decoder = Callable[[memoryview, int], tuple[Any, int]]
Encoder = Callable[[Any, bytearray, list[Payload]], list[Payload]]


class _MalformedError(Exception):
    """Raised by generated code; never leaves this module."""


def decode(declared: type[T], version: int, data: Buffer, start: int = 0) -> T:
    """Decode one message that fills ``data`` from ``start`` to its end.

    Fields of type records stay views of ``data``; everything else is copied out of it.
    Raises WireError naming the field where the bytes do not fit, and UnsupportedVersionError.
    """
    view = data if isinstance(data, memoryview) else memoryview(data)
    try:
        decoded, end = decoder(declared, version)(view, start)
        if end == len(view):
            return cast("T", decoded)
    except (_MalformedError, IndexError, struct.error):
        pass
    from kafkalite_wire.layout import explain  # noqa: PLC0415 - construct is only loaded to explain an error

    raise explain(declared, version, view, start)


def encode(message: object, version: int) -> bytes:
    """Encode one message into a single piece of bytes; its records must be buffers, not pieces of files."""
    return b"".join(cast("list[bytes]", encode_parts(message, version, bytearray())))


def encode_parts(message: object, version: int, head: bytearray) -> list[Payload]:
    """Encode one message behind ``head``, as parts to be sent one after the other; records are parts of their own."""
    return encoder(type(message), version)(message, head, [])


@cache
def decoder(declared: type[Any], version: int) -> Decoder:
    """Make the decoding function of one version: (frame, position) to (message, position behind it)."""
    declaration = _checked(declared, version)
    writer = _DecoderSource(version, version in declaration.flexible)
    writer.line("end = len(buf)")
    made = writer.struct(declared)
    writer.line(f"return {made}, pos")
    return cast("Decoder", writer.compiled(f"def decode_{declared.__name__}_v{version}(buf, pos):"))


@cache
def encoder(declared: type[Any], version: int) -> Encoder:
    """Make the encoding function of one version: (message, bytes so far, parts so far) to all parts."""
    declaration = _checked(declared, version)
    writer = _EncoderSource(version, version in declaration.flexible)
    writer.struct("m", declared)
    writer.flush()
    writer.line("if out: parts.append(out)")
    writer.line("return parts")
    return cast("Encoder", writer.compiled(f"def encode_{declared.__name__}_v{version}(m, out, parts):"))


def _checked(declared: type[Any], version: int) -> Declaration:
    declaration = declaration_of(declared)
    if version not in declaration.versions:
        raise UnsupportedVersionError(
            f"not in its versions {declaration.versions}", message=declared.__name__, version=version
        )
    return declaration


def read_uvarint_tail(buf: memoryview, pos: int, first: int) -> tuple[int, int]:
    """Read the rest of an unsigned varint of at most 32 bits whose first byte had its continuation bit set."""
    value = first & 0x7F
    for shift in (7, 14, 21, 28):
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value & 0xFFFFFFFF, pos
    raise _MalformedError


def read_uvarint(buf: memoryview, pos: int) -> tuple[int, int]:
    """Read an unsigned varint of at most 32 bits."""
    value = buf[pos]
    return (value, pos + 1) if value < 128 else read_uvarint_tail(buf, pos + 1, value)


def skip_tagged_fields(buf: memoryview, pos: int) -> int:
    """Skip a section of tagged fields, none of which this version knows (KIP-482)."""
    count, pos = read_uvarint(buf, pos)
    for _ in range(count):
        _tag, pos = read_uvarint(buf, pos)
        size, pos = read_uvarint(buf, pos)
        pos += size
        if pos > len(buf):
            raise _MalformedError
    return pos


def append_uvarint(out: bytearray, value: int) -> None:
    """Append an unsigned varint."""
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _malformed() -> _MalformedError:
    return _MalformedError()


class _Source:
    """Python source in the making: lines, indentation, fresh names, and the constants that the code refers to."""

    def __init__(self, version: int, flexible: bool) -> None:
        self.version = version
        self.flexible = flexible
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._constants: dict[str, Any] = {
            "malformed": _malformed,
            "uvarint_tail": read_uvarint_tail,
            "skip_tagged_fields": skip_tagged_fields,
            "append_uvarint": append_uvarint,
            "pack": struct.pack,
            "unpack_from": struct.unpack_from,
        }

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def indent(self, header: str) -> None:
        self.line(header)
        self._depth += 1

    def dedent(self) -> None:
        self._depth -= 1

    def name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def constant(self, stem: str, value: Any) -> str:
        for name, known in self._constants.items():
            if known is value:
                return name
        name = self.name(stem)
        self._constants[name] = value
        return name

    def compiled(self, header: str) -> Callable[..., Any]:
        source = "\n".join([header, *self._lines])
        function = header[len("def ") : header.index("(")]
        namespace = dict(self._constants)
        exec(compile(source, f"<{function}>", "exec"), namespace)  # noqa: S102 - our own text, made above
        namespace[function].source = source
        return cast("Callable[..., Any]", namespace[function])

    def is_tagged(self, field: Field) -> bool:
        return field.tag is not None and self.version in field.tagged and self.flexible

    def tagged(self, declared: type[Any]) -> list[Field]:
        fields = [f for f in fields_of(declared) if self.version in f.versions and self.is_tagged(f)]
        return sorted(fields, key=lambda f: cast("int", f.tag))

    def plain(self, declared: type[Any]) -> list[Field]:
        return [f for f in fields_of(declared) if self.version in f.versions and not self.is_tagged(f)]

    def is_flexible(self, field: Field) -> bool:
        return self.flexible if field.flexible is None else self.version in field.flexible

    def smallest(self, of: FieldType[Any], flexible: bool) -> int:
        """Give the least number of bytes that a value of this type takes, to bound counts by the bytes left."""
        if of.size:
            return of.size
        if of.struct is not None:
            least = sum(self.smallest(f.type, self.is_flexible(f)) for f in self.plain(of.struct))
            return max(1, least + (1 if flexible else 0))
        if flexible:
            return 1
        return 2 if of.name == "string" else 4


class _DecoderSource(_Source):
    def struct(self, declared: type[Any]) -> str:
        """Emit the reading of one struct and return the expression that makes it."""
        values: dict[str, str] = {}
        run: list[tuple[str, str, int]] = []
        for field in self.plain(declared):
            if field.type.code:
                variable = self.name("v")
                run.append((variable, field.type.code, field.type.size))
                values[field.name] = variable
            else:
                self._numbers(run)
                values[field.name] = self._value(field, field.type, self.is_flexible(field))
        self._numbers(run)
        if self.flexible:
            self._tagged_fields(declared, values)
        for field in fields_of(declared):
            if field.name not in values:
                values[field.name] = self.constant("default", field.implied)
        arguments = ", ".join(f"{name}={value}" for name, value in values.items())
        return f"{self.constant('cls', declared)}({arguments})"

    def _numbers(self, run: list[tuple[str, str, int]]) -> None:
        if run:
            unpack = self.constant("unpack", struct.Struct(">" + "".join(code for _, code, _ in run)).unpack_from)
            targets = "".join(f"{variable}, " for variable, _, _ in run)
            self.line(f"{targets}= {unpack}(buf, pos)")
            self.line(f"pos += {sum(size for _, _, size in run)}")
            run.clear()

    def _uvarint(self) -> str:
        n = self.name("n")
        self.line(f"{n} = buf[pos]; pos += 1")
        self.line(f"if {n} > 127: {n}, pos = uvarint_tail(buf, pos, {n})")
        return n

    def _length(self, of: FieldType[Any], flexible: bool) -> str:
        """Emit the reading of a length or count, -1 for null."""
        if flexible:
            n = self._uvarint()
            self.line(f"{n} -= 1")
            return n
        n = self.name("n")
        code, size = ("h", 2) if of.name == "string" else ("i", 4)
        self.line(f"{n}, = {self.constant('unpack', struct.Struct('>' + code).unpack_from)}(buf, pos); pos += {size}")
        return n

    def _value(self, field: Field, of: FieldType[Any], flexible: bool) -> str:
        variable = self.name("v")
        nullable = self.version in field.nullable
        if of.code:
            unpack = self.constant("unpack", struct.Struct(">" + of.code).unpack_from)
            self.line(f"{variable}, = {unpack}(buf, pos); pos += {of.size}")
            return variable
        if of.struct is not None:
            if nullable:
                self.line(f"{variable} = None; present = buf[pos]; pos += 1")
                self.line("if present not in (1, 255): raise malformed()")
                self.indent("if present == 1:")
            self.line(f"{variable} = {self.struct(of.struct)}")
            if nullable:
                self.dedent()
            return variable
        n = self._length(of, flexible)
        if nullable:
            self.line(f"{variable} = None")
            self.line(f"if {n} < -1: raise malformed()")
            self.indent(f"if {n} >= 0:")
        else:
            self.line(f"if {n} < 0: raise malformed()")
        if of.element is not None:
            self._array(field, of.element, flexible, n, variable)
        else:
            e = self.name("e")
            self.line(f"{e} = pos + {n}")
            self.line(f"if {e} > end: raise malformed()")
            # Java's decoder replaces what is not UTF-8 and carries on; so do we.
            made = {
                "string": f"str(buf[pos:{e}], 'utf-8', 'replace')",
                "bytes": f"bytes(buf[pos:{e}])",
                "records": f"buf[pos:{e}]",
            }[of.name]
            self.line(f"{variable} = {made}; pos = {e}")
        if nullable:
            self.dedent()
        return variable

    def _array(self, field: Field, of: FieldType[Any], flexible: bool, n: str, variable: str) -> None:
        self.line(f"if {n} * {self.smallest(of, flexible)} > end - pos: raise malformed()")
        if of.code and of.size <= 8:
            self.line(f"{variable} = unpack_from(f'>{{{n}}}{of.code}', buf, pos); pos += {n} * {of.size}")
            return
        items = self.name("items")
        self.line(f"{items} = []")
        self.indent(f"for _ in range({n}):")
        element = _element(field, of)
        value = self.struct(of.struct) if of.struct is not None else self._value(element, of, flexible)
        self.line(f"{items}.append({value})")
        self.dedent()
        self.line(f"{variable} = tuple({items})")

    def _tagged_fields(self, declared: type[Any], values: dict[str, str]) -> None:
        tagged = self.tagged(declared)
        if not tagged:
            self.line("pos = skip_tagged_fields(buf, pos) if buf[pos] else pos + 1")
            return
        for field in tagged:
            values[field.name] = self.name("v")
            self.line(f"{values[field.name]} = {self.constant('default', field.implied)}")
        count = self._uvarint()
        self.indent(f"for _ in range({count}):")
        tag, size, e = self._uvarint(), self._uvarint(), self.name("e")
        self.line(f"{e} = pos + {size}")
        self.line(f"if {e} > end: raise malformed()")
        for field in tagged:
            self.indent(f"if {tag} == {field.tag}:")
            self.line(f"{values[field.name]} = {self._value(field, field.type, True)}")
            self.line(f"if pos != {e}: raise malformed()")
            self.dedent()
        # A tag that this version does not know is skipped (KIP-482).
        self.line(f"pos = {e}")
        self.dedent()


class _EncoderSource(_Source):
    def __init__(self, version: int, flexible: bool) -> None:
        super().__init__(version, flexible)
        self._run: list[tuple[str, str]] = []

    def flush(self) -> None:
        """Emit the numbers that wait to be packed together."""
        if not self._run:
            return
        codes = "".join(code for _, code in self._run)
        arguments = ", ".join(argument for argument, _ in self._run if argument)
        if arguments:
            self.line(f"out += {self.constant('pack', struct.Struct('>' + codes).pack)}({arguments})")
        else:
            self.line(f"out += {bytes(len(codes))!r}")
        self._run.clear()

    def struct(self, variable: str, declared: type[Any]) -> None:
        for field in self.plain(declared):
            self._value(field, field.type, f"{variable}.{field.name}", self.is_flexible(field))
        if self.flexible:
            tagged = self.tagged(declared)
            if tagged:
                self._tagged_fields(variable, tagged)
            else:
                self._run.append(("", "x"))

    def _length(self, of: FieldType[Any], flexible: bool, n: str) -> None:
        if flexible:
            self.line(f"if {n} < 127: out.append({n} + 1)")
            self.line(f"else: append_uvarint(out, {n} + 1)")
        else:
            code = "h" if of.name == "string" else "i"
            self.line(f"out += {self.constant('pack', struct.Struct('>' + code).pack)}({n})")

    def _value(self, field: Field, of: FieldType[Any], source: str, flexible: bool) -> None:
        if of.code:
            self._run.append((source, of.code))
            return
        self.flush()
        variable = self.name("v")
        self.line(f"{variable} = {source}")
        nullable = self.version in field.nullable
        if nullable:
            self.line(f"if {variable} is None: out += {_null(of, flexible)!r}")
            self.indent("else:")
        if of.struct is not None:
            if nullable:
                self.line("out.append(1)")
            self.struct(variable, of.struct)
            self.flush()
        elif of.element is not None:
            self._array(field, of, of.element, variable, flexible)
        elif of.name == "records":
            n = self.name("n")
            self.line(f"{n} = len({variable})")
            self._length(of, flexible, n)
            self.line(f"if {n}: parts.append(out); parts.append({variable}); out = bytearray()")
        else:
            n = self.name("n")
            if of.name == "string":
                self.line(f"{variable} = {variable}.encode()")
            self.line(f"{n} = len({variable})")
            self._length(of, flexible, n)
            self.line(f"out += {variable}")
        if nullable:
            self.dedent()

    def _array(self, field: Field, array: FieldType[Any], of: FieldType[Any], variable: str, flexible: bool) -> None:
        n = self.name("n")
        self.line(f"{n} = len({variable})")
        self._length(array, flexible, n)
        if of.code and of.size <= 8:
            self.line(f"out += pack(f'>{{{n}}}{of.code}', *{variable})")
            return
        item = self.name("item")
        self.indent(f"for {item} in {variable}:")
        if of.struct is not None:
            self.struct(item, of.struct)
        else:
            self._value(_element(field, of), of, item, flexible)
        self.flush()
        self.dedent()

    def _tagged_fields(self, variable: str, tagged: list[Field]) -> None:
        self.flush()
        present, saved = self.name("present"), self.name("saved")
        self.line(f"{present} = []; {saved} = out")
        for field in tagged:
            self.indent(f"if {variable}.{field.name} != {self.constant('default', field.implied)}:")
            self.line("out = bytearray()")
            self._value(field, field.type, f"{variable}.{field.name}", True)
            self.flush()
            self.line(f"{present}.append(({field.tag}, out))")
            self.dedent()
        self.line(f"out = {saved}; append_uvarint(out, len({present}))")
        self.indent(f"for tag, body in {present}:")
        self.line("append_uvarint(out, tag); append_uvarint(out, len(body)); out += body")
        self.dedent()


def _element(field: Field, of: FieldType[Any]) -> Field:
    """Describe an element of an array: never null, whatever the array itself may be."""
    return Field(field.name, of, field.versions, field.versions.parse("none"), field.default, None, field.tagged, None)


def _null(of: FieldType[Any], flexible: bool) -> bytes:
    """Give the bytes of null: a length of -1, or a marker for a struct."""
    if of.struct is not None:
        return b"\xff"
    if flexible:
        return b"\0"
    return b"\xff" * (2 if of.name == "string" else 4)

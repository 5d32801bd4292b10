"""Write Python functions: what the generators of decoders and encoders share."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, cast

from kafkalite_wire.compact import (
    MalformedError,
    append_string_length,
    append_uvarint,
    read_length_tail,
    read_string_length_tail,
    read_tagged_field_count,
    read_uvarint_tail,
    skip_tagged_fields,
)
from kafkalite_wire.schema import NO_VERSIONS, Field, FieldType, fields_of

_KNOWN: Final[dict[str, Any]] = {
    "malformed": MalformedError,
    "uvarint_tail": read_uvarint_tail,
    "length_tail": read_length_tail,
    "string_length_tail": read_string_length_tail,
    "tagged_field_count": read_tagged_field_count,
    "skip_tagged_fields": skip_tagged_fields,
    "append_uvarint": append_uvarint,
    "append_string_length": append_string_length,
    "pack": struct.pack,
    "unpack_from": struct.unpack_from,
}


class Source:
    """A function in the making: lines, fresh names, and the constants that the code refers to."""

    def __init__(self, version: int, *, flexible: bool) -> None:
        self.version = version
        self.flexible = flexible
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._constants = dict(_KNOWN)

    def line(self, text: str) -> None:
        """Write one line."""
        self._lines.append("    " * self._depth + text)

    def indent(self, header: str) -> None:
        """Write the head of a block and go into it."""
        self.line(header)
        self._depth += 1

    def dedent(self) -> None:
        """Leave a block."""
        self._depth -= 1

    def name(self, stem: str) -> str:
        """Make a name that is not in use."""
        self._names += 1
        return f"{stem}{self._names}"

    def constant(self, stem: str, value: object) -> str:
        """Give the name by which the code can refer to an object."""
        for name, known in self._constants.items():
            if known is value:
                return name
        name = self.name(stem)
        self._constants[name] = value
        return name

    def packing(self, method: str, codes: str) -> str:
        """Give the name of a method of the ``struct.Struct`` for these letters."""
        return self.constant(method, getattr(struct.Struct(f">{codes}"), method))

    def compiled(self, header: str) -> Callable[..., Any]:
        """Compile the function; its text stays readable as its attribute ``source``."""
        source = "\n".join([header, *self._lines])
        function = header[len("def ") : header.index("(")]
        namespace = dict(self._constants)
        exec(compile(source, f"<{function}>", "exec"), namespace)  # noqa: S102 - our own text, made above
        namespace[function].source = source
        return cast("Callable[..., Any]", namespace[function])

    def is_tagged(self, field: Field) -> bool:
        """Whether a field stands among the tagged fields in this version."""
        return field.tag is not None and self.version in field.tagged and self.flexible

    def tagged(self, declared: type[Any]) -> list[Field]:
        """List the tagged fields of this version, by their tags."""
        fields = [f for f in fields_of(declared) if self.version in f.versions and self.is_tagged(f)]
        return sorted(fields, key=lambda f: cast("int", f.tag))

    def plain(self, declared: type[Any]) -> list[Field]:
        """List the other fields of this version, in wire order."""
        return [f for f in fields_of(declared) if self.version in f.versions and not self.is_tagged(f)]


def element_of(field: Field, of: FieldType[Any]) -> Field:
    """Describe an element of an array: never null, whatever the array itself may be."""
    return Field(field.name, of, field.versions, NO_VERSIONS, field.default, None, NO_VERSIONS)

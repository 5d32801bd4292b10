"""Generate Python functions: the common part of decoders and encoders."""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, cast

from kafkalite_wire.compact import (
    append_string_length,
    read_length_tail,
    read_string_length_tail,
    read_tagged_field_count,
    skip_tagged_fields,
)
from kafkalite_wire.errors import MalformedError
from kafkalite_wire.lossless import unknown_tagged_fields
from kafkalite_wire.schema import NO_VERSIONS, Field, FieldType, fields_of
from kafkalite_wire.varint import append_uvarint, read_uvarint_tail

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
    "unknown_tagged_fields": unknown_tagged_fields,
    "tag_of": itemgetter(0),
}

_ELEMENTS_A_STEP: Final = 500
"""About a millisecond of work."""


class Source:
    """The source of a function: its lines, unused names, and the constants that its code refers to.

    A ``stepwise`` function is a generator that returns what others return.
    """

    def __init__(self, version: int, *, flexible: bool, lossless: bool = False, stepwise: bool = False) -> None:
        self.version = version
        self.flexible = flexible
        self.lossless = lossless
        self._stepwise = stepwise
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._constants = dict(_KNOWN)
        if stepwise:
            self.line("done = 0")
            self.line("if done: yield")  # so that it is a generator even without a loop

    def line(self, text: str) -> None:
        """Write one line."""
        self._lines.append("    " * self._depth + text)

    def indent(self, header: str) -> None:
        """Start a block."""
        self.line(header)
        self._depth += 1

    def dedent(self) -> None:
        """End a block."""
        self._depth -= 1

    def end_of_loop(self) -> None:
        """End the block of a loop over elements; a stepwise function yields after every so many of them."""
        if self._stepwise:
            self.line("done += 1")
            self.line(f"if done == {_ELEMENTS_A_STEP}: done = 0; yield")
        self.dedent()

    def name(self, stem: str) -> str:
        """Return an unused name."""
        self._names += 1
        return f"{stem}{self._names}"

    def constant(self, stem: str, value: object) -> str:
        """Return the name by which the code refers to an object."""
        for name, known in self._constants.items():
            if known is value:
                return name
        name = self.name(stem)
        self._constants[name] = value
        return name

    def packing(self, method: str, codes: str) -> str:
        """Return the name of a method of the ``struct.Struct`` for these format characters."""
        return self.constant(method, getattr(struct.Struct(f">{codes}"), method))

    def compiled(self, header: str) -> Callable[..., Any]:
        """Compile the function; its attribute ``source`` holds the text."""
        source = "\n".join([header, *self._lines])
        function = header[len("def ") : header.index("(")]
        namespace = dict(self._constants)
        exec(compile(source, f"<{function}>", "exec"), namespace)  # noqa: S102 - generated above
        namespace[function].source = source
        return cast("Callable[..., Any]", namespace[function])

    def is_tagged(self, field: Field) -> bool:
        """Whether a field is a tagged field in this version."""
        return field.tag is not None and self.version in field.tagged and self.flexible

    def tagged(self, declared: type[Any]) -> list[Field]:
        """Return the tagged fields of this version, sorted by tag."""
        fields = [f for f in fields_of(declared) if self.version in f.versions and self.is_tagged(f)]
        return sorted(fields, key=lambda f: cast("int", f.tag))

    def plain(self, declared: type[Any]) -> list[Field]:
        """Return the other fields of this version, in wire order."""
        return [f for f in fields_of(declared) if self.version in f.versions and not self.is_tagged(f)]


def element_of(field: Field, of: FieldType[Any]) -> Field:
    """Return the declaration of an array's elements, which are never null."""
    return Field(field.name, of, field.versions, NO_VERSIONS, field.default, None, NO_VERSIONS)

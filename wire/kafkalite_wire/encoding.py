"""Generate the encoding function of one message and version.

Fields that the version does not have are omitted. A value of the wrong type, null where it is not allowed, or a string
of more than 32767 bytes raises ValueError, TypeError, AttributeError or struct.error.
"""

from __future__ import annotations

from typing import Any

from kafkalite_wire.generation import Source, element_of
from kafkalite_wire.schema import Field, FieldType, KeptArray


class EncoderSource(Source):
    """The body of a function of ``m``, ``out`` and ``parts``."""

    def __init__(self, version: int, *, flexible: bool, lossless: bool = False, stepwise: bool = False) -> None:
        super().__init__(version, flexible=flexible, lossless=lossless, stepwise=stepwise)
        self._run: list[tuple[str, str]] = []

    def flush(self) -> None:
        """Write one call that packs the pending numbers."""
        if not self._run:
            return
        codes = "".join(code for _, code in self._run)
        arguments = ", ".join(argument for argument, _ in self._run if argument)
        if arguments:
            self.line(f"out += {self.packing('pack', codes)}({arguments})")
        else:
            self.line(f"out += {bytes(len(codes))!r}")
        self._run.clear()

    def struct(self, variable: str, declared: type[Any]) -> None:
        """Write the encoding of the struct in a variable; its last numbers stay pending until ``flush``."""
        for field in self.plain(declared):
            self._value(field, field.type, f"{variable}.{field.name}")
        if self.flexible:
            tagged = self.tagged(declared)
            if tagged or self.lossless:
                self._tagged_fields(variable, tagged)
            else:
                self._run.append(("", "x"))

    def _length(self, of: FieldType[Any], n: str) -> None:
        if self.flexible:
            self.line(f"if {n} < 127: out.append({n} + 1)")
            if of.name == "string":
                self.line(f"else: append_string_length(out, {n})")
            else:
                self.line(f"else: append_uvarint(out, {n} + 1)")
        else:
            self.line(f"out += {self.packing('pack', 'h' if of.name == 'string' else 'i')}({n})")

    def _value(self, field: Field, of: FieldType[Any], source: str) -> None:
        if of.code:
            self._run.append((source, of.code))
            return
        self.flush()
        variable = self.name("v")
        self.line(f"{variable} = {source}")
        nullable = self.version in field.nullable
        if nullable:
            is_tagged = self.version in field.tagged
            self.line(f"if {variable} is None: out += {self._null(of, is_tagged=is_tagged)!r}")
            self.indent("else:")
        if of.struct is not None:
            if nullable:
                self.line("out.append(1)")
            self.struct(variable, of.struct)
            self.flush()
        elif of.element is not None:
            if of.may_be_kept and not self.lossless:
                self._kept_array(field, of, of.element, variable)
            else:
                self._array(field, of, of.element, variable)
        else:
            n = self.name("n")
            if of.name == "string":
                errors = "'utf-8', 'surrogateescape'" if self.lossless else ""
                self.line(f"{variable} = {variable}.encode({errors})")
            self.line(f"{n} = len({variable})")
            self._length(of, n)
            if of.name == "records":
                self.line(f"if {n}: parts.append(out); parts.append({variable}); out = bytearray()")
            else:
                self.line(f"out += {variable}")
        if nullable:
            self.dedent()

    def _null(self, of: FieldType[Any], *, is_tagged: bool) -> bytes:
        """Return the bytes of null: a length of -1, or a marker for a struct."""
        if of.struct is not None:
            return b"\0" if is_tagged else b"\xff"
        if self.flexible:
            return b"\0"
        return b"\xff" * (2 if of.name == "string" else 4)

    def _array(self, field: Field, array: FieldType[Any], of: FieldType[Any], variable: str) -> None:
        n = self.name("n")
        self.line(f"{n} = len({variable})")
        self._length(array, n)
        if of.code and of.size <= 8:
            self.line(f"out += pack(f'>{{{n}}}{of.code}', *{variable})")
            return
        item = self.name("item")
        self.indent(f"for {item} in {variable}:")
        if of.struct is not None:
            self.struct(item, of.struct)
        else:
            self._value(element_of(field, of), of, item)
        self.flush()
        self.end_of_loop()

    def _kept_array(self, field: Field, array: FieldType[Any], of: FieldType[Any], variable: str) -> None:
        """Write the encoding of an array that may have been encoded before."""
        kept, start = self.name("kept"), self.name("start")
        is_kept = f"{variable}.__class__ is {self.constant('KeptArray', KeptArray)}"
        self.line(f"{kept} = {variable}.encoded.get({self.version}) if {is_kept} else None")
        self.line(f"if {kept} is not None: out += {kept}")
        self.indent("else:")
        self.line(f"{start} = len(out)")
        self._array(field, array, of, variable)
        self.line(f"if {is_kept}: {variable}.keep({self.version}, bytes(out[{start}:]))")
        self.dedent()

    def _tagged_fields(self, variable: str, tagged: list[Field]) -> None:
        """Write the tagged fields that differ from their defaults."""
        self.flush()
        present, saved = self.name("present"), self.name("saved")
        self.line(f"{present} = []; {saved} = out")
        for field in tagged:
            value, default = self.name("v"), self.constant("default", field.implied)
            self.line(f"{value} = {variable}.{field.name}")
            # It is usually the default object of the declaration itself.
            self.indent(f"if {value} is not {default} and {value} != {default}:")
            self.line("out = bytearray()")
            self._value(field, field.type, value)
            self.flush()
            self.line(f"{present}.append(({field.tag}, out))")
            self.dedent()
        if self.lossless:
            self.line(f"unknown = unknown_tagged_fields({variable})")
            self.line(f"if unknown: {present} = sorted([*{present}, *unknown], key=tag_of)")
        self.line(f"out = {saved}; append_uvarint(out, len({present}))")
        self.indent(f"for tag, body in {present}:")
        self.line("append_uvarint(out, tag); append_uvarint(out, len(body)); out += body")
        self.dedent()

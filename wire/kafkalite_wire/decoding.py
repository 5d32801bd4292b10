"""Generate the decoding function of one message and version.

It accepts exactly what Apache Kafka 4.4 accepts: any negative length is null where null is allowed; the type of a known
tagged field decides how many bytes are read, not its size; a tagged field of other versions is refused; text that is
not UTF-8 is read with replacement characters. A lossless decoder keeps such text, and every tagged field that its
version does not have.
"""

from __future__ import annotations

from typing import Any

from kafkalite_wire.compact import MAX_ELEMENTS
from kafkalite_wire.generation import Source, element_of
from kafkalite_wire.lossless import UNKNOWN, lossless_class
from kafkalite_wire.schema import Field, FieldType, fields_of

_READ = {
    "string": "str(buf[pos:{}], 'utf-8', {!r})",
    "bytes": "bytes(buf[pos:{}])",
    "records": "buf[pos:{}]",
}


class DecoderSource(Source):
    """The body of a function of ``buf`` and ``pos``."""

    def struct(self, declared: type[Any]) -> str:
        """Write the reading of one struct and return the expression that makes it."""
        values: dict[str, str] = {}
        run: list[tuple[str, str, int]] = []
        for field in self.plain(declared):
            if field.type.code:
                variable = self.name("v")
                run.append((variable, field.type.code, field.type.size))
                values[field.name] = variable
            else:
                self._numbers(run)
                values[field.name] = self._value(field, field.type)
        self._numbers(run)
        unknown = self._tagged_fields(declared, values) if self.flexible else ""
        for field in fields_of(declared):
            if field.name not in values:
                values[field.name] = self.constant("default", field.implied)
        arguments = ", ".join(f"{name}={value}" for name, value in values.items())
        made = f"{self.constant('cls', declared)}({arguments})"
        if not unknown:
            return made
        holder = self.constant("cls", lossless_class(declared))
        kept = ", ".join(filter(None, [arguments, f"{UNKNOWN}=tuple({unknown})"]))
        return f"{holder}({kept}) if {unknown} else {made}"

    def _numbers(self, run: list[tuple[str, str, int]]) -> None:
        """Write one call that reads adjacent numbers."""
        if run:
            unpack = self.packing("unpack_from", "".join(code for _, code, _ in run))
            targets = "".join(f"{variable}, " for variable, _, _ in run)
            self.line(f"{targets}= {unpack}(buf, pos)")
            self.line(f"pos += {sum(size for _, _, size in run)}")
            run.clear()

    def _uvarint(self) -> str:
        n = self.name("n")
        self.line(f"{n} = buf[pos]; pos += 1")
        self.line(f"if {n} > 127: {n}, pos = uvarint_tail(buf, pos, {n})")
        return n

    def _length(self, of: FieldType[Any]) -> str:
        """Write the reading of a length or count; negative is null."""
        n = self.name("n")
        if self.flexible:
            tail = "string_length_tail" if of.name == "string" else "length_tail"
            self.line(f"{n} = buf[pos] - 1; pos += 1")
            self.line(f"if {n} > 126: {n}, pos = {tail}(buf, pos, {n} + 1)")
        else:
            code, size = ("h", 2) if of.name == "string" else ("i", 4)
            self.line(f"{n}, = {self.packing('unpack_from', code)}(buf, pos); pos += {size}")
        return n

    def _value(self, field: Field, of: FieldType[Any]) -> str:
        variable = self.name("v")
        nullable = self.version in field.nullable
        if of.code:
            self.line(f"{variable}, = {self.packing('unpack_from', of.code)}(buf, pos); pos += {of.size}")
            return variable
        if of.struct is not None:
            if nullable:
                # In a tagged field null is 0, elsewhere a negative byte.
                if self.version in field.tagged:
                    is_present = self._uvarint()
                else:
                    present = self.name("present")
                    self.line(f"{present} = buf[pos]; pos += 1")
                    is_present = f"{present} < 128"
                self.line(f"{variable} = None")
                self.indent(f"if {is_present}:")
            self.line(f"{variable} = {self.struct(of.struct)}")
            if nullable:
                self.dedent()
            return variable
        n = self._length(of)
        if nullable:
            self.line(f"{variable} = None")
            self.indent(f"if {n} >= 0:")
        else:
            self.line(f"if {n} < 0: raise malformed")
        if of.element is not None:
            self._array(field, of.element, n, variable)
        else:
            e = self.name("e")
            self.line(f"{e} = pos + {n}")
            self.line(f"if {e} > end: raise malformed")
            errors = "surrogateescape" if self.lossless else "replace"
            self.line(f"{variable} = {_READ[of.name].format(e, errors)}; pos = {e}")
        if nullable:
            self.dedent()
        return variable

    def _array(self, field: Field, of: FieldType[Any], n: str, variable: str) -> None:
        # Check the count against the bytes left before anything is allocated for it.
        self.line(f"if {n} > {MAX_ELEMENTS} or {n} * {self._smallest(of)} > end - pos: raise malformed")
        if of.code and of.size <= 8:
            self.line(f"{variable} = unpack_from(f'>{{{n}}}{of.code}', buf, pos); pos += {n} * {of.size}")
            return
        items = self.name("items")
        self.line(f"{items} = []")
        self.indent(f"for _ in range({n}):")
        value = self.struct(of.struct) if of.struct is not None else self._value(element_of(field, of), of)
        self.line(f"{items}.append({value})")
        self.end_of_loop()
        self.line(f"{variable} = tuple({items})")

    def _smallest(self, of: FieldType[Any]) -> int:
        """Return the least size of a value of this type in bytes."""
        if of.size:
            return of.size
        if of.struct is not None:
            least = sum(self._smallest_of(each) for each in self.plain(of.struct))
            return max(1, least + self.flexible)
        if self.flexible:
            return 1
        return 2 if of.name == "string" else 4

    def _smallest_of(self, field: Field) -> int:
        # A struct that may be null begins with a byte, and need not go on.
        is_nullable = field.type.struct is not None and self.version in field.nullable
        return 1 if is_nullable else self._smallest(field.type)

    def _tagged_fields(self, declared: type[Any], values: dict[str, str]) -> str:
        """Write the reading of tagged fields; return the variable of the unknown ones, empty unless lossless."""
        tagged = self.tagged(declared)
        of_other_versions = [f.tag for f in fields_of(declared) if f.tag is not None and f not in tagged]
        if self.lossless:
            of_other_versions = []
        elif not tagged and not of_other_versions:
            self.line("pos = skip_tagged_fields(buf, pos) if buf[pos] else pos + 1")
            return ""
        unknown = self.name("unknown") if self.lossless else ""
        if unknown:
            self.line(f"{unknown} = []")
        for field in tagged:
            values[field.name] = self.name("v")
            self.line(f"{values[field.name]} = {self.constant('default', field.implied)}")
        count = self.name("n")
        self.line(f"{count} = buf[pos]")
        self.line(f"if {count}: {count}, pos = tagged_field_count(buf, pos)")
        self.line("else: pos += 1")
        self.indent(f"for _ in range({count}):")
        tag, size = self._uvarint(), self._uvarint()
        branch = "if"
        for field in tagged:
            self.indent(f"{branch} {tag} == {field.tag}:")
            self.line(f"{values[field.name]} = {self._value(field, field.type)}")
            self.dedent()
            branch = "elif"
        for number in of_other_versions:
            self.line(f"{branch} {tag} == {number}: raise malformed")
            branch = "elif"
        self.indent("else:" if branch == "elif" else "if True:")
        if unknown:
            self.line(f"{unknown}.append(({tag}, bytes(buf[pos:pos + {size}])))")
        self.line(f"pos += {size}")
        self.line("if pos > end: raise malformed")
        self.dedent()
        self.dedent()
        return unknown

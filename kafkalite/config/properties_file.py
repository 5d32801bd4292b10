"""Java properties files: Kafka's own configuration format."""

import re
from collections.abc import Iterator
from typing import Final

from kafkalite_wire.values import value_class

_BLANK: Final = " \t\f"
_KEY: Final = re.compile(r"((?:\\.|[^\\ \t\f=:])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.?))", re.DOTALL)
_CONTROL: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class PropertiesError(ValueError):
    """A line that is not in the format; the message begins with its number."""


@value_class
class Line:
    """A property and the line, from 1, on which it begins."""

    number: int
    key: str
    value: str


def parse(text: str) -> Iterator[Line]:
    """Parse a file as java.util.Properties does. Raises PropertiesError."""
    for number, line in _logical_lines(text):
        match = _KEY.fullmatch(line)
        assert match is not None
        yield Line(number, _unescaped(match[1], number), _unescaped(match[2], number))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end with a backslash to the next one, and leave out blank lines and comments."""
    first, begun = 0, ""
    for number, line in enumerate(re.split(r"\r\n|[\r\n]", text), 1):
        line = line.lstrip(_BLANK)
        if not first:
            if not line or line[0] in "#!":
                continue
            first = number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            begun += line[:-1]
            continue
        yield first, begun + line
        first, begun = 0, ""
    if first and begun:
        yield first, begun


def _unescaped(text: str, number: int) -> str:
    def meaning(escape: re.Match[str]) -> str:
        if escape[1] is not None:
            return chr(int(escape[1], 16))
        if escape[2] == "u":
            raise PropertiesError(f"{number}: \\u needs four hexadecimal digits")
        return _CONTROL.get(escape[2], escape[2])

    return _ESCAPE.sub(meaning, text)

"""A TOML file that can tell where in it something is said: whoever wrote it shall be told the line of a mistake.

tomllib gives values without their places, and so does every other reader that is kept up. So the file is cut into
statements here, for which it is enough to know texts, comments and brackets; what a statement says, tomllib tells.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|\#[^\n]*"
    r"|[][{}\n]",
    re.DOTALL,
)
"""What statements are told from each other by; all else, such as bare keys and numbers, lies in between."""


class TomlError(Exception):
    """A file that cannot be read, or is no TOML; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlFile:
    """What is in a file."""

    path: Path
    source: str
    values: Mapping[str, object]

    def place(self, *steps: str | int) -> Place:
        """Name a place in it: by the keys that lead there, and by numbers of elements, from 0, in arrays."""
        return Place(self, steps)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said; as text ``FILE:LINE``, or ``FILE`` if it is not there. The line is found when asked."""

    file: TomlFile
    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        line = line_of(self.file.source, self.steps)
        return str(self.file.path) if line is None else f"{self.file.path}:{line}"


def read(path: Path) -> TomlFile:
    """Read a file. Raises TomlError."""
    import tomllib

    try:
        # The newlines are those that tomllib makes of others, so that lines are counted alike.
        source = path.read_bytes().decode().replace("\r\n", "\n")
        return TomlFile(path=path, source=source, values=tomllib.loads(source))
    except OSError as error:
        raise TomlError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TomlError(f"cannot read {path}: {error}") from None


def line_of(source: str, steps: tuple[str | int, ...]) -> int | None:
    """Find the line from which on a place is there, None if it never is; lines count from 1.

    That is the first line of a statement, but within an array over several lines that of the element.
    """
    numbers: dict[tuple[str | int, ...], int] = {}  # of the last table in each array of tables
    table: tuple[str | int, ...] = ()
    for statement in _statements(source):
        if statement.is_header:
            table = _opened(statement.said(), numbers)
            if table[: len(steps)] == steps:
                return statement.line
        elif table == steps[: len(table)] and _says(statement.said(), steps[len(table) :]):
            return statement.line_of(steps[len(table) :])
    return None


@dataclass(frozen=True, slots=True)
class _Statement:
    """A header or a key with its value, from its first line on."""

    line: int
    text: str
    elements: tuple[tuple[int, int], ...]
    """The lines that begin within its array, but in none of the elements: where in the text, and the line's number."""

    @property
    def is_header(self) -> bool:
        return self.text.lstrip().startswith("[")

    def said(self) -> dict[str, object]:
        import tomllib

        return tomllib.loads(self.text)

    def line_of(self, steps: tuple[str | int, ...]) -> int:
        import tomllib

        def is_said(element: tuple[int, int]) -> bool:
            return _says(tomllib.loads(self.text[: element[0]] + "]"), steps)

        behind = bisect_left(self.elements, True, key=is_said)
        return self.elements[behind - 1][1] if behind else self.line


def _statements(source: str) -> Iterator[_Statement]:
    start, first, line, opened = 0, 1, 1, ""
    elements: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(source + "\n"):
        text = token[0]
        line += text.count("\n")
        if text in ("[", "{"):
            opened += text
        elif text in ("]", "}"):
            opened = opened[:-1]
        elif text == "\n" and not opened:
            yield _Statement(first, source[start : token.end()], tuple(elements))
            start, first = token.end(), line
            elements.clear()
        elif text == "\n" and opened == "[":
            elements.append((token.end() - start, line))


def _opened(said: dict[str, object], numbers: dict[tuple[str | int, ...], int]) -> tuple[str | int, ...]:
    """Tell which table a header opens; in an array of tables a new one, or what is in the last."""
    table: list[str | int] = []
    while said:
        ((key, value),) = said.items()
        table.append(key)
        place = tuple(table)
        if isinstance(value, list):
            numbers[place] = numbers.get(place, -1) + 1
            (value,) = cast("list[object]", value)
        if place in numbers:
            table.append(numbers[place])
        said = cast("dict[str, object]", value)
    return tuple(table)


def _says(said: object, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        if isinstance(said, dict) and step in said:
            said = cast("dict[str | int, object]", said)[step]
        elif isinstance(said, list) and isinstance(step, int) and step < len(cast("list[object]", said)):
            said = cast("list[object]", said)[step]
        else:
            return False
    return True

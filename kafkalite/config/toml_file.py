"""TOML files that know on which line a value stands, for error messages.

tomllib returns values without their positions. The start of a TOML file, cut between two statements, is a TOML file
too: so the line of a value is where the first part of the file ends that has it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, cast

from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SAYS_NOTHING: Final = re.compile(r"\s*(#.*)?\n?")


class TomlError(Exception):
    """A file that cannot be read as TOML; the message names the file."""


@value_class(kw_only=True)
class TomlFile:
    """The contents of a file."""

    path: Path
    source: str
    values: Mapping[str, object]

    def place(self, *steps: str | int) -> Place:
        """Return the place that these keys, and indices of arrays, lead to."""
        return Place(self, steps)


@value_class
class Place:
    """A place in a file; its text is ``FILE:LINE``, or ``FILE`` if the place does not exist. Searched on demand."""

    file: TomlFile
    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        line = line_of(self.file.source, self.steps)
        return str(self.file.path) if line is None else f"{self.file.path}:{line}"


def mistake(file: TomlFile, what: str, *steps: str | int) -> TomlError:
    """Return the error that says what is wrong at the place that ``steps`` lead to, or in the file as a whole."""
    return TomlError(f"{file.place(*steps) if steps else file.path}: {what}")


def check_keys(file: TomlFile, known: Iterable[str], hint: str) -> None:
    """Raise TomlError for a key at the top of a file that is none of those that are known; ``hint`` says what is."""
    for key in file.values:
        if key not in known:
            raise mistake(file, f"{key}: no such key; {hint}", key)


def tables_of(file: TomlFile, name: str, what: str) -> list[dict[str, object]]:
    """Return the tables ``[[name]]`` of a file, each of which is ``what``. Raises TomlError where they are others."""
    tables = file.values.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        raise mistake(file, f"{name}: each {what} is a table [[{name}]], with two brackets", name)
    return cast("list[dict[str, object]]", tables)


def table_of(file: TomlFile, name: str) -> dict[str, object]:
    """Return the table ``[name]`` of a file, empty if there is none. Raises TomlError where it is another value."""
    table = file.values.get(name, {})
    if not isinstance(table, dict):
        raise mistake(file, f"{name}: must be a table [{name}]", name)
    return cast("dict[str, object]", table)


def read(path: Path) -> TomlFile:
    """Read a file. Raises TomlError."""
    import tomllib  # few starts read a file

    try:
        # tomllib turns CRLF into LF, so lines are counted as it counts them.
        source = path.read_bytes().decode().replace("\r\n", "\n")
        return TomlFile(path=path, source=source, values=tomllib.loads(source))
    except OSError as error:
        raise TomlError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TomlError(f"cannot read {path}: {error}") from None


def line_of(source: str, steps: tuple[str | int, ...]) -> int | None:
    """Return the first line, from 1, of the statement that sets a value, or None if the value does not exist.

    In an array over several lines, it is the line of the element.
    """
    lines = source.splitlines(keepends=True)
    ends = range(len(lines) + 1)

    def is_there(end: int) -> bool:
        return _leads_somewhere(_parsed_up_to(lines, end)[1], steps)

    last = bisect_left(ends, True, key=is_there)
    if last == len(ends):
        return None
    first = _parsed_up_to(lines, last - 1)[0]
    while first < last and _SAYS_NOTHING.fullmatch(lines[first]):
        first += 1
    return first + 1


def _parsed_up_to(lines: list[str], end: int) -> tuple[int, object]:
    """Parse the longest start of at most `end` lines that is TOML, perhaps with an array to be closed."""
    import tomllib

    for stop in range(end, 0, -1):
        for closing in ("]", ""):
            try:
                return stop, tomllib.loads("".join(lines[:stop]) + closing)
            except tomllib.TOMLDecodeError:
                continue
    return 0, {}


def _leads_somewhere(value: object, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = cast("dict[str | int, object]", value)[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(cast("list[object]", value)):
            value = cast("list[object]", value)[step]
        else:
            return False
    return True

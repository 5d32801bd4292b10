"""Faults from a TOML file: tables ``[[fault]]`` in the words of :mod:`kafkalite.controls.faults.words`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kafkalite.controls.faults.toml_lines import line_of
from kafkalite.controls.faults.words import FaultError, fault_of

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.controls.faults.fault import Fault

_TABLES: Final = "fault"


class FaultFileError(Exception):
    """A file that cannot be used; the message names the file, the line and the key, and says what is allowed."""


def read_faults(path: Path) -> list[Fault]:
    """Read a file. Raises FaultFileError."""
    import tomllib

    try:
        # The newlines are those that tomllib makes of others, so that lines are counted alike.
        source = path.read_bytes().decode().replace("\r\n", "\n")
        document = tomllib.loads(source)
    except OSError as error:
        raise FaultFileError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FaultFileError(f"cannot read {path}: {error}") from None

    def problem(what: str, *place: str | int) -> FaultFileError:
        line = line_of(source, place) if place else None
        return FaultFileError(f"{path}: {what}" if line is None else f"{path}:{line}: {what}")

    for key in document:
        if key != _TABLES:
            raise problem(f"{key}: no such key; faults are tables [[{_TABLES}]]", key)
    tables = document.get(_TABLES)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        if tables is None:
            raise problem(f"there is no table [[{_TABLES}]] in it")
        raise problem(f"{_TABLES}: each fault is a table [[{_TABLES}]], with two brackets", _TABLES)
    faults: list[Fault] = []
    for number, table in enumerate(cast("list[dict[str, object]]", tables)):
        try:
            faults.append(fault_of(table))
        except FaultError as error:
            raise problem(str(error), _TABLES, number, *([error.key] if error.key in table else [])) from None
    return faults

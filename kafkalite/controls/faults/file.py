"""Faults from a TOML file: tables ``[[fault]]`` whose keys are the fields of a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kafkalite.config import toml_file
from kafkalite.controls.faults.fault import FaultError, fault_from

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.controls.faults.fault import Fault

_TABLES: Final = "fault"


class FaultFileError(Exception):
    """A file that cannot be used; the message names the file, the line and the key, and says what is allowed."""


def read_faults(path: Path) -> list[Fault]:
    """Read a file. Raises FaultFileError."""
    try:
        file = toml_file.read(path)
    except toml_file.TomlError as error:
        raise FaultFileError(str(error)) from None

    def problem(what: str, *steps: str | int) -> FaultFileError:
        return FaultFileError(f"{file.place(*steps) if steps else path}: {what}")

    for key in file.values:
        if key != _TABLES:
            raise problem(f"{key}: no such key; faults are tables [[{_TABLES}]]", key)
    tables = file.values.get(_TABLES)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        if tables is None:
            raise problem(f"there is no table [[{_TABLES}]] in it")
        raise problem(f"{_TABLES}: each fault is a table [[{_TABLES}]], with two brackets", _TABLES)
    faults: list[Fault] = []
    for number, table in enumerate(cast("list[dict[str, object]]", tables)):
        try:
            faults.append(fault_from(table))
        except FaultError as error:
            raise problem(str(error), _TABLES, number, *([error.key] if error.key in table else [])) from None
    return faults

"""Faults from a TOML file: tables ``[[fault]]`` whose keys are the fields of a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.config.toml_file import TomlError, check_keys, mistake, read, tables_of
from kafkalite.controls.faults.fault import FaultError, fault_from

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.config.toml_file import TomlFile
    from kafkalite.controls.faults.fault import Fault

FAULTS: Final = "fault"
"""The name of the tables."""


def read_faults(path: Path) -> list[Fault]:
    """Read a file of faults only. Raises TomlError."""
    file = read(path)
    check_keys(file, [FAULTS], f"faults are tables [[{FAULTS}]]")
    if FAULTS not in file.values:
        raise mistake(file, f"there is no table [[{FAULTS}]] in it")
    return faults_of(file)


def faults_of(file: TomlFile) -> list[Fault]:
    """Return the faults of a file. Raises TomlError."""
    faults: list[Fault] = []
    for number, table in enumerate(tables_of(file, FAULTS, "fault")):
        try:
            faults.append(fault_from(table))
        except FaultError as error:
            raise mistake(file, str(error), FAULTS, number, *([error.key] if error.key in table else [])) from None
    return faults


__all__ = ["FAULTS", "TomlError", "faults_of", "read_faults"]

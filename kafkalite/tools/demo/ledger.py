"""The billing ledger: which consumer charged for which click, written so that a SIGKILL loses nothing.

A click counts as billed once it is in the ledger, so what a killed consumer billed but did not commit is known exactly.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_ENTRY: Final = struct.Struct("<Hqqd")


class Charge(NamedTuple):
    """One click billed: where it stood, which it was, and when (monotonic seconds, the same in all processes)."""

    partition: int
    offset: int
    click: int
    at: float


class LedgerWriter:
    """Appends to a ledger, with one write to the operating system for each call."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def bill(self, charges: Iterable[Charge]) -> None:
        """Bill these clicks; when this returns, the entries survive the end of the process."""
        data = b"".join(_ENTRY.pack(*charge) for charge in charges)
        while data:
            data = data[os.write(self._file, data) :]


def read_ledger(path: Path) -> Iterator[Charge]:
    """Read the charges of a ledger; an entry that a crash cut short was not billed. No file is an empty ledger."""
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % _ENTRY.size
    return map(Charge._make, _ENTRY.iter_unpack(data[:whole]))

"""Writes the history of a run as JSON lines: one event a line, in the order in which they took place.

Every event has `time` (seconds since the run began), `process`, `type` (`invoke`, `ok`, `fail` or `info`, as in Jepsen)
and `f`, the kind of operation. `op` joins an invocation with its outcome; an operation that ends where it begins has
one event only.
"""

import itertools
import json
import threading
import time
from collections.abc import Mapping
from typing import IO

from kafkalite_conformance.checker.history import Outcome
from kafkalite_conformance.drivers.events import Sendable


class Recorder:
    """The history of a run, written by all its threads."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._operations = itertools.count(1)
        self._started = time.monotonic()
        self._kinds: set[str] = set()

    def has(self, kind: str) -> bool:
        """Return whether an operation of this kind has been recorded."""
        return kind in self._kinds

    def invoke(self, process: str, kind: str, **fields: Sendable) -> int:
        """Record that an operation begins; return its number."""
        operation = next(self._operations)
        self._write(process, "invoke", kind, {"op": operation, **fields})
        return operation

    def complete(self, process: str, kind: str, operation: int, outcome: Outcome, **fields: Sendable) -> None:
        """Record how an operation ended."""
        self._write(process, outcome.value, kind, {"op": operation, **fields})

    def note(self, process: str, kind: str, outcome: Outcome = Outcome.OK, **fields: Sendable) -> None:
        """Record an operation that ends where it begins."""
        self._write(process, outcome.value, kind, fields)

    def _write(self, process: str, kind_of_event: str, kind: str, fields: Mapping[str, Sendable]) -> None:
        with self._lock:
            self._kinds.add(kind)
            # Inside the lock: the order of lines is the order of times.
            elapsed = round(time.monotonic() - self._started, 6)
            event = {"time": elapsed, "process": process, "type": kind_of_event, "f": kind, **fields}
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

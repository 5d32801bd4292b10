"""Messages between the demo's processes and the story: reports as JSON lines, and commands."""

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

STOP: Final = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line of a process: what happened, when (monotonic seconds), and details."""

    kind: str
    at: float
    details: dict[str, Any]

    def by_partition(self, name: str) -> dict[int, Any]:
        """Return a detail that is an object with partitions as keys."""
        return {int(partition): value for partition, value in self.details[name].items()}


def report(kind: str, **details: object) -> None:
    """Report to the story that something has just happened."""
    sys.stdout.write(json.dumps({"kind": kind, "at": time.monotonic(), **details}) + "\n")
    sys.stdout.flush()


def parse(line: str) -> Report:
    """Parse a report."""
    details = json.loads(line)
    return Report(kind=details.pop("kind"), at=details.pop("at"), details=details)


class Commands:
    """Commands from the story, one a line; this process exits when the story's process does."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def received(self) -> Iterator[str]:
        """Return the commands received so far, without waiting."""
        while not self._lines.empty():
            yield self._lines.get()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._lines.put(line.strip())
        os._exit(3)

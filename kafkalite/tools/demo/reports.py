"""How the demo's processes talk to the one that tells the story: a JSON object a line, and commands back."""

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

STOP: Final = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line of a process: what happened, when (monotonic seconds), and details."""

    kind: str
    at: float
    details: dict[str, object]

    def number(self, name: str) -> float:
        """Give a detail that is a number."""
        value = self.details[name]
        assert isinstance(value, int | float)
        return value

    def integer(self, name: str) -> int:
        """Give a detail that is a whole number."""
        return int(self.number(name))

    def partitions(self, name: str) -> list[int]:
        """Give a detail that is a list of partitions."""
        return cast("list[int]", self.details[name])

    def offsets(self, name: str) -> dict[int, int]:
        """Give a detail that maps partitions to offsets."""
        return {int(key): value for key, value in cast("dict[str, int]", self.details[name]).items()}

    def texts(self, name: str) -> dict[int, str]:
        """Give a detail that maps partitions to texts."""
        return {int(key): value for key, value in cast("dict[str, str]", self.details[name]).items()}


def report(kind: str, **details: object) -> None:
    """Tell the storyteller that something happened, now."""
    sys.stdout.write(json.dumps({"kind": kind, "at": time.monotonic(), **details}) + "\n")
    sys.stdout.flush()


def parse(line: str) -> Report:
    """Read a report."""
    details = json.loads(line)
    return Report(kind=details.pop("kind"), at=details.pop("at"), details=details)


class Commands:
    """Commands from the storyteller, one a line; when it is gone, so is this process."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def received(self) -> Iterator[str]:
        """Give the commands that have come, without waiting."""
        while not self._lines.empty():
            yield self._lines.get()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._lines.put(line.strip())
        os._exit(3)

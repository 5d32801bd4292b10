"""What every experiment is given: a scratch folder, how much to do, and the peers that can run here."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import programs
from benchmarks.brokers import Kind
from benchmarks.processes import run_client

_CLIENT_LIMIT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`quick` shows that it works; `brokers` are kafkalite and, where it can run, Kafka."""

    folder: Path
    quick: bool
    runs: int
    brokers: Sequence[Kind]
    gaps: list[str] = field(default_factory=list[str])

    def count(self, full: int, quick: int) -> int:
        """Choose a count."""
        return quick if self.quick else full

    def bare(self, *words: str | int) -> dict[str, float]:
        """Run the C program that shows what disk and processor allow."""
        printed: dict[str, float] = json.loads(
            run_client([str(programs.bare_disk()), *map(str, words)], timeout=_CLIENT_LIMIT_S)
        )
        return printed

    def say(self, line: str) -> None:
        """Print the progress."""
        print(line, file=sys.stderr, flush=True)


def settle() -> None:
    """Write back what is dirty, so that one run does not pay for the one before it."""
    os.sync()


def drop_from_cache(folder: Path) -> None:
    """Drop every file of a folder from the page cache."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

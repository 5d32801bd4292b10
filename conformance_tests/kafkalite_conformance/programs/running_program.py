"""Programs under test as processes that can be killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self


class RunningProgram:
    """A running program, whose output is a file; as a block it is killed at the end, if it still runs."""

    def __init__(self, command: Sequence[str], output: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self._output = output
        self._file: IO[bytes] = output.open("wb")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            cwd=output.parent,
            env={**os.environ, **(environment or {})},
        )

    def has_printed(self, text: str) -> bool:
        """Return whether the program has printed a text. Raises AssertionError if it has ended without."""
        ended = self._process.poll() is not None
        printed = self.output
        assert text in printed or not ended, f"the program has ended:\n{printed}"
        return text in printed

    def assert_runs(self) -> None:
        """Raise AssertionError with the output if the program has ended."""
        assert self._process.poll() is None, f"the program has ended:\n{self.output}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What the program has printed so far."""
        return self._output.read_text(errors="replace")

    def kill(self) -> None:
        """End the program as a crash does."""
        self._process.kill()
        self._process.wait()

    def terminate(self, timeout: float = 60) -> int:
        """Stop the program as an operator does (SIGTERM), wait until it has ended, and return its exit status."""
        self._process.terminate()
        return self._process.wait(timeout)

    def close(self, timeout: float = 60) -> None:
        """Close the program's standard input, and wait until it has ended by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout) == 0, self.output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._file.close()

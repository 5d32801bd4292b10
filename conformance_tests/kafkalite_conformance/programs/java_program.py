"""Java programs of this folder: compiled once into the cache, and run as processes that can be killed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.reference_broker import class_path, java_build

_SOURCES: Final = Path(__file__).parent
_FLAGS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx384M")


def compiled(name: str, jars: Path) -> str:
    """Compile a program of this folder against jars, and return the class path to run it with."""
    source = _SOURCES / f"{name}.java"
    made_of = hashlib.sha256(source.read_bytes() + java_build().encode()).hexdigest()[:12]
    folder = cache_folder() / "programs" / f"{name}-{made_of}"
    folder.mkdir(parents=True, exist_ok=True)
    jar = folder / "program.jar"
    with one_at_a_time(folder):
        if not jar.exists():
            with tempfile.TemporaryDirectory() as classes:
                subprocess.run(["javac", "-d", classes, "-cp", class_path(jars), str(source)], check=True)
                subprocess.run(["jar", "--create", "--file", str(jar), "-C", classes, "."], check=True)
    return os.pathsep.join([str(jar), class_path(jars)])


class JavaProgram:
    """A running program, whose output is a file; as a block it is killed at the end, if it still runs."""

    def __init__(self, main: str, path: str, arguments: Sequence[str], output: Path) -> None:
        self._output = output
        self._file: IO[bytes] = output.open("wb")
        self._process = subprocess.Popen(
            ["java", *_FLAGS, "-cp", path, main, *arguments],
            stdin=subprocess.PIPE,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )

    def has_printed(self, text: str) -> bool:
        """Return whether the program has printed a text. Raises AssertionError if it has ended without."""
        printed = self.output
        assert text in printed or self._process.poll() is None, f"the program has ended:\n{printed}"
        return text in printed

    @property
    def output(self) -> str:
        """What the program has printed so far."""
        return self._output.read_text(errors="replace")

    def kill(self) -> None:
        """End the program as a crash does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def close(self, timeout: float = 60) -> None:
        """Close the program's standard input, and wait until it has ended by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout) == 0, self.output

    def __enter__(self) -> JavaProgram:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self._file.close()

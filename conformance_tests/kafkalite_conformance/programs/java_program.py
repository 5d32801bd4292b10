"""Java programs: those of this folder are compiled once into the cache; all run as processes that can be killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.reference_broker import LOG4J_CONFIGURATION, class_path, java_build

_SOURCES: Final = Path(__file__).parent
_FLAGS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx384M")
_TERMINATED: Final = 128 + signal.SIGTERM


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


def write_properties(file: Path, settings: Mapping[str, str]) -> str:
    """Write a file of Java properties and return its path, as an argument of a program."""
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return str(file)


class JavaProgram:
    """A running program, whose output is a file; as a block it is killed at the end, if it still runs.

    The output holds what the program logs too, from warnings up, if `LOG4J` is among its jars. The first program with a
    class path that is stopped leaves an archive of its classes in the cache, with which the next ones start in half the
    time.
    """

    def __init__(self, main: str, path: str, arguments: Sequence[str], output: Path) -> None:
        self._output = output
        self._file: IO[bytes] = output.open("wb")
        self._archive = _class_data_archive(path)
        self._new_archive = output.with_suffix(".jsa")
        if self._archive.exists():
            sharing = f"-XX:SharedArchiveFile={self._archive}"
        else:
            sharing = f"-XX:ArchiveClassesAtExit={self._new_archive}"
        configuration = output.with_suffix(".log4j2.properties")
        configuration.write_text(LOG4J_CONFIGURATION)
        self._process = subprocess.Popen(
            ["java", *_FLAGS, sharing, f"-Dlog4j2.configurationFile={configuration}", "-cp", path, main, *arguments],
            stdin=subprocess.PIPE,
            stdout=self._file,
            stderr=subprocess.STDOUT,
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
    def output(self) -> str:
        """What the program has printed so far."""
        return self._output.read_text(errors="replace")

    def kill(self) -> None:
        """End the program as a crash does."""
        self._process.kill()
        self._process.wait()
        self._close_input()

    def terminate(self, timeout: float = 60) -> None:
        """Stop the program as an operator does (SIGTERM), and wait until it has ended."""
        self._process.terminate()
        assert self._process.wait(timeout) == _TERMINATED, self.output
        self._close_input()
        self._keep_archive()

    def close(self, timeout: float = 60) -> None:
        """Close the program's standard input, and wait until it has ended by itself."""
        self._close_input()
        assert self._process.wait(timeout) == 0, self.output
        self._keep_archive()

    def _keep_archive(self) -> None:
        if self._new_archive.exists():
            copy = self._archive.with_suffix(f".{self._process.pid}")
            shutil.copy(self._new_archive, copy)
            copy.rename(self._archive)

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self._file.close()


def _class_data_archive(path: str) -> Path:
    folder = cache_folder() / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256((path + java_build()).encode()).hexdigest()[:12]}.jsa"

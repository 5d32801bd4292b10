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
from typing import Final

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.programs.running_program import RunningProgram
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


class JavaProgram(RunningProgram):
    """A running Java program; `flags` are more options of the JVM.

    The output holds what the program logs too, from warnings up, if `LOG4J` is among its jars. The first program with a
    class path that is stopped leaves an archive of its classes in the cache, with which the next ones start in half the
    time.
    """

    def __init__(
        self, main: str, path: str, arguments: Sequence[str], output: Path, *, flags: Sequence[str] = ()
    ) -> None:
        self._archive = _class_data_archive(path)
        self._new_archive = output.with_suffix(".jsa")
        if self._archive.exists():
            sharing = f"-XX:SharedArchiveFile={self._archive}"
        else:
            sharing = f"-XX:ArchiveClassesAtExit={self._new_archive}"
        configuration = output.with_suffix(".log4j2.properties")
        configuration.write_text(LOG4J_CONFIGURATION)
        log4j = f"-Dlog4j2.configurationFile={configuration}"
        super().__init__(["java", *_FLAGS, sharing, log4j, *flags, "-cp", path, main, *arguments], output)

    def terminate(self, timeout: float = 60) -> int:
        """Stop the program as an operator does (SIGTERM), wait until it has ended, and return its exit status."""
        status = super().terminate(timeout)
        assert status == _TERMINATED, self.output
        self._keep_archive()
        return status

    def close(self, timeout: float = 60) -> None:
        """Close the program's standard input, and wait until it has ended by itself."""
        super().close(timeout)
        self._keep_archive()

    def _keep_archive(self) -> None:
        if self._new_archive.exists():
            copy = self._archive.with_suffix(f".{self.pid}")
            shutil.copy(self._new_archive, copy)
            copy.rename(self._archive)


def _class_data_archive(path: str) -> Path:
    folder = cache_folder() / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256((path + java_build()).encode()).hexdigest()[:12]}.jsa"

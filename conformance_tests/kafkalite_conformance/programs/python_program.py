"""Python programs of this folder, each in a virtual environment of its own: their libraries want other versions."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.downloading import download
from kafkalite_conformance.programs.running_program import RunningProgram

_SOURCES: Final = Path(__file__).parent


def environment(name: str, *requirements: str) -> Path:
    """Return the Python of a virtual environment in the cache that has packages installed.

    The first call makes it. CalledProcessError where it cannot be made.
    """
    made_of = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    folder = cache_folder() / "programs" / f"{name}-{made_of}"
    python = folder / "venv" / "bin" / "python"
    with one_at_a_time(folder):
        if not (folder / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], check=True)
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *requirements]
            download(pip).check_returncode()
            (folder / "installed").touch()
    return python


class PythonProgram(RunningProgram):
    """A running Python program of this folder."""

    def __init__(self, python: Path, name: str, arguments: Sequence[str], output: Path) -> None:
        command = [str(python), "-W", "ignore", str(_SOURCES / f"{name}.py"), *arguments]
        super().__init__(command, output, environment={"PYTHONUNBUFFERED": "1", "PYTHONPATH": ""})

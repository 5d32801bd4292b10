"""Commands that fetch something: where a network failed once, it may work the next time."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PAUSES: Final = (2.0, 10.0)
"""Seconds between one try and the next."""


def download(command: Sequence[str], *, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command that may be run again, until it succeeds or has failed three times; return how it ended last."""

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    finished = run()
    for pause in _PAUSES:
        if finished.returncode == 0:
            break
        print(f"`{' '.join(command)}` failed, and is tried again:\n{finished.stdout}{finished.stderr}", file=sys.stderr)
        time.sleep(pause)
        finished = run()
    return finished

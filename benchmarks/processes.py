"""Client programs with a time limit, and what /proc tells about a broker."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from kafkalite_conformance.server_process import ServerProcess

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_SETTLED_WITHIN: Final = 0.01
_SETTLED_FOR_S: Final = 1.0


class RunFailedError(Exception):
    """A client or a broker did not do what the row asks; the table then says so in place of a number."""


def run_client(command: Sequence[str], *, timeout: float) -> str:
    """Run a client program to its end and return what it printed.

    RunFailedError if it ends with an error or is still running after `timeout` seconds; it is then killed.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = ServerProcess(command, stdout=output, stderr=errors)
        deadline = time.monotonic() + timeout
        try:
            while (status := process.exit_status) is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        if status != 0:
            how = f"took more than {timeout:.0f} s" if status is None else f"ended with status {status}"
            tail = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RunFailedError(f"{Path(command[0]).name} {how}{': ' if tail else ''}{''.join(tail)}")
        return output.read().decode()


def output_of(command: Sequence[str], *, folder: Path | None = None) -> str:
    """Return everything that a tool prints, whatever its exit status; empty if there is no such tool."""
    try:
        finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return ""
    return finished.stdout + finished.stderr


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far, user and system, all threads, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def resident_megabytes(pid: int) -> float:
    """Return a process's resident memory in MB (10^6 bytes); the page cache of files that it wrote is no part of it."""
    return _status_megabytes(pid, "VmRSS")


def peak_megabytes(pid: int) -> float:
    """Return the most resident memory that a process ever had, in MB."""
    return _status_megabytes(pid, "VmHWM")


def settled_megabytes(pid: int, *, timeout: float = 15) -> float:
    """Wait until the resident memory has stayed within 1 % for a second, and return it in MB."""
    deadline = time.monotonic() + timeout
    reference, since = resident_megabytes(pid), time.monotonic()
    while time.monotonic() < min(deadline, since + _SETTLED_FOR_S):
        time.sleep(0.1)
        now = resident_megabytes(pid)
        if abs(now - reference) > _SETTLED_WITHIN * reference:
            reference, since = now, time.monotonic()
    return resident_megabytes(pid)


def _status_megabytes(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        label, _, value = line.partition(":")
        if label == name:
            return int(value.split()[0]) * 1024 / 1e6
    raise RunFailedError("the broker is gone")

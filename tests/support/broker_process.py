"""kafkalite as a process that is killed and started again, on the same data and the same port."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kafkalite_conformance.broker import free_port
from kafkalite_conformance.server_process import ServerProcess

WITHIN = 60  # seconds, on the busiest of machines


class KillableBroker:
    """A broker over a data directory; `up` is set while clients may expect to find it."""

    def __init__(self, data: Path, settings: Sequence[str]) -> None:
        self.data = data
        self.port = free_port()
        self.up = threading.Event()
        self._settings = settings
        self._process: ServerProcess | None = None
        #: What each start wrote to standard error, newest last.
        self.complaints: list[str] = []

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        command = [sys.executable, "-m", "kafkalite", "serve", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data", str(self.data)]
        for setting in self._settings:
            command += ["--set", setting]
        with self._errors.open("wb") as errors:
            self._process = ServerProcess(
                command, stdout=subprocess.PIPE, stderr=errors, environment={**os.environ, "PYTHONUNBUFFERED": "1"}
            )

    def await_ready(self) -> None:
        """Wait for the line that says that clients can connect; RuntimeError if the process ends instead."""
        assert self._process is not None
        line = self._process.stdout.readline()
        if b"is listening on" not in line:
            self.kill()
            raise RuntimeError(f"kafkalite did not start: {line!r}\n{self.complaints[-1]}")
        self.up.set()

    def leave_alone(self, seconds: float) -> None:
        """Wait for a while; fail if the process ends by itself."""
        assert self._process is not None
        if wait_for_exit(self._process, seconds):
            raise RuntimeError(f"kafkalite ended by itself with status {self._process.exit_status}")

    def await_recovery(self) -> None:
        """Wait for the line that a start after a kill writes once it has looked at everything."""
        until = time.monotonic() + WITHIN
        while not self._errors.read_text().endswith("\n"):
            assert time.monotonic() < until, "nothing is said of what the kill left"
            self.leave_alone(0.01)

    def kill(self) -> None:
        """End the process with SIGKILL, at whatever it is."""
        assert self._process is not None
        self.up.clear()
        self._process.kill()
        self.complaints.append(self._errors.read_text())

    def stop(self) -> int:
        """End the process in order and return its exit status."""
        assert self._process is not None
        self.up.clear()
        status = self._process.terminate(timeout=WITHIN)
        self.complaints.append(self._errors.read_text())
        return status

    @property
    def _errors(self) -> Path:
        return self.data.with_name("errors.log")


def wait_for_exit(process: ServerProcess, seconds: float) -> bool:
    """Return whether a process ends within a time. Only one caller may wait for it."""
    descriptor = os.pidfd_open(process.pid)
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return bool(ready)
    finally:
        os.close(descriptor)

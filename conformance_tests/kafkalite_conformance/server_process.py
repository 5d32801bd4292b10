"""Server processes that end with the suite, even when the suite is killed."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

# The shell waits for one line. The suite writes it after a proper stop; if the suite dies instead, the pipe
# closes, `read` fails, and the whole process group of the broker goes.
_WATCHDOG = 'read -r _ || kill -s KILL -- "-$1"'


class ServerProcess:
    """A server in a process group of its own, which ends with the suite even when the suite is killed."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id of the server, which is also its process group."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """The standard output, if it is a pipe."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def exit_status(self) -> int | None:
        """The exit status of the server, or None while it runs."""
        return self._process.poll()

    def terminate(self, *, timeout: float) -> int:
        """Stop the server with SIGTERM, or with SIGKILL after `timeout` seconds; return its exit status."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._kill_group()
        return self._release()

    def kill(self) -> None:
        """Kill the server and its children with SIGKILL."""
        self._kill_group()
        self._release()

    def _kill_group(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _release(self) -> int:
        status = self._process.wait()
        if self._watchdog.poll() is None:
            with suppress(BrokenPipeError):
                self._watchdog.communicate(b"\n")
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status

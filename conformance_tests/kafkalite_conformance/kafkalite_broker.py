"""kafkalite as a subprocess: what a user starts, and nothing that a user could not do."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import free_port, wait_until_ready
from kafkalite_conformance.server_process import ServerProcess

_READY_LINE: Final = re.compile(rb"listening on (127\.0\.0\.1:\d+)")


class Kafkalite:
    """A running kafkalite."""

    def __init__(
        self,
        data_dir: Path,
        settings: Mapping[str, str],
        *,
        listeners: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`listeners` are listeners besides the one of `bootstrap`: their security protocols by name."""
        self._options = options
        self._data_dir = data_dir
        protocols = listeners or {}
        named = ",".join(f"{name}:{protocol}" for name, protocol in protocols.items())
        protocol_map = {"listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,{named}"} if named else {}
        self._settings = {**protocol_map, **settings}
        self._others = {name: f"127.0.0.1:{free_port()}" for name in protocols}
        self._process, self.bootstrap = self._spawn(f"127.0.0.1:{free_port()}")

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address of each listener, by name."""
        return {"PLAINTEXT": self.bootstrap, **self._others}

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended, or None while it runs."""
        return self._process.exit_status

    @property
    def log_file(self) -> Path:
        """What it printed to standard error."""
        return self._data_dir / "kafkalite.log"

    def stop(self) -> int:
        """Stop it with SIGTERM; killed after 60 s."""
        return self._process.terminate(timeout=60)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()

    def close(self) -> None:
        """End it for good."""
        self.kill()

    def start_again(self) -> None:
        """Start on the same data and the same port, and wait until it is ready."""
        self._process, self.bootstrap = self._spawn(self.bootstrap)

    def _spawn(self, listen: str) -> tuple[ServerProcess, str]:
        self._data_dir.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "kafkalite",
            "serve",
            "--listen",
            listen,
            "--data",
            str(self._data_dir / "data"),
            *self._options,
        ]
        for name, address in self._others.items():
            command += ["--listen", f"{name}://{address}"]
        for name, value in self._settings.items():
            command += ["--set", f"{name}={value}"]
        with self.log_file.open("ab") as log:
            process = ServerProcess(
                command, stdout=subprocess.PIPE, stderr=log, environment={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        printed = b""
        for line in process.stdout:
            printed += line
            ready = _READY_LINE.search(line)
            if ready is not None:
                break
        else:
            process.kill()
            tail = self.log_file.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"kafkalite ended before it was ready\n{printed.decode(errors='replace')}{tail}")
        threading.Thread(target=_drain, args=(process,), daemon=True).start()
        bootstrap = ready.group(1).decode()
        wait_until_ready(bootstrap, timeout=60, alive=process)
        return process, bootstrap


def _drain(process: ServerProcess) -> None:
    """Read on, so that a full pipe never stops the broker."""
    try:
        for _ in process.stdout:
            pass
    except ValueError:
        return  # closed when the broker was stopped

"""`kafkalite serve --controls` as a program, and a caller that knows nothing but HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

PATIENCE = 60  # seconds, on the busiest of machines

Start = Callable[..., "Served"]


@dataclass(frozen=True)
class Served:
    """A broker in another process, and where its controls are."""

    bootstrap: str
    controls: str
    process: subprocess.Popen[str]
    log: IO[str]
    """A file: an unread pipe would block the broker when it is full."""

    def stop(self) -> str:
        """Stop the broker as its starter does, wait for it, and return its log."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.seek(0)
        errors = self.log.read()
        assert self.process.returncode == 0, errors
        assert "ERROR" not in errors, errors
        return errors

    def get(self, path: str) -> Any:
        return self.ask("GET", path)[1]

    def post(self, path: str, **body: object) -> Any:
        if path.startswith("/await/"):
            body = {"timeout": PATIENCE, **body}
        status, answer = self.ask("POST", path, json.dumps(body).encode())
        assert status == 200, answer
        return answer

    def refusal(self, method: str, path: str, **body: object) -> tuple[int, str]:
        status, answer = self.ask(method, path, json.dumps(body).encode() if body else None)
        assert list(answer) == ["error"], answer
        return status, answer["error"]

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Ask; gives the status and what the JSON means."""
        request = urllib.request.Request(
            self.controls + path,
            data=body,
            method=method,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """Run a broker with its controls, on free ports and in memory; one that has not been stopped is killed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KAFKALITE_")}
    command = [sys.executable, "-m", "kafkalite", "serve", "--quiet", "--in-memory", *options]
    command += ["--listen", "127.0.0.1:0", "--controls", "127.0.0.1:0"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            said = "".join(process.stdout.readline() for _ in range(3))
            listening = re.search(r"listening on (\S+), data in memory\nControls are at (\S+)\n", said)
            assert listening is not None, said
            yield Served(listening.group(1), listening.group(2), process, log)
        finally:
            process.kill()
            process.communicate()

"""A container engine as people use it, Docker or Podman, by its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from kafkalite import __version__

IMAGE = os.environ.get("KAFKALITE_IMAGE", f"kafkalite:{__version__}")
WITHIN = 60  # seconds, on the busiest of machines


@dataclass(frozen=True)
class Engine:
    """The command line of an engine that works here."""

    program: str

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 300) -> str:
        """Run a command and return what it printed on both streams, without Podman's complaints of systemd."""
        done = subprocess.run(
            [self.program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        printed = "".join(line for line in done.stdout.splitlines(keepends=True) if "systemd" not in line)
        assert done.returncode == 0 or not check, f"{self.program} {' '.join(arguments)}: {done.returncode}\n{printed}"
        return printed

    def status(self, *arguments: str) -> int:
        """Run a command and return its exit status."""
        done = subprocess.run([self.program, *arguments], capture_output=True, timeout=120, check=False)
        return done.returncode

    def inspect(self, name: str, kind: str = "container") -> Any:
        """Return all that the engine knows of a container or an image."""
        done = subprocess.run(
            [self.program, kind, "inspect", name], capture_output=True, text=True, timeout=60, check=True
        )
        return json.loads(done.stdout)[0]


def find_engine() -> Engine | str:
    """Find an engine that runs here, or say why there is none."""
    reasons: list[str] = []
    for program, probe in (("docker", "version"), ("podman", "info")):
        if shutil.which(program) is None:
            reasons.append(f"{program} is not installed")
        elif subprocess.run([program, probe], capture_output=True, timeout=60, check=False).returncode:
            reasons.append(f"`{program} {probe}` fails")
        else:
            return Engine(program)
    return "no container engine: " + ", ".join(reasons)


def unavailable(reason: str) -> NoReturn:
    """Skip and say why; in CI, where all that is needed is installed, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"nothing may skip in CI, but: {reason}")
    pytest.skip(reason)


class Running:
    """A container of the image, with a published port of 127.0.0.1 that the engine has picked."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.engine("port", self.name, "9092/tcp").strip().rpartition(":")
        return host, int(port)

    @property
    def bootstrap(self) -> str:
        host, port = self.address
        return f"{host}:{port}"

    @property
    def is_running(self) -> bool:
        return bool(self.engine.inspect(self.name)["State"]["Running"])

    @property
    def exit_status(self) -> int:
        return int(self.engine.inspect(self.name)["State"]["ExitCode"])

    def exec(self, *command: str, check: bool = True) -> str:
        return self.engine("exec", self.name, *command, check=check)

    def await_handler(self, number: int) -> None:
        """Wait until the broker handles a signal: the first process of a container gets no other."""
        until = time.monotonic() + WITHIN
        while not int(self.exec("grep", "SigCgt", "/proc/1/status").split()[1], 16) >> (number - 1) & 1:
            assert time.monotonic() < until

    def advertise(self) -> str:
        """Advertise the published port of the broker, as its users do, and return the address."""
        self.exec("kafkalite", "advertise", self.bootstrap)
        return self.bootstrap

    def is_healthy(self) -> bool:
        """Return the result of the image's health check. Podman runs it on request, Docker by itself."""
        if self.engine.program == "podman":
            return self.engine.status("healthcheck", "run", self.name) == 0
        return bool(self.engine.inspect(self.name)["State"]["Health"]["Status"] == "healthy")

    def turns(self, *, healthy: bool) -> bool:
        """Wait for the health check to say so."""
        until = time.monotonic() + WITHIN
        while self.is_healthy() is not healthy:
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True


Run = Callable[..., Running]

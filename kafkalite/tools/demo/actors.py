"""Processes of the story: started, listened to, told what to do, and ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from kafkalite.tools.demo.reports import STOP, Report, parse

_LAST_LINES = 3


class ActorFailedError(Exception):
    """A process of the story ended when it should not have; the message has its last words."""


class Actor:
    """One process, under a name."""

    def __init__(self, name: str, process: trio.Process, errors: Path) -> None:
        self.name = name
        self._process = process
        self._errors = errors
        self._may_end = False

    @classmethod
    async def start(cls, name: str, module: str, folder: Path, options: dict[str, object]) -> "Actor":
        """Start `python -m kafkalite.tools.demo.MODULE --OPTION=VALUE …`; its complaints go to a file in the folder."""
        arguments = [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
        errors = folder / f"{name}.stderr"
        with errors.open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", f"kafkalite.tools.demo.{module}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # Ctrl-C is for the storyteller, which then ends the others.
                start_new_session=True,
            )
        return cls(name, process, errors)

    async def listen(self, hear: Callable[["Actor", Report], None]) -> None:
        """Hear the reports of the process until it ends; raises ActorFailedError if it was not to end."""
        assert self._process.stdout is not None
        pending = b""
        async for data in self._process.stdout:
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                hear(self, parse(line.decode()))
        status = await self._process.wait()
        if not self._may_end or status not in (0, -signal.SIGKILL):
            raise ActorFailedError(f"{self.name} ended with status {status}{self._last_words()}")

    async def tell(self, command: str) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        self._may_end = self._may_end or command == STOP
        await self._process.stdin.send_all(f"{command}\n".encode())

    async def kill(self) -> None:
        """End the process with SIGKILL; it is dead when this returns."""
        self._may_end = True
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def make_sure_it_is_gone(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            await self.kill()

    def may_end(self) -> None:
        """Allow the process to end by itself."""
        self._may_end = True

    def _last_words(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return "".join(f"\n  {line}" for line in lines[-_LAST_LINES:])

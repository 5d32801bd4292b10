"""Processes of the story: producers, consumers, and the demo's own broker.

`python -m kafkalite.tools.demo.actors serve …` is `python -m kafkalite serve …`, but it stops when its standard input
ends, and so with the process that started it.
"""

import os
import re
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from kafkalite.tools.demo.reports import STOP, Report, parse

_LAST_LINES = 3
_STOP_WITHIN = 5.0


class ActorFailedError(Exception):
    """A process of the story ended unexpectedly; the message has the end of its error output."""


class Actor:
    """One process, under a name."""

    def __init__(self, name: str, process: trio.Process, errors: Path) -> None:
        self.name = name
        self._process = process
        self._errors = errors
        self._may_end = False

    @classmethod
    async def start(cls, name: str, module: str, folder: Path, options: dict[str, object]) -> "Actor":
        """Start `python -m kafkalite.tools.demo.MODULE --OPTION=VALUE …`, with its error output in a file."""
        arguments = [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
        errors = folder / f"{name}.stderr"
        with errors.open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", f"kafkalite.tools.demo.{module}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # Ctrl-C goes to the story only, which then ends the others.
                start_new_session=True,
            )
        return cls(name, process, errors)

    async def listen(self, hear: Callable[["Actor", Report], None]) -> None:
        """Pass the reports of the process on until it ends; raises ActorFailedError if it ends unexpectedly."""
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
        """Kill the process with SIGKILL and wait for its end."""
        self._may_end = True
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def make_sure_it_is_gone(self) -> None:
        """Kill the process if it still runs."""
        if self._process.poll() is None:
            await self.kill()

    def may_end(self) -> None:
        """Allow the process to end by itself."""
        self._may_end = True

    def _last_words(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return "".join(f"\n  {line}" for line in lines[-_LAST_LINES:])


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncGenerator[str]:
    """Run a broker on a free port until the block ends, and yield its address.

    Raises ActorFailedError if it does not start.
    """
    command = [
        sys.executable, "-m", "kafkalite.tools.demo.actors",
        "serve", "--quiet", "--listen=127.0.0.1:0", f"--data={folder / 'data'}",
        "--set=group.min.session.timeout.ms=1000",
    ]  # fmt: skip
    errors = folder / "broker.stderr"
    with errors.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        )
    try:
        assert process.stdout is not None
        output = b""
        async for data in process.stdout:
            output += data
            listening = re.search(rb"listening on (\S+:\d+)", output)
            if listening is not None:
                break
        else:
            raise ActorFailedError(f"the broker did not start: {errors.read_text(errors='replace').strip()}")
        yield listening.group(1).decode()
    finally:
        with trio.CancelScope(shield=True):
            process.terminate()
            with trio.move_on_after(_STOP_WITHIN):
                await process.wait()
            if process.poll() is None:
                process.kill()
                await process.wait()


def _stop_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    runpy.run_module("kafkalite", run_name="__main__", alter_sys=True)

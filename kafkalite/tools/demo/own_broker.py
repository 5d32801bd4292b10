"""A broker of the demo's own: `kafkalite serve` on a free port, over a temporary data directory."""

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from kafkalite.tools.demo.actors import ActorFailedError

_STOP_WITHIN = 5.0


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncGenerator[str]:
    """Run a broker until the block ends, and give its address; raises ActorFailedError if it does not start."""
    command = [
        sys.executable, "-m", "kafkalite.tools.demo.leash",
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
        said = b""
        async for data in process.stdout:
            said += data
            listening = re.search(rb"listening on (\S+:\d+)", said)
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

"""One run of the fifty tests on one stand-in."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import RunFailedError, peak_megabytes
from benchmarks.stand_ins.stand_in import StandIn, wait_until_ready
from kafkalite_conformance.server_process import ServerProcess

SUITE: Final = Path(__file__).parent / "suite"
_WITHIN_S: Final = 900
_EXIT_WITHIN_S: Final = 20
_ALL_TOLD: Final = "peak_megabytes"
"""The last message, when every test has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What became of one test; `reason` is the first line of what failed it."""

    seconds: float
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: seconds until the broker was ready, from its spawn (0 where the tests start it), and of the tests.

    `session_s` is the whole pytest process, imports and all; memory is the most that the broker and pytest ever had.
    """

    start_s: float
    session_s: float
    tests: Mapping[str, Tested]
    ended: bool
    """Whether pytest ended by itself, once its tests had."""
    broker_megabytes: float
    pytest_megabytes: float

    @property
    def whole_s(self) -> float:
        """What somebody waits for who runs the suite."""
        return self.start_s + self.session_s

    @property
    def failed(self) -> dict[str, str]:
        """The tests that failed, and why."""
        return {name: tested.reason for name, tested in self.tests.items() if not tested.passed}


def run_once(stand_in: StandIn, folder: Path) -> Run:
    """Start the stand-in, run the suite, and end it. RunFailedError if it does not start, or a test never ends."""
    folder.mkdir()
    if stand_in.spawn is None:
        return _tested(stand_in.name, folder, start_s=0, pid=None)
    before = time.monotonic()
    server = stand_in.spawn(folder / "broker")
    try:
        wait_until_ready(server)
        return _tested(server.bootstrap, folder, start_s=time.monotonic() - before, pid=server.pid)
    finally:
        server.kill()


def _tested(where: str, folder: Path, *, start_s: float, pid: int | None) -> Run:
    times, output = folder / "times.jsonl", folder / "pytest.log"
    command = [
        sys.executable, "-m", "pytest", "-c", str(SUITE / "pytest.ini"), "-p", "kafkalite.pytest_plugin", str(SUITE),
        "--stand-in", where, "--times", str(times),
    ]  # fmt: skip
    # Nothing but pytest: what other plugins of this environment cost is not the stand-ins' doing.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with output.open("wb") as log:
        process = ServerProcess(command, stdout=log, stderr=log, environment=environment, folder=folder)
        try:
            session_s = _until_over(process, times)
            ended = process.exit_status is not None
            megabytes = 0.0 if pid is None else peak_megabytes(pid)
        finally:
            process.kill()
    lines = [json.loads(line) for line in _lines(times)]
    if not lines or _ALL_TOLD not in lines[-1]:
        raise RunFailedError(f"the tests did not come to their end:\n{output.read_text()[-2000:]}")
    return Run(
        start_s=start_s,
        session_s=session_s,
        tests={
            line["test"]: Tested(seconds=line["seconds"], passed=line["passed"], reason=line["reason"])
            for line in lines[:-1]
        },
        ended=ended,
        broker_megabytes=megabytes,
        pytest_megabytes=lines[-1][_ALL_TOLD],
    )


def _until_over(process: ServerProcess, times: Path) -> float:
    """Wait for the end of pytest, but not for ever once its tests have ended; tell the seconds that it took."""
    before, told = time.monotonic(), None
    while process.exit_status is None and (now := time.monotonic()) - before < _WITHIN_S:
        if told is None and any(_ALL_TOLD in line for line in _lines(times)[-1:]):
            told = now
        if told is not None and now - told > _EXIT_WITHIN_S:
            return told - before
        time.sleep(0.05)
    return time.monotonic() - before


def _lines(times: Path) -> list[str]:
    return times.read_text().splitlines() if times.exists() else []

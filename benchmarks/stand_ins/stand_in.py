"""What takes Kafka's place in tests: a process that serves a whole session, or a broker inside the tests' process."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import programs
from benchmarks.brokers import KINDS, PlainServer, Server
from benchmarks.processes import RunFailedError, is_running, output_of
from kafkalite_conformance.broker import free_port, serves_metadata
from kafkalite_conformance.reference_broker import DEFAULT_JVM_FLAGS, Kafka

_READY_WITHIN_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """`spawn` starts a process over a folder, and does not wait until it is ready; None: the tests start it."""

    name: str
    title: str
    prepare: Callable[[], object]
    spawn: Callable[[Path], Server] | None
    version: Callable[[], str]


def wait_until_ready(server: Server) -> None:
    """Wait until clients are answered. RunFailedError if that does not come."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while not serves_metadata(server.bootstrap):
        if not is_running(server.pid) or time.monotonic() > deadline:
            raise RunFailedError("it did not become ready")
        time.sleep(0.002)


def _spawn_kafka(folder: Path) -> Server:
    # As containers for tests set it: a group need not wait for further members before its first rebalance.
    return Kafka({"group.initial.rebalance.delay.ms": "0"}, DEFAULT_JVM_FLAGS, folder)


def _spawn_kfake(folder: Path) -> Server:
    port = free_port()
    return PlainServer([str(programs.kfake()), "-port", str(port)], f"127.0.0.1:{port}", folder / "kfake.log")


class _MockCluster(PlainServer):
    """The mock cluster, which picks a port itself and prints it."""

    def __init__(self, folder: Path) -> None:
        output = folder / "mock_cluster.log"
        super().__init__([str(programs.mock_cluster())], "", output)
        deadline = time.monotonic() + _READY_WITHIN_S
        while (found := re.search(r"^(\S+:\d+)$", output.read_text(), re.MULTILINE)) is None:
            if not is_running(self.pid) or time.monotonic() > deadline:
                self.kill()
                raise RunFailedError("it did not print its address")
            time.sleep(0.002)
        self._bootstrap = found.group(1)


def librdkafka_version() -> str:
    """Return the version of the library that the tests' client stands on, and the mock cluster is part of."""
    return output_of([str(programs.rdkafka_load()), "version"]).strip()


STAND_INS: Final[dict[str, StandIn]] = {
    stand_in.name: stand_in
    for stand_in in (
        StandIn(
            name="kafka",
            title="Apache Kafka",
            prepare=KINDS["kafka"].prepare,
            spawn=_spawn_kafka,
            version=KINDS["kafka"].version,
        ),
        StandIn(
            name="kfake", title="kfake", prepare=programs.kfake, spawn=_spawn_kfake, version=KINDS["kfake"].version
        ),
        StandIn(
            name="mock-cluster",
            title="librdkafka's mock cluster",
            prepare=programs.mock_cluster,
            spawn=_MockCluster,
            version=librdkafka_version,
        ),
        StandIn(
            name="kafkalite-session",
            title="kafkalite, one a session",
            prepare=lambda: None,
            spawn=None,
            version=KINDS["kafkalite"].version,
        ),
        StandIn(
            name="kafkalite-test",
            title="kafkalite, one a test",
            prepare=lambda: None,
            spawn=None,
            version=KINDS["kafkalite"].version,
        ),
    )
}
"""In the order of the table's columns."""

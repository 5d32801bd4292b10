"""Where a row is measured: one broker of one kind over a scratch folder, started when it is first needed."""

import itertools
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import programs
from benchmarks.brokers import PLAIN, Kind, Server, Setup, spawn_proxy
from benchmarks.processes import RunFailedError, cpu_seconds, is_running, run_client
from kafkalite_conformance.broker import serves_metadata
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.frames import encode_request
from kafkalite_wire.messages.metadata import MetadataRequest

_START_LIMIT_S: Final = 60
_CLIENT_LIMIT_S: Final = 300

_ALL_TOPICS: Final = encode_request(
    APIS[ApiKey.METADATA], 8, 1, "benchmark", MetadataRequest(topics=None, allow_auto_topic_creation=False)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much work a run is: counts of messages, and bytes for the memory row."""

    small_messages: int
    large_messages: int
    consumed_messages: int
    java_messages: int
    acknowledged: int
    flowing: int
    transactions: int
    topics: int
    through_bytes: int


FULL: Final = Scale(
    small_messages=4_000_000,
    large_messages=1_500_000,
    consumed_messages=5_000_000,
    java_messages=3_000_000,
    acknowledged=20_000,
    flowing=5_000,
    transactions=2_000,
    topics=1_000,
    through_bytes=2_500_000_000,
)
QUICK: Final = Scale(
    small_messages=200_000,
    large_messages=50_000,
    consumed_messages=300_000,
    java_messages=100_000,
    acknowledged=1_000,
    flowing=500,
    transactions=100,
    topics=50,
    through_bytes=100_000_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A client's report, and the processor time that the broker used during it."""

    seconds: float
    messages: int
    broker_cpu_s: float

    @property
    def thousands_per_second(self) -> float:
        """The rate in thousands of messages a second."""
        return self.messages / self.seconds / 1e3

    @property
    def cpu_per_million(self) -> float:
        """The broker's processor seconds for a million messages."""
        return self.broker_cpu_s / (self.messages / 1e6)


class Ground:
    """One kind of broker during one row; leave it through `standing_ground`, which ends the broker."""

    def __init__(self, kind: Kind, folder: Path, scale: Scale, setup: Setup = PLAIN) -> None:
        self.kind: Final = kind
        self.setup = setup
        self.scale: Final = scale
        self.run = 0
        """The number of the run, from 0; the uncounted one has it too."""
        self.runs = 1
        self.data_dir = folder
        """Where the broker that was started last has everything of its own."""
        self._folder = folder
        self._numbers = itertools.count()
        self._server: Server | None = None
        self._filled: str | None = None
        self._others: dict[str, Ground] = {}
        self._proxy: Server | None = None

    def beside(self, name: str, setup: Setup) -> "Ground":
        """Return another broker of the kind, with a setup of its own; it ends with this one."""
        if name not in self._others:
            self._others[name] = Ground(self.kind, self._folder / name, self.scale, setup)
        return self._others[name]

    def once(self, prepare: Callable[[str], None]) -> None:
        """Prepare the broker, at its address, unless that has been done."""
        if self._filled is None:
            prepare(self.server.bootstrap)
            self._filled = prepare.__name__

    @property
    def folder(self) -> Path:
        """A folder for what a row needs besides the broker's data."""
        folder = self._folder / f"{self.kind.name}-files"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def proxy(self) -> Server:
        """A proxy in front of the broker, started if it is not."""
        if self._proxy is None:
            self._proxy = proxy = spawn_proxy(self.server.bootstrap, self.data_dir)
            self._wait_for(proxy)
        return self._proxy

    @property
    def server(self) -> Server:
        """The broker, started if it is not."""
        if self._server is None:
            self.start_afresh()
        assert self._server is not None
        return self._server

    def start_afresh(self) -> float:
        """Replace the broker by a new one over an empty folder.

        Returns the seconds from its spawn to the first Metadata reply that names a broker.
        """
        self._end_own()
        self.data_dir = data_dir = self._folder / f"{self.kind.name}-{next(self._numbers)}"
        start = time.perf_counter()
        self._server = self.kind.spawn(data_dir, self.setup)
        self._wait_for(self._server)
        return time.perf_counter() - start

    def _wait_for(self, server: Server) -> None:
        start = time.perf_counter()
        while not serves_metadata(server.bootstrap):
            if time.perf_counter() - start > _START_LIMIT_S:
                raise RunFailedError(f"no Metadata reply within {_START_LIMIT_S} s")
            if not is_running(server.pid):
                raise RunFailedError(f"it ended while starting: {_last_words(self.data_dir)}")
            time.sleep(0.002)

    def end(self) -> None:
        """Kill the broker and those beside it, and remove their data."""
        for other in self._others.values():
            other.end()
        self._others.clear()
        self._end_own()

    def _end_own(self) -> None:
        self._filled = None
        if self._proxy is not None:
            self._proxy.kill()
            self._proxy = None
        if self._server is not None:
            self._server.kill()
            self._server = None
        for data_dir in self._folder.glob(f"{self.kind.name}-*"):
            shutil.rmtree(data_dir, ignore_errors=True)

    def new_topic(self, partitions: int) -> str:
        """Create a topic and return its name once every partition has a leader."""
        name = f"bench-{next(self._numbers)}"
        try:
            admin = AdminClient({"bootstrap.servers": self.server.bootstrap, "log_level": "0"})
            admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                described = admin.list_topics(name, timeout=10).topics[name]
                leaders = [partition.leader for partition in described.partitions.values()]
                if len(leaders) == partitions and min(leaders) >= 0:
                    return name
                time.sleep(0.02)
        except Exception as problem:
            raise RunFailedError(f"topic {name}: {problem}") from problem
        raise RunFailedError(f"topic {name} has no leader after 30 s")

    def filled_topic(self, messages: int, size: int) -> str:
        """Return a topic of one partition that holds this many messages; made once for a broker."""
        if self._filled is None:
            topic = self.new_topic(1)
            self.rdkafka("produce", topic, messages, size)
            self._filled = topic
        return self._filled

    def transactional_topic(self, messages: int, size: int, *, per_transaction: int) -> str:
        """Return a topic of one partition that holds committed transactions; made once for a broker."""
        if self._filled is None:
            topic = self.new_topic(1)
            self.transact(topic, messages // per_transaction, per_transaction, size)
            self._filled = topic
        return self._filled

    def metadata(self, count: int) -> list[float]:
        """Ask for the metadata of all topics, one request at a time; return the times in milliseconds."""
        host, _, port = self.server.bootstrap.rpartition(":")
        times: list[float] = []
        with socket.create_connection((host, int(port)), timeout=_CLIENT_LIMIT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                began = time.perf_counter()
                connection.sendall(_ALL_TOPICS)
                left = int.from_bytes(connection.recv(4, socket.MSG_WAITALL))
                while left:
                    received = len(connection.recv(min(left, 1 << 20)))
                    if not received:
                        raise RunFailedError("the broker closed the connection")
                    left -= received
                times.append((time.perf_counter() - began) * 1e3)
        return times

    def fill_with_topics(self, count: int, partitions: int) -> None:
        """Create many topics, once for a broker."""
        if self._filled is not None:
            return
        admin = AdminClient({"bootstrap.servers": self.server.bootstrap, "log_level": "0"})
        names = [f"bench-{next(self._numbers)}" for _ in range(count)]
        try:
            for start in range(0, count, 100):
                batch = [NewTopic(name, partitions, 1) for name in names[start : start + 100]]
                for created in admin.create_topics(batch).values():
                    created.result(60)
        except Exception as problem:
            raise RunFailedError(f"{count} topics: {problem}") from problem
        self._filled = names[0]

    def rdkafka(
        self,
        what: str,
        topic: str,
        *arguments: str | int,
        bootstrap: str | None = None,
        settings: Mapping[str, str] | None = None,
        of: Server | None = None,
    ) -> Load:
        """Run the librdkafka load client; `of` is the server whose processor time counts, by default the broker."""
        counted = of or self.server
        before = cpu_seconds(counted.pid)
        printed = self._load(what, topic, *arguments, bootstrap=bootstrap, settings=settings)
        spent = cpu_seconds(counted.pid) - before
        return Load(seconds=printed["seconds"], messages=int(printed.get("messages", 0)), broker_cpu_s=spent)

    def paced(self, topic: str, *arguments: int, bootstrap: str | None = None) -> dict[str, float]:
        """Produce and consume at a fixed rate with librdkafka; return quantiles of both latencies in ms."""
        return self._load("rate", topic, *arguments, bootstrap=bootstrap)

    def _load(
        self,
        what: str,
        topic: str,
        *arguments: str | int,
        bootstrap: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> dict[str, float]:
        command = [str(programs.rdkafka_load()), what, bootstrap or self.server.bootstrap, topic, *map(str, arguments)]
        if settings:
            lines = "\n".join(f"{name}={value}" for name, value in settings.items())
            command = ["env", f"LOAD_SETTINGS={lines}", *command]
        printed: dict[str, float] = json.loads(self.client(command))
        return printed

    def transact(self, topic: str, transactions: int, messages: int, size: int) -> dict[str, float]:
        """Commit transactions of so many messages each, one after the other; return seconds, messages and quantiles."""
        command = [str(programs.rdkafka_load()), "transact", self.server.bootstrap, topic]
        printed: dict[str, float] = json.loads(self.client([*command, *map(str, (transactions, messages, size))]))
        return printed

    def wire(self, what: str, topic: str, *arguments: str | int) -> dict[str, float]:
        """Run the raw-socket latency client and return its quantiles in ms."""
        host, _, port = self.server.bootstrap.rpartition(":")
        printed = self.client([str(programs.wire_latency()), what, host, port, topic, *map(str, arguments)])
        quantiles: dict[str, float] = json.loads(printed)
        return quantiles

    def client(self, command: list[str]) -> str:
        """Run a client program; RunFailedError names the broker's end if that was the cause."""
        pid = self.server.pid
        try:
            return run_client(command, timeout=_CLIENT_LIMIT_S)
        except RunFailedError as problem:
            raise RunFailedError(str(problem) if is_running(pid) else f"the broker ended; {problem}") from problem


@contextmanager
def standing_ground(kind: Kind, folder: Path, scale: Scale, setup: Setup = PLAIN) -> Generator[Ground]:
    """Yield the setting of one row, and clean up: processes, files, and pages to be written back."""
    ground = Ground(kind, folder, scale, setup)
    try:
        yield ground
    finally:
        ground.end()
        os.sync()


def _last_words(data_dir: Path) -> str:
    for log in sorted(data_dir.glob("*.log")):
        lines = log.read_text(errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
    return "it printed nothing"

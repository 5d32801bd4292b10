"""The brokers that are measured: each a process on loopback over a data folder of its own."""

import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from benchmarks import programs
from benchmarks.processes import RunFailedError, output_of
from kafkalite_conformance.broker import free_port
from kafkalite_conformance.reference_broker import DEFAULT_JVM_FLAGS, KAFKA_VERSION, Kafka, kafka_jars
from kafkalite_conformance.server_process import ServerProcess

BASELINE: Final = "before"
"""The name of :func:`baseline_kind`."""

KAFKA_PROPERTIES: Final = {"group.initial.rebalance.delay.ms": "3000"}
"""Kafka's own default, which the conformance suite's properties change."""


PLAINTEXT: Final = "PLAINTEXT"
"""The name of the listener that every broker has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a row needs of a broker besides its defaults."""

    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    listeners: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further listeners: security protocols by name."""
    brokers: int = 1


PLAIN: Final = Setup()


class Server(Protocol):
    """A broker process that was started, ready or not."""

    @property
    def bootstrap(self) -> str:
        """Its address, `HOST:PORT`."""
        ...

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address of each listener, by name."""
        ...

    @property
    def pid(self) -> int:
        """The process id of the broker itself."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL: its data is thrown away."""
        ...

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit status."""
        ...


class Spawn(Protocol):
    """Starts a broker over a data folder, and does not wait until it is ready."""

    def __call__(self, data_dir: Path, setup: Setup = PLAIN) -> Server:
        """Start it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of broker."""

    name: str
    title: str
    prepare: Callable[[], object]
    spawn: Spawn
    version: Callable[[], str]


class PlainServer:
    """A broker that one command starts."""

    def __init__(
        self,
        command: Sequence[str],
        bootstrap: str,
        log_file: Path,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._bootstrap = bootstrap
        self._addresses = addresses or {PLAINTEXT: bootstrap}
        with log_file.open("ab") as log:
            self._process = ServerProcess(command, stdout=log, stderr=log)

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return self._bootstrap

    @property
    def addresses(self) -> Mapping[str, str]:
        """The addresses of its listeners."""
        return self._addresses

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()

    def stop(self) -> int:
        """Stop it with SIGTERM; killed after 20 s."""
        return self._process.terminate(timeout=20)


def spawn_kafkalite(data_dir: Path, setup: Setup = PLAIN, *, python: Sequence[str] = (sys.executable,)) -> Server:
    """Start kafkalite as a user would; `python` may hold a profiler's words after the interpreter."""
    protocols = {PLAINTEXT: PLAINTEXT, **setup.listeners}
    addresses = {name: f"127.0.0.1:{free_port()}" for name in protocols}
    serve = ["-m", "kafkalite", "serve", "--data", str(data_dir / "data")]
    if setup is PLAIN:
        serve += ["--listen", addresses[PLAINTEXT]]
    else:
        settings = {
            "listeners": ",".join(f"{name}://{address}" for name, address in addresses.items()),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            **setup.properties,
        }
        serve += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        serve += ["--brokers", str(setup.brokers)]
    return PlainServer([*python, *serve], addresses[PLAINTEXT], data_dir / "kafkalite.log", addresses)


def spawn_proxy(upstream: str, folder: Path) -> Server:
    """Start `kafkalite proxy` in front of a broker."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "kafkalite", "proxy", "--upstream", upstream, "--listen", address]
    return PlainServer(command, address, folder / "proxy.log")


def baseline_kind(checkout: Path) -> Kind:
    """Return another checkout of kafkalite as a kind of broker, run by its own `.venv`, to compare two versions."""
    # -P: without it, `-m` would find the package in the working directory first.
    python = (str(checkout / ".venv" / "bin" / "python"), "-P")
    return Kind(
        name=BASELINE,
        title="kafkalite before",
        prepare=lambda: None,
        spawn=partial(spawn_kafkalite, python=python),
        version=lambda: output_of(["git", "describe", "--always", "--dirty"], folder=checkout).strip(),
    )


def _spawn_kafka(data_dir: Path, setup: Setup = PLAIN) -> Server:
    if setup.brokers != 1:
        raise RunFailedError("several brokers of Kafka are not measured")
    return Kafka({**KAFKA_PROPERTIES, **setup.properties}, DEFAULT_JVM_FLAGS, data_dir, listeners=setup.listeners)


def _spawn_kfake(data_dir: Path, setup: Setup = PLAIN) -> Server:
    if setup is not PLAIN:
        raise RunFailedError("it is measured as it is only")
    port = free_port()
    command = [str(programs.kfake()), "-port", str(port), "-data", str(data_dir / "data")]
    return PlainServer(command, f"127.0.0.1:{port}", data_dir / "kfake.log")


def _prepare_kafka() -> None:
    if shutil.which("java") is None:
        raise programs.MissingToolError("a JDK is not installed")
    if shutil.which("mvn") is None:
        raise programs.MissingToolError("Maven is not installed")
    kafka_jars()


def _kafkalite_version() -> str:
    shown = output_of([sys.executable, "-m", "kafkalite", "--version"]).split()
    commit = output_of(["git", "describe", "--always", "--dirty"], folder=programs.SOURCES).strip()
    python = sys.version.split()[0]
    return f"{shown[-1] if shown else '?'}{f' ({commit})' if commit else ''}, Python {python}"


def _kafka_version() -> str:
    java = re.search(r'version "([^"]+)"', output_of(["java", "-version"]))
    return f"{KAFKA_VERSION}, Java {java.group(1) if java else '?'}, {' '.join(DEFAULT_JVM_FLAGS[:2])}, G1"


def _kfake_version() -> str:
    go = output_of(["go", "version"]).split()
    return f"{programs.kfake_version()}, {go[2] if len(go) > 2 else 'Go'}"


KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            name="kafka",
            title=f"Kafka {KAFKA_VERSION}",
            prepare=_prepare_kafka,
            spawn=_spawn_kafka,
            version=_kafka_version,
        ),
        Kind(
            name="kfake",
            title="kfake with a data directory",
            prepare=programs.kfake,
            spawn=_spawn_kfake,
            version=_kfake_version,
        ),
        Kind(
            name="kafkalite",
            title="kafkalite",
            prepare=lambda: None,
            spawn=spawn_kafkalite,
            version=_kafkalite_version,
        ),
    )
}
"""In the order of the table's columns."""

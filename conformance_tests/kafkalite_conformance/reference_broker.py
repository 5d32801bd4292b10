"""Apache Kafka itself, started on loopback for as long as a `with` block lasts.

Its jars come from Maven Central once and stay in the cache folder, keyed by version. Where there is no JDK but a
container engine, the official image serves instead (`kafka_image`).
"""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import free_port, wait_until_ready
from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.downloading import download
from kafkalite_conformance.server_process import ServerProcess

KAFKA_VERSION: Final = "4.4.0"
KAFKA_TOOLS_VERSION: Final = "4.4.0"
KAFKA_CONNECT_VERSION: Final = "4.3.1"
"""The newest Connect of which all parts resolve."""
_LOG4J_VERSION: Final = "2.25.5"
LOG4J: Final = (
    ("org.apache.logging.log4j", "log4j-slf4j-impl", _LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-1.2-api", _LOG4J_VERSION),
)
"""The artifacts that make Kafka's programs print what they log."""
_ATTEMPTS: Final = 3
_FIRST_ATTEMPTS_TIMEOUT: Final = 60.0
_CLUSTER_ID: Final = "a2Fma2FsaXRlLWp1ZGdlMQ"

CONFORMANCE_JVM_FLAGS: Final = ("-Xmx768M", "-Xms256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Quick to start, slow at the top: for the suite, never for a benchmark."""

DEFAULT_JVM_FLAGS: Final = (
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)
"""What Kafka's own start script passes."""

BASE_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "true",
}


_PATIENT: Final = {"initial.broker.registration.timeout.ms": "300000"}
"""A broker of a cluster waits for a controller longer than a minute, because all of them may be starting."""


class Kafka:
    """A running Apache Kafka node."""

    def __init__(
        self,
        properties: Mapping[str, str],
        jvm_flags: Sequence[str],
        data_dir: Path,
        *,
        archive: Path | None = None,
        listeners: Mapping[str, str] | None = None,
        node_id: int = 1,
        quorum: str | None = None,
        controller_port: int | None = None,
    ) -> None:
        """`quorum` names the controllers; without it the node is its own. One of several has a `controller_port`."""
        port = free_port()
        if quorum is None:
            controller_port = free_port()
            quorum = f"{node_id}@127.0.0.1:{controller_port}"
        self.quorum: Final = quorum
        self.bootstrap: Final = f"127.0.0.1:{port}"
        protocols = listeners or {}
        self.addresses: Final[Mapping[str, str]] = {
            "PLAINTEXT": self.bootstrap,
            **{name: f"127.0.0.1:{free_port()}" for name in protocols},
        }
        """The address of each listener of clients, by name."""
        opened = ",".join(f"{name}://{address}" for name, address in self.addresses.items())
        protocol_map = [BASE_PROPERTIES["listener.security.protocol.map"]]
        protocol_map += [f"{name}:{protocol}" for name, protocol in protocols.items()]
        self._folder = data_dir
        self._jvm_flags = (*jvm_flags, *([f"-XX:SharedArchiveFile={archive}", "-Xshare:auto"] if archive else []))
        settings = {
            **BASE_PROPERTIES,
            "node.id": str(node_id),
            "process.roles": "broker,controller" if controller_port else "broker",
            "controller.quorum.voters": quorum,
            "listeners": f"{opened},CONTROLLER://127.0.0.1:{controller_port}" if controller_port else opened,
            "listener.security.protocol.map": ",".join(protocol_map),
            "advertised.listeners": opened,
            "log.dirs": str(data_dir / "logs"),
            **properties,
        }
        data_dir.mkdir(parents=True, exist_ok=True)
        self._properties = data_dir / "server.properties"
        self._properties.write_text("".join(f"{key}={_escaped(value)}\n" for key, value in settings.items()))
        (data_dir / "log4j2.properties").write_text(LOG4J_CONFIGURATION)
        if not (data_dir / "logs" / "meta.properties").exists():
            self._format(data_dir / "logs")
            _set_node_id(data_dir / "logs" / "meta.properties", node_id)
        self._process = self._spawn()

    @property
    def pid(self) -> int:
        """The process id of the JVM."""
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """What the node printed."""
        return self._folder / "kafka.log"

    def stop(self) -> int:
        """Stop the node with SIGTERM; killed after 60 s."""
        return self._process.terminate(timeout=60)

    def kill(self) -> None:
        """End the node with SIGKILL."""
        self._process.kill()

    def close(self) -> None:
        """End it for good."""
        self.kill()

    def start_again(self) -> None:
        """Start on the same data and ports, and wait until it is ready."""
        self.spawn_again()
        self.wait_until_ready()

    def spawn_again(self) -> None:
        """Start on the same data and ports; :meth:`wait_until_ready` waits."""
        self._process = self._spawn()

    def wait_until_ready(self, timeout: float = 120) -> None:
        """Wait until Metadata is answered with a broker; kill the node and raise RuntimeError if it is not in time."""
        try:
            wait_until_ready(self.bootstrap, timeout=timeout, alive=self._process)
        except Exception as problem:
            self.kill()
            tail = self.log_file.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"Kafka did not become ready: {problem}\n{tail}") from problem

    def _spawn(self) -> ServerProcess:
        with self.log_file.open("ab") as log:
            return ServerProcess(
                [*self._java(), "kafka.Kafka", str(self._properties)], stdout=log, stderr=log, folder=self._folder
            )

    def _java(self) -> list[str]:
        configuration = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return ["java", *self._jvm_flags, configuration, "-cp", class_path(kafka_jars())]

    def _format(self, logs: Path) -> None:
        """Format the log folder with Kafka's own tool once, and copy it from the cache afterwards."""
        cached = cache_folder() / f"kafka-{KAFKA_VERSION}" / "formatted"
        with one_at_a_time(cached.parent):
            if not (cached / "meta.properties").exists():
                tool = [
                    *self._java(),
                    "kafka.tools.StorageTool",
                    "format",
                    "-t",
                    _CLUSTER_ID,
                    "-c",
                    str(self._properties),
                ]
                subprocess.run(tool, check=True, capture_output=True)
                shutil.copytree(logs, cached, dirs_exist_ok=True)
                return
        shutil.copytree(cached, logs)


@contextmanager
def start_kafka(
    properties: Mapping[str, str] | None = None,
    *,
    jvm_flags: Sequence[str] | None = None,
    data_dir: Path | None = None,
    listeners: Mapping[str, str] | None = None,
    system_properties: Mapping[str, str] | None = None,
) -> Generator[Kafka]:
    """Run one Kafka node until the block ends.

    `with start_kafka({...}) as kafka:` gives `kafka.bootstrap` and `kafka.pid`. `properties` override the defaults of
    `BASE_PROPERTIES`. `jvm_flags` defaults to what Kafka's own script passes; conformance passes
    `CONFORMANCE_JVM_FLAGS`, which also turns the class-data archive on. `listeners` are further listeners, their
    security protocols by name; `kafka.addresses` says where they are. `system_properties` are Java's. Without
    `data_dir` the data goes to a temporary folder which is removed afterwards. RuntimeError if the node does not become
    ready.
    """
    flags = tuple(DEFAULT_JVM_FLAGS if jvm_flags is None else jvm_flags)
    archive = class_data_archive() if flags == CONFORMANCE_JVM_FLAGS else None
    flags = (*flags, *(f"-D{name}={value}" for name, value in (system_properties or {}).items()))
    with tempfile.TemporaryDirectory(prefix="kafka-") as temporary:
        folder = data_dir or Path(temporary)
        kafka = start_until_ready(lambda: Kafka(properties or {}, flags, folder, archive=archive, listeners=listeners))
        try:
            yield kafka
        finally:
            kafka.kill()


@contextmanager
def start_kafka_cluster(
    brokers: int, properties: Mapping[str, str] | None = None, *, racks: Sequence[str] = (), voters: int = 1
) -> Generator[list[Kafka]]:
    """Run several Kafka brokers until the block ends; the first `voters` of them are controllers, too.

    `properties` are those of all brokers; `racks` is empty or one for each. RuntimeError if one does not become ready.
    """
    archive = class_data_archive()
    controller_ports = [free_port() for _ in range(voters)]
    quorum = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controller_ports, 1))
    with tempfile.TemporaryDirectory(prefix="kafka-cluster-") as temporary, ExitStack() as stack:
        nodes: list[Kafka] = []
        for number in range(brokers):
            settings = {**_PATIENT, **(properties or {}), **({"broker.rack": racks[number]} if racks else {})}
            node = Kafka(
                settings,
                CONFORMANCE_JVM_FLAGS,
                Path(temporary, str(number)),
                archive=archive,
                node_id=number + 1,
                quorum=quorum,
                controller_port=controller_ports[number] if number < voters else None,
            )
            stack.callback(node.kill)
            nodes.append(node)
        for node in nodes:
            node.wait_until_ready()
        yield nodes


def _set_node_id(meta: Path, node_id: int) -> None:
    """Make the folder, a copy of a formatted one, that of another node."""
    lines = [each for each in meta.read_text().splitlines() if not each.startswith(("node.id=", "directory.id="))]
    directory_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    meta.write_text("\n".join([*lines, f"node.id={node_id}", f"directory.id={directory_id}", ""]))


def start_until_ready(start: Callable[[], Kafka]) -> Kafka:
    """Start a node and wait until it is ready; start it again, on other ports, if it is not.

    Another process may take one of the ports between the search for a free one and Kafka's bind. The node then ends, or
    cannot register with its controller.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            kafka = start()
            kafka.wait_until_ready(timeout=_FIRST_ATTEMPTS_TIMEOUT)
        except RuntimeError as error:
            print(f"starting Kafka again, on other ports: {error}", file=sys.stderr)
        else:
            return kafka
    kafka = start()
    kafka.wait_until_ready()
    return kafka


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars, downloading them through Maven when the cache has none."""
    return maven_jars(f"kafka-{KAFKA_VERSION}", ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION), *LOG4J)


def kafka_tools_jars() -> Path:
    """Return the folder of Kafka's command-line tools, which want the jars of their own version beside them."""
    return maven_jars(
        f"kafka-tools-{KAFKA_TOOLS_VERSION}",
        ("org.apache.kafka", "kafka-tools", KAFKA_TOOLS_VERSION),
        *LOG4J,
    )


def maven_jars(name: str, *artifacts: tuple[str, str, str]) -> Path:
    """Return a folder in the cache that holds artifacts (group, name, version) and what they need at run time.

    The first call downloads them. FileNotFoundError without Maven, CalledProcessError where it fails.
    """
    home = cache_folder() / name
    jars = home / "libs"
    if jars.exists():
        return jars
    with one_at_a_time(home):
        if jars.exists():
            return jars
        partial = home / "libs.partial"
        (home / "pom.xml").write_text(_pom(artifacts))
        download(
            [
                "mvn",
                "-q",
                "-B",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={partial}",
            ],
            folder=home,
        ).check_returncode()
        partial.rename(jars)
    return jars


def maven_archive(name: str, coordinates: str) -> Path:
    """Return a folder in the cache with the content of an archive (`group:name:version:type:classifier`).

    The first call downloads it. FileNotFoundError without Maven, CalledProcessError where it fails.
    """
    home = cache_folder() / name
    content = home / "content"
    with one_at_a_time(home):
        if not content.exists():
            partial = home / "content.partial"
            unpack = ["mvn", "-q", "-B", "dependency:unpack", f"-Dartifact={coordinates}"]
            download([*unpack, f"-DoutputDirectory={partial}"], folder=home).check_returncode()
            partial.rename(content)
    return content


def class_path(jars: Path) -> str:
    """Return a class path in a fixed order, because a class-data archive is valid for exactly one order."""
    return os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))


def class_data_archive() -> Path:
    """Return the class-data archive that halves Kafka's start; the first call makes it by one start and stop."""
    home = cache_folder() / f"kafka-{KAFKA_VERSION}"
    archive = home / f"kafka-{java_build()}.jsa"
    if archive.exists():
        return archive
    kafka_jars()
    # A lock of its own: starting Kafka takes the one of its home.
    with one_at_a_time(home / "class-data"), tempfile.TemporaryDirectory(prefix="kafka-") as temporary:
        if archive.exists():
            return archive
        partial = Path(temporary) / "kafka.jsa"
        flags = (*CONFORMANCE_JVM_FLAGS, f"-XX:ArchiveClassesAtExit={partial}")
        kafka = Kafka({}, flags, Path(temporary) / "node")
        try:
            kafka.wait_until_ready()
        finally:
            kafka.stop()
        if partial.exists():
            shutil.copy(partial, archive.with_suffix(".partial"))
            archive.with_suffix(".partial").rename(archive)
    return archive


def java_build() -> str:
    """Return the version of the `java` on the path, as a word for a file name. FileNotFoundError without one."""
    shown = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr
    return "".join(letter if letter.isalnum() else "-" for letter in shown.splitlines()[1])


def _pom(artifacts: Sequence[tuple[str, str, str]]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        for group, artifact, version in artifacts
    )
    # Maven insists on this namespace; it is a name, not an address that anything contacts.
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>kafkalite</groupId><artifactId>jars</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _escaped(value: str) -> str:
    """Escape a value of a file of properties, which is Latin-1."""
    return "".join(
        "\\\\" if letter == "\\" else letter if letter.isascii() else f"\\u{ord(letter):04x}" for letter in value
    )


LOG4J_CONFIGURATION: Final = """\
status = off
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
"""
"""Warnings and errors on standard output."""

"""Makes each driver runnable: compiles once into the cache folder, keyed by what it was made from."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.downloading import download
from kafkalite_conformance.reference_broker import class_path, java_build, kafka_jars

SOURCES: Final = Path(__file__).parent
_PACKAGE_PARENT: Final = Path(__file__).parents[2]


class MissingToolError(Exception):
    """A client cannot run here, because something that it needs is not installed."""


@dataclass(frozen=True, slots=True)
class Program:
    """How to run a driver; the broker's address is appended."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def java() -> Program:
    """Compile the Java driver against the broker's own jars."""
    _need("java", "a JDK")
    _need("javac", "a JDK")
    jars = kafka_jars()
    # Without log4j: the clients then log nowhere, and start sooner.
    libraries = [jar for jar in sorted(jars.glob("*.jar")) if jar.name.split("-")[0] in _JAVA_DRIVER_LIBRARIES]
    source = SOURCES / "java" / "Driver.java"
    folder = _folder("java", [source], java_build())
    jar, archive = folder / "driver.jar", folder / "driver.jsa"
    path = os.pathsep.join(map(str, [jar, *libraries]))
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256M"]
    with one_at_a_time(folder):
        if not jar.exists():
            with tempfile.TemporaryDirectory() as classes:
                _run(["javac", "-d", classes, "-cp", class_path(jars), str(source)])
                _run(["jar", "--create", "--file", str(jar), "-C", classes, "."])
            training = [
                "java",
                *flags,
                f"-XX:ArchiveClassesAtExit={archive}",
                "-cp",
                path,
                "Driver",
                "127.0.0.1:9",
                "--train",
            ]
            subprocess.run(training, input=b"", capture_output=True, check=False, timeout=300)
    if archive.exists():
        flags.append(f"-XX:SharedArchiveFile={archive}")
    return Program(["java", *flags, "-cp", path, "Driver"])


_JAVA_DRIVER_LIBRARIES: Final = frozenset({"kafka", "jackson", "lz4", "snappy", "zstd", "slf4j"})


def kafka_python() -> Program:
    """Run the kafka-python driver."""
    return _python_driver("kafka_python_driver", "kafka", "kafka-python")


def confluent() -> Program:
    """Run the driver of librdkafka."""
    return _python_driver("confluent_driver", "confluent_kafka", "confluent-kafka")


def aiokafka() -> Program:
    """Run the aiokafka driver."""
    return _python_driver("aiokafka_driver", "aiokafka", "aiokafka")


def kcat() -> Program:
    """Run the driver that translates for kcat."""
    _need("kcat", "kcat")
    return _python_driver("kcat_driver", "json", "kcat")


def franz_go() -> Program:
    """Compile the franz-go driver."""
    return _go_driver("go-franz")


def sarama() -> Program:
    """Compile the sarama driver."""
    return _go_driver("go-sarama")


def kafkajs() -> Program:
    """Install kafkajs beside a copy of its driver."""
    _need("node", "Node.js")
    _need("npm", "npm")
    sources = [SOURCES / "kafkajs" / name for name in ("driver.js", "package.json", "package-lock.json")]
    folder = _folder("kafkajs", sources, "")
    with one_at_a_time(folder):
        if not (folder / "installed").exists():
            for source in sources:
                shutil.copy(source, folder)
            install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            _check(install, download(install, folder=folder))
            (folder / "installed").touch()
    return Program(["node", str(folder / "driver.js")], {"KAFKAJS_NO_PARTITIONER_WARNING": "1"})


def _go_driver(name: str) -> Program:
    return go_program(name, name, [SOURCES / "go-dialogue" / "dialogue.go", SOURCES / name / "main.go"])


def go_program(name: str, driver: str, sources: Sequence[Path]) -> Program:
    """Compile Go sources with the modules of a driver, such as `go-franz`; `name` is that of a folder in the cache."""
    _need("go", "Go")
    sources = [*sources, SOURCES / driver / "go.mod", SOURCES / driver / "go.sum"]
    folder = _folder(name, sources, "")
    program = folder / "driver"
    with one_at_a_time(folder):
        if not program.exists():
            # Built from a copy: the package may be installed where nothing can be written.
            for source in sources:
                shutil.copy(source, folder)
            build = ["go", "build", "-o", str(folder / "driver.partial"), "."]
            _check(build, download(build, folder=folder))
            (folder / "driver.partial").rename(program)
    return Program([str(program)])


def _python_driver(module: str, client_module: str, client: str) -> Program:
    if importlib.util.find_spec(client_module) is None:
        raise MissingToolError(f"{client} is not installed")
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
    return Program(
        [sys.executable, "-W", "ignore", "-m", f"kafkalite_conformance.drivers.python.{module}"], {"PYTHONPATH": path}
    )


def _need(program: str, what: str) -> None:
    if shutil.which(program) is None:
        raise MissingToolError(f"{what} is not installed: no `{program}` on the path")


def _folder(name: str, sources: Sequence[Path], key: str) -> Path:
    digest = hashlib.sha256(key.encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = cache_folder() / "drivers" / f"{name}-{digest.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(command: Sequence[str], *, folder: Path | None = None) -> None:
    _check(command, subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False))


def _check(command: Sequence[str], finished: "subprocess.CompletedProcess[str]") -> None:
    if finished.returncode != 0:
        raise MissingToolError(f"`{' '.join(command)}` failed:\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}")

"""The client programs, compiled once into the user's cache folder."""

import hashlib
import importlib.util
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kafkalite_conformance.cache_folder import cache_folder, one_at_a_time
from kafkalite_conformance.reference_broker import class_path, kafka_tools_jars

SOURCES: Final = Path(__file__).parent
"""The newest release of the tools that Maven Central holds; 4.4.0's were not published."""


class MissingToolError(Exception):
    """Something that a row or a peer needs is not installed here."""


def wire_latency() -> Path:
    """Compile the raw-socket latency client."""
    return _compiled("wire_latency", ["wire_latency.c", "wire.h"], [])


def wire_commits() -> Path:
    """Compile the raw-socket client that counts acknowledged requests."""
    return _compiled("wire_commits", ["wire_commits.c", "wire.h"], [])


def bare_disk() -> Path:
    """Compile the loops of checksums, writes and syncs against the library inside the google-crc32c wheel."""
    library = _library_of("google_crc32c", "libcrc32c-*.so*")
    return _compiled("bare_disk", ["bare_disk.c"], [str(library), f"-Wl,-rpath,{library.parent}"])


def rdkafka_load() -> Path:
    """Compile the librdkafka load client against the library inside the confluent-kafka wheel."""
    library = librdkafka()
    return _compiled(
        "rdkafka_load", ["rdkafka_load.c", "rdkafka_api.h"], [str(library), f"-Wl,-rpath,{library.parent}"]
    )


def mock_cluster() -> Path:
    """Compile the server around librdkafka's mock cluster, of the library inside the confluent-kafka wheel."""
    library = librdkafka()
    return _compiled(
        "mock_cluster", ["mock_cluster.c", "rdkafka_api.h"], [str(library), f"-Wl,-rpath,{library.parent}"]
    )


def librdkafka() -> Path:
    """Find the shared library that confluent-kafka's wheel carries."""
    return _library_of("confluent_kafka", "librdkafka-*.so*")


def producer_performance() -> list[str]:
    """Return the command of Kafka's own ProducerPerformance, with the memory that its script gives it."""
    _need("java", "a JDK")
    _need("mvn", "Maven")
    classes = class_path(kafka_tools_jars())
    return ["java", "-Xmx512M", "-server", "-XX:+UseG1GC", "-cp", classes, "org.apache.kafka.tools.ProducerPerformance"]


def kfake() -> Path:
    """Compile the server around franz-go's fake cluster."""
    _need("go", "Go")
    sources = [SOURCES / "kfake" / name for name in ("main.go", "go.mod", "go.sum")]
    folder = _folder("kfake", sources, "")
    program = folder / "kfake"
    with one_at_a_time(folder):
        if not program.exists():
            # Built from a copy, so that the checkout stays as it is.
            for source in sources:
                shutil.copy(source, folder)
            _run(["go", "build", "-o", str(folder / "kfake.partial"), "."], folder=folder)
            (folder / "kfake.partial").rename(program)
    return program


def kfake_version() -> str:
    """Return the version of kfake that go.mod asks for."""
    for line in (SOURCES / "kfake" / "go.mod").read_text().splitlines():
        words = line.removeprefix("require").split()
        if len(words) > 1 and words[0].endswith("/kfake") and words[1].startswith("v"):
            return words[1]
    return "unknown"


def _library_of(package: str, pattern: str) -> Path:
    """Find a shared library that a package's wheel carries."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise MissingToolError(f"{package} is not installed")
    libraries = sorted((Path(found.origin).parents[1] / f"{package}.libs").glob(pattern))
    if not libraries:
        raise MissingToolError(f"the installed {package} carries no {pattern} of its own")
    return libraries[0]


def _compiled(name: str, files: Sequence[str], arguments: Sequence[str]) -> Path:
    _need("gcc", "a C compiler")
    sources = [SOURCES / "clients" / file for file in files]
    folder = _folder(name, sources, " ".join(arguments) + platform.machine())
    program = folder / name
    with one_at_a_time(folder):
        if not program.exists():
            partial = folder / f"{name}.partial"
            _run(["gcc", "-O2", "-pthread", "-o", str(partial), str(sources[0]), *arguments])
            partial.rename(program)
    return program


def _folder(name: str, sources: Sequence[Path], key: str) -> Path:
    digest = hashlib.sha256(key.encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = cache_folder() / "benchmarks" / f"{name}-{digest.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _need(program: str, what: str) -> None:
    if shutil.which(program) is None:
        raise MissingToolError(f"{what} is not installed: no `{program}` on the path")


def _run(command: Sequence[str], *, folder: Path | None = None) -> None:
    with tempfile.TemporaryFile("w+") as output:
        try:
            status = subprocess.run(
                command, cwd=folder, stdout=output, stderr=output, check=False, timeout=600
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
        output.seek(0)
        if status != 0:
            raise MissingToolError(f"`{command[0]}` could not build {command[-1]}:\n{output.read()[-2000:]}")

"""The address that the broker advertises: on this machine, in another container, and for compose."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kafkalite_conformance
from kafkalite.client.connection import open_connection
from kafkalite.testing import connect
from kafkalite_conformance.broker import free_port
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from tests.support.container_engine import Engine, Run, Running

ROOT = Path(__file__).parents[2]
SCENARIOS = ("test_records.py", "test_groups.py")
SUITE = ("-m", "kafkalite_conformance", "--reruns", "1", "--bootstrap")
LIBRARIES = ("pytest", "pytest-trio", "pytest-rerunfailures", "confluent-kafka")
"""What the conformance suite needs and the image does not have."""

TALK = """
import sys
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=sys.argv[1])
producer.send("orders", b"from a container").get(60)
consumer = KafkaConsumer("orders", bootstrap_servers=sys.argv[1], group_id="g", auto_offset_reset="earliest")
print(next(iter(consumer)).value.decode(), sorted((b.host, b.port) for b in consumer._manager.cluster.brokers()))
"""


def told(address: tuple[str, int]) -> str:
    """Ask a broker where it is, as a client does."""
    with open_connection(address, timeout=60) as connection:
        (broker,) = connection.call(MetadataRequest(topics=()), 1, MetadataResponse).brokers
    return f"{broker.host}:{broker.port}"


@pytest.fixture
def networked(network: str, run: Run) -> Running:
    """A broker that other containers know as `kafka`."""
    session = "KAFKALITE_SET_GROUP_MIN_SESSION_TIMEOUT_MS=1000"
    return run("--network", network, "--network-alias", "kafka", "--env", session)


@pytest.fixture
def talk(engine: Engine, image: str) -> Callable[[str], str]:
    """Produce and consume in a container of a network, and return what that printed."""

    def talk(network: str) -> str:
        run = ("run", "--rm", "--network", network, "--entrypoint", "python3")
        return engine(*run, image, "-c", TALK, "kafka:9092").strip()

    return talk


def test_without_a_word_the_address_on_this_machine_is_that_of_the_usual_port(run: Run) -> None:
    assert told(run().address) == "127.0.0.1:9092"


def test_a_port_that_is_known_before_is_told_through_the_environment(run: Run) -> None:
    assert told(run("--env", "KAFKALITE_ADVERTISE_OUTSIDE=localhost:19092").address) == "localhost:19092"


def test_a_port_that_is_known_after_the_start_is_told_by_a_command_and_until_a_restart(run: Run) -> None:
    broker = run()
    assert told(broker.address) == "127.0.0.1:9092"
    assert broker.advertise() == told(broker.address) == broker.bootstrap
    broker.engine("stop", broker.name)
    broker.engine("start", broker.name)
    broker.exec("kafkalite", "ready")
    assert told(broker.address) == "127.0.0.1:9092"


def test_one_address_for_everybody_wins(run: Run) -> None:
    assert told(run("--env", "KAFKALITE_ADVERTISE=broker.test:9093").address) == "broker.test:9093"


def test_this_machine_and_another_container_use_the_broker_at_once(
    networked: Running, network: str, talk: Callable[[str], str]
) -> None:
    with connect(networked.advertise()) as handle:
        handle.topics.create("orders")
        here = networked.engine.inspect(networked.name)["NetworkSettings"]["Networks"][network]["IPAddress"]
        assert talk(network) == f"from a container [('{here}', 9092)]"
        assert [record.text for record in handle.consume("orders")] == ["from a container"]
    assert told(networked.address) == networked.bootstrap


def test_client_scenarios_hold_from_this_machine(networked: Running) -> None:
    folder = Path(kafkalite_conformance.__file__).parent
    done = subprocess.run(
        [sys.executable, *SUITE, networked.advertise(), "-n", "0", "--clients", "librdkafka", "-k", "not java"]
        + [str(folder / name) for name in SCENARIOS],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def libraries(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Python libraries for the Python of the image."""
    folder = tmp_path_factory.mktemp("libraries")
    tell = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = engine("run", "--rm", "--entrypoint", "python3", image, "-c", tell).strip()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--target", str(folder)]
    subprocess.run([*pip, "--only-binary", ":all:", "--python-version", version, *LIBRARIES], check=True, timeout=600)
    folder.chmod(0o755)
    return folder


def test_client_scenarios_hold_from_another_container(
    engine: Engine, image: str, networked: Running, network: str, libraries: Path
) -> None:
    tell = "import kafkalite_conformance as suite; print(suite.__path__[0])"
    folder = networked.exec("python3", "-c", tell).strip()
    played = engine(
        *("run", "--rm", "--network", network, "--volume", f"{libraries}:/libraries:ro"),
        *("--env", "PYTHONPATH=/libraries", "--env", "HOME=/tmp", "--env", "CI=true"),
        *("--entrypoint", "python3", image, *SUITE, "kafka:9092", "--clients", "librdkafka", "-k", "not java"),
        *(f"{folder}/{name}" for name in SCENARIOS),
        timeout=600,
    )
    assert re.search(r"^[.] [+] [.] [.] .* a crash hands the partition to the standby$", played, re.MULTILINE), played


@pytest.fixture
def composed(engine: Engine, image: str) -> Iterator[tuple[str, str]]:
    """The project of docker/compose.yaml, on a port that is free."""
    port = free_port()
    environment = {**os.environ, "KAFKALITE_IMAGE": image, "KAFKA_PORT": str(port)}
    program = ["docker", "compose"] if engine.program == "docker" else [sys.executable, "-m", "podman_compose"]
    project = f"kafkalite-test-{port}"
    compose = [*program, "--project-name", project, "--file", str(ROOT / "docker" / "compose.yaml")]
    subprocess.run([*compose, "up", "--detach"], env=environment, check=True, timeout=300, capture_output=True)
    yield f"127.0.0.1:{port}", project
    subprocess.run([*compose, "down", "--volumes"], env=environment, check=True, timeout=300, capture_output=True)


def test_compose_serves_this_machine_and_its_services(composed: tuple[str, str], talk: Callable[[str], str]) -> None:
    bootstrap, project = composed
    subprocess.run([sys.executable, "-m", "kafkalite", "ready", bootstrap], check=True, timeout=60)
    with connect(bootstrap) as handle:
        partitions = {name: handle.topics[name].partitions for name in handle.topics}
        assert partitions == {"clicks": 6, "orders": 3, "prices": 1}
        assert [record.text for record in handle.records("prices")] == ["0.40", "0.55"]
        assert talk(f"{project}_default").startswith("from a container")
        assert [record.text for record in handle.consume("orders")] == ["from a container"]

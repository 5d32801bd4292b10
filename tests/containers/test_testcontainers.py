"""KafkaliteContainer, and the tests of a user on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.usefixtures("image")


def python(*arguments: str, settings: dict[str, str], cwd: Path) -> str:
    """Run Python as a stranger's project does, with the engine in the environment; return what it prints."""
    environment = {**os.environ, **settings}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_container_has_its_topics_properties_and_init_folder(docker_host: dict[str, str], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "init.d").mkdir()
    (tmp_path / "init.d" / "shop.toml").write_text('[topics.prices]\nrecords = [{ value = "1.20" }]\n')
    program = """
        from kafkalite.testing import connect
        from kafkalite.testing.container import KafkaliteContainer

        kafka = KafkaliteContainer().with_topics({"orders": 3, "a.b": 1}).with_properties({"num.partitions": 4})
        with kafka.with_init_folder("init.d"), connect(kafka.get_bootstrap_server()) as handle:
            partitions = {name: handle.topics[name].partitions for name in handle.topics}
            assert partitions == {"a.b": 1, "orders": 3, "prices": 4}
            handle.produce("orders", "one")  # on a connection to where the broker says that it is
            assert handle.records("prices")[0].text == "1.20"
            print("done")
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    assert python("-c", lines, settings=docker_host, cwd=tmp_path).endswith("done\n")


def test_a_proxy_in_a_container_stands_before_another_container(docker_host: dict[str, str], tmp_path: Path) -> None:
    program = """
        from confluent_kafka import Producer
        from kafkalite.testing.container import KafkaliteContainer
        from kafkalite.testing.proxy_container import KafkaliteProxyContainer
        from testcontainers.core.network import Network

        with Network() as network:
            kafka = KafkaliteContainer().with_network(network).with_network_aliases("kafka")
            with kafka, KafkaliteProxyContainer("kafka:9092").with_network(network) as proxy:
                producer = Producer({"bootstrap.servers": proxy.get_bootstrap_server()})
                producer.produce("orders", b"one")
                assert producer.flush(60) == 0
                print("done")
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    assert python("-c", lines, settings=docker_host, cwd=tmp_path).endswith("done\n")


def test_a_container_can_be_secured(docker_host: dict[str, str], tmp_path: Path) -> None:
    program = """
        from confluent_kafka import Producer
        from kafkalite.testing.container import KafkaliteContainer

        with KafkaliteContainer().with_security("sasl_ssl") as kafka:
            producer = Producer(kafka.client_config("confluent", mechanism="SCRAM-SHA-256"))
            producer.produce("orders", b"one")
            assert producer.flush(60) == 0
            assert kafka.get_wrapped_container().exec_run("kafkalite ready 127.0.0.1:9092 --timeout 20").exit_code == 0
            print("done")
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    assert python("-c", lines, settings=docker_host, cwd=tmp_path).endswith("done\n")


def test_a_container_has_three_brokers(docker_host: dict[str, str], tmp_path: Path) -> None:
    program = """
        from confluent_kafka import Consumer, Producer
        from kafkalite.testing import connect
        from kafkalite.testing.container import KafkaliteContainer

        def write(value):
            for partition in range(3):
                producer.produce("orders", value, partition=partition)
            assert producer.flush(60) == 0

        with KafkaliteContainer().with_brokers(3).with_topics({"orders": 3}).with_controls() as kafka:
            bootstrap = kafka.get_bootstrap_server()
            assert len(bootstrap.split(",")) == 3
            with connect(bootstrap, controls=kafka.get_controls_url(), token=kafka.get_controls_token()) as handle:
                producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
                write(b"one")
                metadata = producer.list_topics("orders", timeout=30)
                assert {f"{each.host}:{each.port}" for each in metadata.brokers.values()} == set(bootstrap.split(","))
                leaders = {each.leader for each in metadata.topics["orders"].partitions.values()}
                assert leaders == {1, 2, 3}, leaders
                handle.brokers[2].kill()
                write(b"two")
                handle.brokers[2].start()
                consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
                consumer.subscribe(["orders"])
                values = [consumer.poll(60).value() for _ in range(6)]
                consumer.close()
                assert sorted(values) == [b"one"] * 3 + [b"two"] * 3
                print("done")
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    assert python("-c", lines, settings=docker_host, cwd=tmp_path).endswith("done\n")


def test_a_container_that_cannot_start_says_why(docker_host: dict[str, str], tmp_path: Path) -> None:
    program = """
        from kafkalite.testing import BrokerFailed
        from kafkalite.testing.container import KafkaliteContainer

        try:
            with KafkaliteContainer().with_properties({"num.partition": 4}):
                pass
        except BrokerFailed as error:
            print(error)
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    said = python("-c", lines, settings=docker_host, cwd=tmp_path)
    assert said.startswith("the broker did not start; the container is ")
    assert "unknown property 'num.partition'; did you mean num.partitions?" in said


TESTS = """
import pytest
from confluent_kafka import Consumer, Producer

@pytest.fixture(scope="session")
def kafkalite_config():
    return {"num.partitions": 2}

@pytest.mark.parametrize("number", range(5))
def test_each_test_finds_the_broker_empty(kafkalite, kafka_bootstrap, number):
    assert list(kafkalite.topics) == list(kafkalite.groups) == []
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    producer.produce("orders", str(number).encode())
    assert producer.flush(60) == 0
    assert kafkalite.topics["orders"].partitions == 2
    consumer = Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    assert consumer.poll(60).value() == str(number).encode()
    consumer.close()

def test_the_server_of_the_session_is_another_one(kafkalite_server, kafkalite):
    assert kafkalite_server.bootstrap != kafkalite.bootstrap

@pytest.mark.parametrize("number", range(2))
def test_controls_act_on_the_broker_and_end_with_the_test(kafkalite, kafka_bootstrap, number):
    assert not kafkalite.faults.fired
    before = kafkalite.clock.now_ms()
    kafkalite.clock.advance(86_400)
    assert before + 86_400_000 <= kafkalite.clock.now_ms() < before + 2 * 86_400_000
    fault = kafkalite.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", times=1)
    with kafkalite.requests.recording() as log:
        producer = Producer({"bootstrap.servers": kafka_bootstrap, "retry.backoff.ms": 10})
        producer.produce("orders", b"one")
        assert producer.flush(60) == 0
    assert len(fault.fired) == 1
    assert log.one("Produce", error="NOT_LEADER_OR_FOLLOWER").topics == {"orders"}
    assert kafkalite.consume("orders")[0].value == b"one"
    kafkalite.faults.drop("Metadata", name="left behind")
    kafkalite.clock.freeze()
"""


def test_the_same_tests_of_a_user_run_in_the_process_and_on_a_container(
    docker_host: dict[str, str], tmp_path: Path
) -> None:
    tests = tmp_path / "test_shop.py"
    tests.write_text(TESTS)
    pytest_ = (
        "-m",
        "pytest",
        "-q",
        "-c",
        "/dev/null",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tests),
    )
    assert "8 passed" in python(*pytest_, settings={}, cwd=tmp_path)
    assert "8 passed" in python(*pytest_, "--kafka-container", settings=docker_host, cwd=tmp_path)


def test_two_masters_are_refused(tmp_path: Path) -> None:
    options = ("--kafka-container", "--kafka-bootstrap", "127.0.0.1:1")
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--kafka-container and --kafka-bootstrap exclude each other" in done.stderr

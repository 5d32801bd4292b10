"""Listeners with names, and configurations as they are written for Kafka."""

from pathlib import Path

import pytest

from kafkalite.config import ConfigError, HostPort, load
from kafkalite.config.table import AUTHORIZER

# The properties that are set in the config/server.properties of Kafka 4.4.0.
SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""

KRAFT_COMPOSE = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://kafka:29092,CONTROLLER://kafka:29093,PLAINTEXT_HOST://0.0.0.0:9092",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@kafka:29093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_LOG_DIRS": "/tmp/kraft-combined-logs",
    "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
}

ZOOKEEPER_COMPOSE = {
    "KAFKA_BROKER_ID": "3",
    "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
    "KAFKA_ADVERTISED_LISTENERS": "INTERNAL://kafka:29092,EXTERNAL://localhost:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
    "KAFKA_INTER_BROKER_PROTOCOL_VERSION": "3.6",
    "KAFKA_CONFLUENT_SUPPORT_METRICS_ENABLE": "false",
    "KAFKA_JMX_PORT": "9101",
}


def problem(*settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(settings=settings)
    return str(caught.value)


def test_the_file_that_kafka_brings_starts_a_broker(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text(SERVER_PROPERTIES)
    config = load(file=file)
    assert config.listen == (HostPort("", 9092),)
    assert config.advertise == HostPort("localhost", 9092)
    assert config.data_dir == Path("/tmp/kraft-combined-logs")
    without_effect, not_opened, unprotected = config.warnings
    assert without_effect.startswith("7 properties have no effect here: controller.quorum.bootstrap.servers, inter.")
    assert not_opened == "not listening on CONTROLLER://:9093: there is no separate controller"
    assert unprotected.startswith("anyone who can reach :9092 can read and write all data")


@pytest.mark.parametrize("name", ["server.properties", "server.conf", "folder/a.properties"])
def test_kafkas_format_is_known_by_its_suffix_or_its_contents(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("num.partitions=3\nlog.dirs=/a\n")
    config = load(file=file.parent if "/" in name else file)
    assert (config.num_partitions, config.data_dir) == (3, Path("/a"))


def test_a_mistake_in_kafkas_format_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    for text, message in (
        ("# sizes\nnum.partitions=many\n", ":2: num.partitions: 'many' is not a whole number of 32 bits"),
        ("num.partition=1\n", ":1: unknown property 'num.partition'; did you mean num.partitions"),
        ("a=\\uxyz\n", ":1: \\u needs four hexadecimal digits"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(file=file)
        assert str(caught.value).startswith(f"{file}{message}")


def test_each_listener_of_a_compose_file_has_its_own_advertised_address() -> None:
    config = load(environment=KRAFT_COMPOSE)
    assert config.listen == (HostPort("kafka", 29092), HostPort("0.0.0.0", 9092))
    assert config.advertise is None
    assert config.advertise_by_port == {29092: HostPort("kafka", 29092), 9092: HostPort("localhost", 9092)}
    assert all("without --advertise" not in warning for warning in config.warnings)


def test_where_a_compose_file_only_advertises_the_broker_listens_on_those_ports() -> None:
    config = load(environment=ZOOKEEPER_COMPOSE)
    assert config.node_id == 3
    assert config.listen == (HostPort("", 29092), HostPort("", 9092))
    assert config.advertise_by_port == {29092: HostPort("kafka", 29092), 9092: HostPort("localhost", 9092)}
    warning, unprotected = config.warnings
    assert unprotected.startswith("anyone who can reach :29092 or :9092 can read and write all data")
    assert warning == (
        "4 properties have no effect here: confluent.support.metrics.enable, inter.broker.listener.name, "
        "inter.broker.protocol.version, zookeeper.connect"
    )


def test_variables_for_kafkas_images_win_over_what_the_image_of_kafkalite_sets() -> None:
    image = {"KAFKALITE_LISTEN": "0.0.0.0:9092", "KAFKALITE_DATA": "/var/lib/kafkalite"}
    config = load(environment={**image, "KAFKA_LISTENERS": "PLAINTEXT://:19092"})
    assert config.listen == (HostPort("", 19092),)
    assert config.data_dir == Path("/var/lib/kafkalite")


def test_an_advertised_address_without_a_name_is_for_every_listener() -> None:
    settings = ["listeners=A://:1,B://:2", "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT"]
    config = load(settings=settings, advertise="broker.test:9")
    assert config.advertise == HostPort("broker.test", 9)
    assert config.advertise_by_port == {}


MAP = "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT,S:SASL_SSL"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("listeners=C://:1", MAP), "listeners: 'C://:1': listener.security.protocol.map has no protocol for C"),
        (
            ("listeners=A://:1", "advertised.listeners=B://b:1", MAP),
            "advertised.listeners: B is not in listeners",
        ),
        (
            ("listeners=S://:1", "listener.security.protocol.map=S:TLS"),
            "listener.security.protocol.map: TLS is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
        ),
        (("listeners=A://:1", "controller.listener.names=A"), "listeners: at least one address is needed"),
        (("listener.security.protocol.map=A",), "listener.security.protocol.map: 'A' is not of the form NAME:PROTOCOL"),
        (("process.roles=controller",), "process.roles: 'controller' is not allowed: must include broker"),
        (
            ("authorizer.class.name=a.B",),
            f"authorizer.class.name: 'a.B' is not allowed: only {AUTHORIZER} is supported",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(settings: tuple[str, ...], message: str) -> None:
    assert problem(*settings) == f"--set: {message}"

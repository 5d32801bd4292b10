"""The two kinds of broker that the suite can start, with equal settings."""

import shutil
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import Broker, BrokerStarter
from kafkalite_conformance.drivers.building import MissingToolError
from kafkalite_conformance.kafka_image import KafkaImage
from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import (
    CONFORMANCE_JVM_FLAGS,
    KAFKA_VERSION,
    Kafka,
    class_data_archive,
    start_until_ready,
)

COMMON_SETTINGS: Final = {
    # A crash is noticed after the session time-out; Kafka's own minimum of 6 s would make the suite slow.
    "group.min.session.timeout.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "true",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "300",
    "group.streams.session.timeout.ms": "6000",
    "group.streams.heartbeat.interval.ms": "300",
    "group.streams.initial.rebalance.delay.ms": "0",
}

KAFKA_SETTINGS: Final = {
    **COMMON_SETTINGS,
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.streams.min.session.timeout.ms": "1000",
    "group.streams.min.heartbeat.interval.ms": "100",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    # After a crash the controller refuses the node's return until its old session is over.
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "200",
    "log.initial.task.delay.ms": "500",
    # What a killed producer left open ends when its time-out is over, and not up to 10 s later.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


class KafkaliteStarter:
    """Starts `python -m kafkalite serve`."""

    name = "kafkalite"

    def start(self, data_dir: Path) -> Broker:
        """Start kafkalite and wait until it is ready."""
        return Kafkalite(data_dir, COMMON_SETTINGS)


class KafkaStarter:
    """Starts Apache Kafka from its jars."""

    name = f"Apache Kafka {KAFKA_VERSION}"

    def start(self, data_dir: Path) -> Broker:
        """Start one node and wait until it is ready."""
        archive = class_data_archive()
        return start_until_ready(lambda: Kafka(KAFKA_SETTINGS, CONFORMANCE_JVM_FLAGS, data_dir, archive=archive))


class KafkaImageStarter:
    """Starts Apache Kafka's container image, where there is no JDK."""

    name = f"Apache Kafka {KAFKA_VERSION} (image)"

    def start(self, data_dir: Path) -> Broker:  # noqa: ARG002  # the data stays inside the container
        """Start a container and wait until its broker is ready."""
        return KafkaImage(KAFKA_SETTINGS)


def starter_named(name: str) -> BrokerStarter:
    """Return the starter of `kafkalite` or `kafka`. MissingToolError where Kafka can run in no way."""
    if name == "kafkalite":
        return KafkaliteStarter()
    if shutil.which("java") and (shutil.which("mvn") or _has_jars()):
        return KafkaStarter()
    if shutil.which("docker") or shutil.which("podman"):
        return KafkaImageStarter()
    raise MissingToolError("Apache Kafka needs a JDK and Maven, or a container engine")


def _has_jars() -> bool:
    from kafkalite_conformance.cache_folder import cache_folder

    return (cache_folder() / f"kafka-{KAFKA_VERSION}" / "libs").exists()

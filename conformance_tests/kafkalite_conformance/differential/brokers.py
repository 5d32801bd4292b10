"""Both brokers with equal settings: those given by address, and those started for the run."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kafkalite_conformance.kafka_image import KafkaImage
from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.starters import COMMON_SETTINGS, KAFKA_SETTINGS, KafkaImageStarter, starter_named

SETTINGS: Final[Mapping[str, str]] = {
    **COMMON_SETTINGS,
    "group.min.session.timeout.ms": "500",
    "group.max.session.timeout.ms": "60000",
    "group.max.size": "4",
    "offset.metadata.max.bytes": "64",
    "offsets.topic.num.partitions": "3",
    "share.coordinator.state.topic.num.partitions": "2",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    "transaction.state.log.num.partitions": "1",
}
"""What both are started with; small limits, so that a conversation reaches them."""

KAFKALITE_SETTINGS: Final[Mapping[str, str]] = {
    # Bounds of what groups set, and synonyms of their configurations.
    **{name: value for name, value in KAFKA_SETTINGS.items() if name.startswith("group.")},
    **SETTINGS,
    # Kafka answers a heartbeat at once.
    "kafkalite.group.heartbeat.hold.ms": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Brokers:
    """The addresses of the two, `HOST:PORT`."""

    kafka: str
    kafkalite: str


@contextmanager
def both_brokers(*, kafka: str | None = None, kafkalite: str | None = None) -> Generator[Brokers]:
    """Yield the addresses of both brokers; start those that were not given, until the block ends.

    MissingToolError where Kafka can run in no way.
    """
    with ExitStack() as stack:
        yield Brokers(
            kafkalite=kafkalite or stack.enter_context(started_kafkalite()),
            kafka=kafka or stack.enter_context(started_kafka()),
        )


@contextmanager
def started_kafkalite() -> Generator[str]:
    """Run kafkalite until the block ends, and yield its address."""
    with tempfile.TemporaryDirectory(prefix="differential-", ignore_cleanup_errors=True) as folder:
        broker = Kafkalite(Path(folder), KAFKALITE_SETTINGS)
        try:
            yield broker.bootstrap
        finally:
            broker.kill()


@contextmanager
def started_kafka() -> Generator[str]:
    """Run Apache Kafka until the block ends, and yield its address. MissingToolError where it can run in no way."""
    settings = {**KAFKA_SETTINGS, **SETTINGS}
    if isinstance(starter_named("kafka"), KafkaImageStarter):
        image = KafkaImage(settings)
        try:
            yield image.bootstrap
        finally:
            image.kill()
    else:
        with start_kafka(settings, jvm_flags=CONFORMANCE_JVM_FLAGS) as kafka:
            yield kafka.bootstrap

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
    **SETTINGS,
    # Described as synonyms of the configurations of groups.
    **{name: value for name, value in KAFKA_SETTINGS.items() if name.startswith("group.consumer.")},
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
        if kafkalite is None:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="differential-", ignore_cleanup_errors=True)
            )
            started = Kafkalite(Path(folder), KAFKALITE_SETTINGS)
            stack.callback(started.kill)
            kafkalite = started.bootstrap
        if kafka is None:
            kafka = _start_kafka(stack)
        yield Brokers(kafka=kafka, kafkalite=kafkalite)


def _start_kafka(stack: ExitStack) -> str:
    settings = {**KAFKA_SETTINGS, **SETTINGS}
    if isinstance(starter_named("kafka"), KafkaImageStarter):
        image = KafkaImage(settings)
        stack.callback(image.kill)
        return image.bootstrap
    return stack.enter_context(start_kafka(settings, jvm_flags=CONFORMANCE_JVM_FLAGS)).bootstrap

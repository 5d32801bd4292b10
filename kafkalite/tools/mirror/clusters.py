"""A cluster as the mirror sees it: settings of its clients, and what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import confluent_kafka.admin
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.stretches import Partition

ADMIN: Final[Any] = confluent_kafka.admin
"""The administrative half of the library, which does not say in its types what it exports."""
Admin: TypeAlias = Any
"""The library's administrative client, whose methods are typed in part only."""
TIMEOUT: Final = 60.0
"""Of a request of the administrative client, in seconds."""
_LARGEST_MESSAGE: Final = 1_000_000_000
_NOT_A_GROUP: Final = "kafkalite-mirror"
"""librdkafka asks for a group's name, also where none is joined."""


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, and how clients connect to it."""

    bootstrap: str
    settings: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    """Further properties of librdkafka, such as those of security."""

    def admin(self) -> Admin:
        """Return a client for administration."""
        return ADMIN.AdminClient(self._with({}))

    def producer(self, transactional_id: str) -> Producer:
        """Return a producer of transactions, which keeps records as they are."""
        return Producer(
            self._with(
                {
                    "transactional.id": transactional_id,
                    "message.max.bytes": _LARGEST_MESSAGE,
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "queue.buffering.max.messages": 1_000_000,
                    "queue.buffering.max.kbytes": 256 * 1024,
                }
            )
        )

    @contextmanager
    def consumer(self) -> Generator[Consumer]:
        """Yield a consumer of committed records, which belongs to no group and says where a partition ends."""
        consumer = Consumer(
            self._with(
                {
                    "group.id": _NOT_A_GROUP,
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "enable.partition.eof": True,
                    "auto.offset.reset": "earliest",
                    "check.crcs": True,
                    "fetch.message.max.bytes": 4 * 1024 * 1024,
                    "queued.max.messages.kbytes": 128 * 1024,
                }
            )
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def _with(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"bootstrap.servers": self.bootstrap, "error_cb": _ignore, "log_level": 0, **settings, **self.settings}


def answered(futures: Mapping[Any, Any], what: str) -> dict[Any, Any]:
    """Wait for the results of an administrative request. Raises MirrorError."""
    results: dict[Any, Any] = {}
    for key, future in futures.items():
        try:
            results[key] = future.result(timeout=TIMEOUT)
        except KafkaException as error:
            raise MirrorError(f"{what} {key}: {error.args[0].str()}") from None
    return results


def partitions_of(admin: Admin) -> dict[str, int]:
    """Return the number of partitions of each topic. Raises MirrorError."""
    try:
        found = admin.list_topics(timeout=TIMEOUT).topics
    except KafkaException as error:
        raise MirrorError(f"the cluster cannot be reached: {error.args[0].str()}") from None
    return {name: len(topic.partitions) for name, topic in found.items()}


def read(consumer: Consumer, starts: Mapping[Partition, int], take: Callable[[Partition, Message], bool]) -> None:
    """Read partitions from offsets up to their ends, or until ``take`` returns False for a record of theirs.

    Raises MirrorError.
    """
    consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in starts.items()])
    reading = set(starts)
    while reading:
        for message in consumer.consume(10_000, 0.5):
            partition = partition_of(message)
            if partition not in reading:
                continue
            if (is_end_or_raise(message)) or not take(partition, message):
                reading.discard(partition)
    consumer.unassign()


def offsets_of(consumer: Consumer, partition: Partition) -> tuple[int, int]:
    """Return the first offset of a partition and the one behind the last committed record. Raises MirrorError."""
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(*partition), TIMEOUT)
    except KafkaException as error:
        raise MirrorError(f"cannot ask for the offsets of {partition}: {error.args[0].str()}") from None
    return int(first), int(end)


def partition_of(message: Message) -> Partition:
    """Return which partition a message, or an error of one, belongs to."""
    topic, number = message.topic(), message.partition()
    return Partition(topic or "", -1 if number is None else number)


def is_end_or_raise(message: Message) -> bool:
    """Return whether this is the end of a partition and no record. Raises MirrorError for other errors."""
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own codes begin so
        return True
    raise MirrorError(f"cannot read {partition_of(message)}: {error.str()}")

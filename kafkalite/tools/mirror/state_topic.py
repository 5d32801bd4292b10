"""The topic of the target cluster in which a mirror keeps what it has copied.

Its records are written in the transactions that copy records, so both are there or neither. It is named for the source
cluster, so that several clusters can be mirrored into one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from confluent_kafka import Message

from kafkalite.tools.mirror.clusters import ADMIN, Admin, Cluster, answered, partitions_of, read
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.stretches import Partition, Stretch, Stretches

PREFIX: Final = "kafkalite-mirror."
_KEPT_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def state_topic(source_cluster_id: str) -> str:
    """Return the name of the topic for a source cluster."""
    return f"{PREFIX}{source_cluster_id}"


def create_state_topic(admin: Admin, topic: str, replication_factor: int) -> None:
    """Create the topic if it does not exist. Raises MirrorError."""
    if topic not in partitions_of(admin):
        made = ADMIN.NewTopic(topic, 1, replication_factor, config=_KEPT_FOR_EVER)
        answered(admin.create_topics([made]), "cannot create topic")


def read_state(target: Cluster, topic: str) -> dict[Partition, Stretches]:
    """Read what earlier runs have copied. Raises MirrorError."""
    found: dict[Partition, Stretches] = defaultdict(Stretches)

    def take(_: Partition, message: Message) -> bool:
        try:
            stretch = Stretch.decode(message.value() or b"")
        except ValueError as error:
            raise MirrorError(f"topic {topic}: {error}") from None
        found[Partition(stretch.topic, stretch.partition)].add(stretch)
        return True

    with target.consumer() as consumer:
        read(consumer, {Partition(topic, 0): 0}, take)
    return found

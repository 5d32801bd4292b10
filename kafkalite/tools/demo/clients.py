"""The part of kafka-python that the demo uses; kafka-python has no types."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

kafka: Any = import_module("kafka")
KafkaError: type[Exception] = import_module("kafka.errors").KafkaError

Partition = Any
"""A kafka.TopicPartition, which has a number, `partition`, and serves as a key."""


def commits(offsets: Mapping[Partition, int]) -> dict[Partition, Any]:
    """Return what to commit so that each partition is read on from its offset."""
    return {partition: kafka.OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}


def numbers(partitions: Collection[Partition]) -> list[int]:
    """Return the sorted numbers of partitions."""
    return sorted(partition.partition for partition in partitions)


def rebalance_listener(
    assigned: Callable[[Collection[Partition]], None], revoked: Callable[[Collection[Partition]], None]
) -> Any:
    """Return a ConsumerRebalanceListener that calls two functions."""

    def on_assigned(_: object, partitions: Collection[Partition]) -> None:
        assigned(partitions)

    def on_revoked(_: object, partitions: Collection[Partition]) -> None:
        revoked(partitions)

    methods = {"on_partitions_assigned": on_assigned, "on_partitions_revoked": on_revoked}
    return type("Listener", (kafka.ConsumerRebalanceListener,), methods)()

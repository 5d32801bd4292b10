"""The part of kafka-python that the demo uses, with types; kafka-python itself has none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast


class TopicPartition(Protocol):
    """A partition of a topic; usable as a key."""

    @property
    def partition(self) -> int:
        """Its number."""
        ...


class Record(Protocol):
    """A record that was read."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""
        ...

    @property
    def key(self) -> bytes:
        """Its key."""
        ...

    @property
    def value(self) -> bytes:
        """Its value."""
        ...


class Membership(Protocol):
    """What a consumer knows of its membership in a group."""

    @property
    def generation_id(self) -> int:
        """The group's generation; negative while the consumer is not a member."""
        ...


class Consumer(Protocol):
    """A KafkaConsumer."""

    def subscribe(self, topics: Sequence[str], *, listener: object) -> None:
        """Take part in the group's share of the topics."""
        ...

    def poll(self, *, timeout_ms: int, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        """Read; also where rebalances happen."""
        ...

    def assignment(self) -> Collection[TopicPartition]:
        """Tell the partitions that the consumer owns."""
        ...

    def commit(self, offsets: Mapping[TopicPartition, object], *, timeout_ms: int) -> None:
        """Commit and wait for the answer."""
        ...

    def commit_async(self, offsets: Mapping[TopicPartition, object]) -> object:
        """Commit without waiting."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from an offset."""
        ...

    def group_metadata(self) -> Membership:
        """Tell the consumer's membership."""
        ...

    def close(self, *, autocommit: bool) -> None:
        """Leave the group."""
        ...


class Delivery(Protocol):
    """The future of a record that was sent."""

    @property
    def is_done(self) -> bool:
        """Whether the broker has answered, or the producer has given up."""
        ...

    def failed(self) -> bool:
        """Tell whether the record was not acknowledged."""
        ...


class Producer(Protocol):
    """A KafkaProducer."""

    def send(self, topic: str, *, key: bytes, value: bytes, partition: int) -> Delivery:
        """Send a record."""
        ...

    def flush(self) -> None:
        """Wait until everything sent is answered."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Offset(Protocol):
    """An offset that a broker told."""

    @property
    def offset(self) -> int:
        """The offset."""
        ...


class Admin(Protocol):
    """A KafkaAdminClient."""

    def create_topics(self, new_topics: Mapping[str, Mapping[str, int]], *, wait_for_metadata: bool) -> object:
        """Create topics."""
        ...

    def delete_topics(self, topics: Sequence[str]) -> object:
        """Delete topics."""
        ...

    def list_group_offsets(self, group_specs: str) -> Mapping[str, Mapping[TopicPartition, Offset]]:
        """Tell what a group has committed."""
        ...

    def list_partition_offsets(
        self, topic_partition_specs: Mapping[TopicPartition, object]
    ) -> Mapping[TopicPartition, Offset]:
        """Tell offsets of partitions."""
        ...

    def describe_groups(self, group_ids: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """Tell the members of groups and what they own."""
        ...

    def close(self) -> None:
        """End."""
        ...


def consumer(**settings: object) -> Consumer:
    """Make a KafkaConsumer."""
    return cast("Consumer", import_module("kafka").KafkaConsumer(**settings))


def producer(**settings: object) -> Producer:
    """Make a KafkaProducer."""
    return cast("Producer", import_module("kafka").KafkaProducer(**settings))


def admin(**settings: object) -> Admin:
    """Make a KafkaAdminClient."""
    return cast("Admin", import_module("kafka").KafkaAdminClient(**settings))


def topic_partition(topic: str, partition: int) -> TopicPartition:
    """Make a TopicPartition."""
    return cast("TopicPartition", import_module("kafka").TopicPartition(topic, partition))


def commit_of(next_offset: int) -> object:
    """Make what is committed for a partition: the next offset to read."""
    return cast("object", import_module("kafka").OffsetAndMetadata(next_offset, "", -1))


def latest() -> object:
    """Make the question for a partition's end."""
    return cast("object", import_module("kafka").OffsetSpec.LATEST)


def cooperative_sticky() -> object:
    """Give the assignor that moves no more partitions than it must (KIP-429)."""
    module = import_module("kafka.coordinator.assignors.cooperative_sticky")
    return cast("object", module.CooperativeStickyAssignor)


def rebalance_listener(
    assigned: Callable[[Collection[TopicPartition]], None], revoked: Callable[[Collection[TopicPartition]], None]
) -> object:
    """Make a ConsumerRebalanceListener of two functions."""
    base = cast("type", import_module("kafka").ConsumerRebalanceListener)

    def on_assigned(_: object, partitions: Collection[TopicPartition]) -> None:
        assigned(partitions)

    def on_revoked(_: object, partitions: Collection[TopicPartition]) -> None:
        revoked(partitions)

    methods = {"on_partitions_assigned": on_assigned, "on_partitions_revoked": on_revoked}
    return cast("object", type("Listener", (base,), methods)())


def kafka_error() -> type[Exception]:
    """Give the class of all errors of kafka-python."""
    return cast("type[Exception]", import_module("kafka.errors").KafkaError)

"""The metadata records that make, extend and configure topics."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final

from kafkalite_storage.errors import InvalidPartitions
from kafkalite_storage.metadata.topics import Topic
from kafkalite_wire.messages.metadata_records import (
    ConfigRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
)

#: What KRaft writes before a broker has said in which of its directories a replica lies (KIP-858).
_UNASSIGNED_DIRECTORY: Final = bytes(16)


def config_records(resource: int, name: str, changes: Mapping[str, str | None]) -> list[MetadataRecord]:
    """Return the records that set configurations of a topic or a broker, or with None unset them."""
    return [
        ConfigRecord(resource_type=resource, resource_name=name, name=config, value=value)
        for config, value in changes.items()
    ]


def partition_records(
    topic_id: bytes,
    first: int,
    total: int,
    assignment: Sequence[Sequence[int]] | None,
    node_id: int,
    down: Container[int] = (),
) -> Iterator[MetadataRecord]:
    """Return an iterator over the new partitions of a topic, led by the node unless an assignment names brokers.

    Brokers that are ``down`` are not in sync; one replica of each partition must be up. Raises InvalidPartitions.
    """
    if assignment is not None and len(assignment) != total - first:
        raise InvalidPartitions(f"{len(assignment)} assignments for {total - first} partitions")
    return (
        _partition_record(
            topic_id, number, (node_id,) if assignment is None else tuple(assignment[number - first]), down
        )
        for number in range(first, total)
    )


def _partition_record(topic_id: bytes, number: int, replicas: tuple[int, ...], down: Container[int]) -> PartitionRecord:
    isr = tuple(replica for replica in replicas if replica not in down)
    return PartitionRecord(
        partition_id=number,
        topic_id=topic_id,
        replicas=replicas,
        isr=isr,
        leader=isr[0],
        leader_epoch=0,
        partition_epoch=0,
        directories=(_UNASSIGNED_DIRECTORY,) * len(replicas),
    )


def election_records(topic: Topic, node_id: int) -> list[MetadataRecord]:
    """Return the records that make the first replica the leader where Kafka's shutdown has left none."""
    return [
        PartitionChangeRecord(
            partition_id=number,
            topic_id=topic.topic_id,
            leader=partition.replicas[0] if partition.replicas else node_id,
        )
        for number, partition in enumerate(topic.assignment)
        if partition.leader < 0
    ]

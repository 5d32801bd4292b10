"""The metadata records that make, extend and configure topics."""

from collections.abc import Mapping, Sequence
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
    """Set configurations of a topic or a broker, or with None take them back."""
    return [
        ConfigRecord(resource_type=resource, resource_name=name, name=config, value=value)
        for config, value in changes.items()
    ]


def partition_records(
    topic_id: bytes, first: int, total: int, assignment: Sequence[Sequence[int]] | None, node_id: int
) -> list[MetadataRecord]:
    """Give a topic the partitions from first on; they are the node's unless an assignment names their brokers.

    Raises InvalidPartitions.
    """
    if assignment is not None and len(assignment) != total - first:
        raise InvalidPartitions(f"{len(assignment)} assignments for {total - first} partitions")
    records: list[MetadataRecord] = []
    for number in range(first, total):
        replicas = (node_id,) if assignment is None else tuple(assignment[number - first])
        records.append(
            PartitionRecord(
                partition_id=number,
                topic_id=topic_id,
                replicas=replicas,
                isr=replicas,
                leader=replicas[0],
                leader_epoch=0,
                partition_epoch=0,
                directories=(_UNASSIGNED_DIRECTORY,) * len(replicas),
            )
        )
    return records


def election_records(topic: Topic, node_id: int) -> list[MetadataRecord]:
    """Give each partition that Kafka left without a leader when it shut down its first replica as one."""
    return [
        PartitionChangeRecord(
            partition_id=number,
            topic_id=topic.topic_id,
            leader=partition.replicas[0] if partition.replicas else node_id,
        )
        for number, partition in enumerate(topic.assignment)
        if partition.leader < 0
    ]

"""Topics and their partitions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

from kafkalite.tools.admin.failures import AdminError, name_of, not_found, refused
from kafkalite_wire.schema import format_uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition; the offsets are None where it has no leader to ask, the leader is -1 then."""

    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    earliest: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic; its id is empty where the broker has none (before Kafka 2.8)."""

    topic: str
    topic_id: str
    internal: bool
    partitions: tuple[Partition, ...]

    @property
    def replication_factor(self) -> int:
        """How many replicas its partitions have."""
        return max((len(partition.replicas) for partition in self.partitions), default=0)


def list_topics(admin: Any, *, internal: bool = False) -> list[Topic]:
    """List topics in the order of their names, without offsets."""
    topics = [_topic(told, {}) for told in admin.describe_topics() if told["name"] is not None]
    return sorted((topic for topic in topics if internal or not topic.internal), key=lambda topic: topic.topic)


def describe_topics(admin: Any, names: Sequence[str]) -> list[Topic]:
    """Describe topics with the first and the end offset of each partition; raises AdminError for an unknown one."""
    told = {topic["name"]: topic for topic in admin.describe_topics(list(names))}
    for name in names:
        code = told[name]["error_code"]
        if code:
            raise _no_topic(admin, name, code)
    led = [
        (name, partition["partition_index"])
        for name in names
        for partition in told[name]["partitions"]
        if partition["leader_id"] >= 0
    ]
    earliest, ends = offsets_at(admin, led, "earliest"), offsets_at(admin, led, "latest")
    ranges = {key: (earliest[key], ends[key]) for key in led}
    return [_topic(told[name], ranges) for name in names]


def partition_counts(admin: Any, names: Collection[str]) -> dict[str, int]:
    """Return the numbers of partitions of topics; raises AdminError for an unknown one."""
    counts: dict[str, int] = {}
    for topic in admin.describe_topics(list(names)) if names else ():
        if topic["error_code"]:
            raise _no_topic(admin, topic["name"], topic["error_code"])
        counts[topic["name"]] = len(topic["partitions"])
    return counts


def offsets_at(admin: Any, partitions: Iterable[tuple[str, int]], place: str | int) -> dict[tuple[str, int], int]:
    """Look up offsets: `earliest`, `latest`, or of the first record from a time (ms) on; -1 where there is none."""
    kafka = import_module("kafka")
    spec = place if isinstance(place, int) else getattr(kafka.OffsetSpec, place.upper())
    asked = {kafka.TopicPartition(topic, number): spec for topic, number in partitions}
    if not asked:
        return {}
    found = admin.list_partition_offsets(asked)
    return {(key.topic, key.partition): int(answer.offset) for key, answer in found.items()}


def create_topic(
    admin: Any,
    name: str,
    *,
    partitions: int | None = None,
    replication_factor: int | None = None,
    configs: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Topic:
    """Create a topic and wait until it can be used; what is None is left to the broker. A dry run only validates it."""
    wanted = {
        "num_partitions": -1 if partitions is None else partitions,
        "replication_factor": -1 if replication_factor is None else replication_factor,
        "configs": dict(configs or {}),
    }
    answer = admin.create_topics({name: wanted}, validate_only=dry_run, raise_errors=False)["topics"][0]
    if answer["error_code"]:
        raise refused(f"topic {name!r} is not created", answer["error_code"], answer.get("error_message"))
    if dry_run:
        return Topic(topic=name, topic_id="", internal=False, partitions=())
    admin.wait_for_topics([name])
    return describe_topics(admin, [name])[0]


def delete_topics(admin: Any, names: Sequence[str]) -> dict[str, str | None]:
    """Delete topics; tells the error of each, None for one that is deleted. Unknown names raise AdminError first."""
    partition_counts(admin, names)
    answer = admin.delete_topics(list(names), raise_errors=False)
    return {row["name"]: name_of(row["error_code"]) if row["error_code"] else None for row in answer["topics"]}


def add_partitions(admin: Any, name: str, total: int, *, dry_run: bool = False) -> None:
    """Raise the number of partitions of a topic to a total."""
    partition_counts(admin, [name])
    answer = admin.create_partitions({name: total}, validate_only=dry_run, raise_errors=False).results[0]
    if answer.error_code:
        raise refused(f"topic {name!r} is not changed", answer.error_code, answer.error_message)


def _no_topic(admin: Any, name: str, code: int) -> AdminError:
    if name_of(code) == "UNKNOWN_TOPIC_OR_PARTITION":
        return not_found("topic", name, (topic.topic for topic in list_topics(admin, internal=True)))
    return refused(f"topic {name!r}", code)


def _topic(told: Mapping[str, Any], ranges: Mapping[tuple[str, int], tuple[int, int]]) -> Topic:
    return Topic(
        topic=told["name"],
        topic_id=_words(told.get("topic_id")),
        internal=bool(told.get("is_internal")),
        partitions=tuple(
            sorted((_partition(told["name"], row, ranges) for row in told["partitions"]), key=lambda row: row.partition)
        ),
    )


def _partition(topic: str, row: Mapping[str, Any], ranges: Mapping[tuple[str, int], tuple[int, int]]) -> Partition:
    earliest, end = ranges.get((topic, row["partition_index"]), (None, None))
    return Partition(
        partition=row["partition_index"],
        leader=row["leader_id"],
        replicas=tuple(row["replica_nodes"]),
        in_sync=tuple(row["isr_nodes"]),
        earliest=earliest,
        end=end,
    )


def _words(topic_id: object) -> str:
    """Write a topic id as Kafka's tools do."""
    told = UUID(str(topic_id)) if topic_id else UUID(int=0)
    return "" if told.int == 0 else format_uuid(told.bytes)

"""All that clients can learn from a broker, to be compared with what the next one over the same files says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.records import check_batch
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.requests import EARLIEST, LATEST, NEWEST

GROUPS = ("bystander", "crew")


@dataclass
class Partition:
    """One partition: where it begins, ends and is stable, and the bytes of its batches."""

    start: int
    end: int
    stable: int
    newest: int
    by_time: tuple[int, ...]
    aborted: set[tuple[int, int]]
    batches: bytes


@dataclass
class Served:
    """What a broker serves."""

    cluster_id: str | None
    topics: dict[str, tuple[bytes, int]]
    overrides: dict[str, dict[str, str | None]]
    partitions: dict[tuple[str, int], Partition]
    committed: dict[tuple[str, str, int], int]
    groups: dict[str, Any]


def everything(client: BlockingClient, times: tuple[int, ...]) -> Served:
    """Ask for everything; `times` are looked up in every partition."""
    metadata = calls.metadata(client)
    topics = {topic.name: topic for topic in metadata.topics if topic.name is not None}
    assert all(topic.error_code == 0 for topic in topics.values()), topics
    described = client.call(DescribeGroupsRequest(groups=GROUPS), 4)
    counts = {name: len(topic.partitions) for name, topic in topics.items()}
    return Served(
        cluster_id=metadata.cluster_id,
        topics={name: (topic.topic_id, counts[name]) for name, topic in topics.items()},
        overrides={name: calls.topic_overrides(client, name) for name in topics if not name.startswith("__")},
        partitions={
            (name, number): partition(client, name, number, times)
            for name, count in counts.items()
            for number in range(count)
        },
        committed={
            (group, name, number): offset
            for group in GROUPS
            for name in ("codecs", "timed")
            for number, offset in calls.committed(client, group, name, range(counts[name])).items()
        },
        groups={group.group_id: group for group in described.groups},
    )


def partition(client: BlockingClient, topic: str, number: int, times: tuple[int, ...]) -> Partition:
    def at(time: int) -> int:
        return calls.offsets(client, topic, (number,), time)[number]

    start, end = at(EARLIEST), at(LATEST)
    batches, offset, stable = b"", start, end
    while offset < end:
        data = calls.fetch(client, topic, number, offset)
        records = calls.whole_batches(data)
        batches += records
        offset = end_of(records)
        stable = data.last_stable_offset
    aborted: set[tuple[int, int]] = set()
    offset = start
    while offset < stable:
        # Kafka reads one segment at a time, and names the aborted transactions of that one.
        data = calls.fetch(client, topic, number, offset, committed=True)
        aborted |= {(each.producer_id, each.first_offset) for each in data.aborted_transactions or ()}
        offset = end_of(calls.whole_batches(data))
    return Partition(start, end, stable, at(NEWEST), tuple(map(at, times)), aborted, batches)


def end_of(records: memoryview) -> int:
    """Check the batches of a fetch and return the offset that follows them."""
    position = end = 0
    while position < len(records):
        header = check_batch(records, position)
        position, end = position + header.size, header.next_offset
    return end

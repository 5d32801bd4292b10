"""Compares what was copied, record by record, by reading both clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from kafkalite.tools.mirror.clusters import Cluster, offsets_of, read
from kafkalite.tools.mirror.stretches import Partition, Stretches


@dataclass(slots=True)
class _Content:
    count: int = 0
    digest: Any = field(default_factory=hashlib.blake2b)

    def add(self, message: Message) -> None:
        self.count += 1
        kind, milliseconds = message.timestamp()
        # A broker that stamps records with its own time stamps copies differently.
        timestamp = milliseconds if kind == TIMESTAMP_CREATE_TIME else None
        content = (message.key(), message.value(), message.headers() or [], timestamp)
        self.digest.update(repr(content).encode())


@dataclass(frozen=True, slots=True)
class Verified:
    """What a comparison found."""

    records: int
    differences: tuple[str, ...]


def verify(source: Cluster, target: Cluster, state: Mapping[Partition, Stretches]) -> Verified:
    """Read the copied records in both clusters and compare keys, values, headers, timestamps and their order.

    What retention has removed from one of them is left out.
    Raises MirrorError.
    """
    source_starts, target_starts = _starts(source, state), _starts(target, state)
    copied = {
        at: (first, each.last)
        for at, each in state.items()
        if (first := each.first_within(source_starts[at], target_starts[at])) is not None
    }
    ours = _read(source, {at: (first.source_first, last.source_last) for at, (first, last) in copied.items()})
    theirs = _read(target, {at: (first.target_first, last.target_last) for at, (first, last) in copied.items()})
    differences = tuple(
        f"{at}: {ours[at].count} records in the source cluster, {theirs[at].count} in the target"
        if ours[at].count != theirs[at].count
        else f"{at}: the {ours[at].count} records are not the same"
        for at in sorted(copied)
        if ours[at].digest.digest() != theirs[at].digest.digest()
    )
    return Verified(sum(each.count for each in theirs.values()), differences)


def _starts(cluster: Cluster, partitions: Iterable[Partition]) -> dict[Partition, int]:
    with cluster.consumer() as consumer:
        return {at: offsets_of(consumer, at)[0] for at in partitions}


def _read(cluster: Cluster, ranges: Mapping[Partition, tuple[int, int]]) -> dict[Partition, _Content]:
    contents = {at: _Content() for at in ranges}

    def take(at: Partition, message: Message) -> bool:
        offset, (_, end) = message.offset(), ranges[at]
        assert offset is not None
        if offset <= end:
            contents[at].add(message)
        return offset < end

    with cluster.consumer() as consumer:
        read(consumer, {at: first for at, (first, _) in ranges.items()}, take)
    return contents

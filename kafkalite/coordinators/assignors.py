"""Kafka's ``range`` and ``roundrobin`` assignors, as the leader of a classic group computes them.

The broker of a classic group never assigns; this predicts for the command line and for tests what clients will do. It
follows the Java client's assignors without racks: static members come first, in the order of their instance ids
(KIP-345). Clients agree as long as all members are static or none is; of a mixture, librdkafka compares a static member
with a dynamic one by their member ids, so it may assign otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from kafkalite.coordinators.java_strings import utf16_order


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a member wants to read, and by which instance id it comes back after a restart."""

    topics: tuple[str, ...]
    group_instance_id: str | None = None


Assignment = dict[str, list[TopicPartition]]


def assign(strategy: str, members: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Assign the partitions of all topics that members subscribe to and that exist.

    ``strategy`` is a key of :data:`ASSIGNORS`, ``partitions`` tells the number of partitions of each topic. Every
    member is in the result, topics in their order. Raises KeyError for an unknown strategy.
    """
    return ASSIGNORS[strategy](members, partitions)


def assign_range(members: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Cut each topic into ranges, one for each of its members; the first members get what does not divide evenly."""
    assignment: Assignment = {member_id: [] for member_id in members}
    ordered = _in_order(members)
    for topic, count in _subscribed(members, partitions):
        readers = [member_id for member_id in ordered if topic in members[member_id].topics]
        size, extra = divmod(count, len(readers))
        start = 0
        for position, member_id in enumerate(readers):
            end = start + size + (position < extra)
            assignment[member_id] += (TopicPartition(topic, index) for index in range(start, end))
            start = end
    return assignment


def assign_round_robin(members: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Deal all partitions out in turn; a member is passed over if it does not subscribe to the topic."""
    assignment: Assignment = {member_id: [] for member_id in members}
    turns = deque(_in_order(members))
    for topic, count in _subscribed(members, partitions):
        for index in range(count):
            while topic not in members[turns[0]].topics:
                turns.rotate(-1)
            assignment[turns[0]].append(TopicPartition(topic, index))
            turns.rotate(-1)
    return assignment


ASSIGNORS: Final[Mapping[str, Callable[[Mapping[str, Subscription], Mapping[str, int]], Assignment]]] = {
    "range": assign_range,
    "roundrobin": assign_round_robin,
}
"""The assignors, by the names that clients give them in JoinGroup."""


def _in_order(members: Mapping[str, Subscription]) -> list[str]:
    """Sort static members by instance id, and after them the dynamic ones by member id."""

    def order(member_id: str) -> tuple[bool, bytes]:
        instance_id = members[member_id].group_instance_id
        return instance_id is None, utf16_order(member_id if instance_id is None else instance_id)

    return sorted(members, key=order)


def _subscribed(members: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    topics = {topic for subscription in members.values() for topic in subscription.topics}
    return [(topic, partitions[topic]) for topic in sorted(topics, key=utf16_order) if topic in partitions]

"""The assignor ``simple`` of share groups, as Kafka's class of that name.

Partitions are shared: with more members than partitions, several members have the same one. Each partition has as many
members as are needed for all of them to have one; who has something keeps it where that is balanced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Partitions = Mapping[bytes, frozenset[int]]
"""Partitions by topic id."""

_Partition = tuple[bytes, int]


def assign(
    subscriptions: Mapping[str, frozenset[bytes]],
    assigned: Mapping[str, Partitions],
    partitions: Mapping[bytes, Iterable[int]],
) -> dict[str, Partitions]:
    """Return the partitions of each member.

    ``subscriptions`` holds the topics that each member wants, ``assigned`` what members have, and ``partitions`` what
    can be assigned.
    """
    wanted = {(topic_id, each) for topic_id, indexes in partitions.items() for each in indexes}
    kept = {
        member: {
            (topic_id, each)
            for topic_id, indexes in assigned.get(member, {}).items()
            if topic_id in topics
            for each in indexes
            if (topic_id, each) in wanted
        }
        for member, topics in subscriptions.items()
    }
    if len(set(subscriptions.values())) <= 1:
        _balance(list(subscriptions), sorted(wanted), kept)
    else:
        for topic_id in sorted(partitions):
            members = [member for member, topics in subscriptions.items() if topic_id in topics]
            _balance(members, sorted(each for each in wanted if each[0] == topic_id), kept)
    return {member: _by_topic(held) for member, held in kept.items()}


def _balance(members: list[str], partitions: list[_Partition], held: dict[str, set[_Partition]]) -> None:
    """Take from members that have too much, and give out what has too few members."""
    if not members or not partitions:
        return
    of_interest = set(partitions)
    sharing = -(-len(members) // len(partitions))
    total = sharing * len(partitions)
    quota = {
        member: -(-total * (number + 1) // len(members)) - -(-total * number // len(members))
        for number, member in enumerate(members)
    }
    has = {member: held[member] & of_interest for member in members}
    for member in members:
        for surplus in sorted(has[member])[: max(len(has[member]) - quota[member], 0)]:
            _take(member, surplus, has, held)
    owners = {partition: [member for member in members if partition in has[member]] for partition in partitions}
    for partition, having in owners.items():
        for member in having[: max(len(having) - sharing, 0)]:
            _take(member, partition, has, held)
        del having[: max(len(having) - sharing, 0)]
    _hand_out(owners, sharing, quota, has, held)


def _hand_out(
    owners: Mapping[_Partition, list[str]],
    sharing: int,
    quota: Mapping[str, int],
    has: dict[str, set[_Partition]],
    held: dict[str, set[_Partition]],
) -> None:
    unfilled = [member for member, count in quota.items() if len(has[member]) < count]
    position = 0
    for partition, having in owners.items():
        passed_over = 0
        while len(having) < sharing and unfilled and passed_over < len(unfilled):
            position %= len(unfilled)
            member = unfilled[position]
            if partition in has[member]:
                position += 1
                passed_over += 1
                continue
            passed_over = 0
            having.append(member)
            has[member].add(partition)
            held[member].add(partition)
            if len(has[member]) >= quota[member]:
                del unfilled[position]
            else:
                position += 1


def _take(member: str, partition: _Partition, *assignments: dict[str, set[_Partition]]) -> None:
    for assignment in assignments:
        assignment[member].discard(partition)


def _by_topic(partitions: Iterable[_Partition]) -> Partitions:
    topics: dict[bytes, set[int]] = {}
    for topic_id, partition in sorted(partitions):
        topics.setdefault(topic_id, set()).add(partition)
    return {topic_id: frozenset(indexes) for topic_id, indexes in topics.items()}

"""The assignors of consumer groups: ``uniform`` and ``range`` as Kafka 4.4 computes them, and ``roundrobin``.

Pure functions of what members want and of the target assignment so far. Kafka walks over members and topics in the
order of Java's hash maps, which says nothing to anybody; these walk in the order in which they are given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from kafkalite.coordinators.java_strings import utf16_order

Partitions = dict[bytes, frozenset[int]]
"""Partitions by topic id; topics without any are left out."""

_MOST_ROUNDS: Final = 16


class MemberSpec(NamedTuple):
    """What an assignor knows of a member: ``topics`` are the ids of existing topics, ``assigned`` its target so far."""

    topics: frozenset[bytes]
    instance_id: str | None = None
    assigned: Mapping[bytes, frozenset[int]] = MappingProxyType({})


Members = Mapping[str, MemberSpec]
Topics = Mapping[bytes, int]
"""The number of partitions of each topic that a member subscribes to, by topic id."""


class Assignor(Protocol):
    """Assigns partitions to members, each of which is in the result.

    ``alike`` says whether all members subscribe in the same way, to topics that do not exist too; by default they do if
    they want the same topics.
    """

    def __call__(self, members: Members, topics: Topics, *, alike: bool | None = None) -> dict[str, Partitions]:
        """Return the target of each member."""
        ...


def assign_uniform(members: Members, topics: Topics, *, alike: bool | None = None) -> dict[str, Partitions]:
    """Spread all partitions evenly, moving as few as possible; every member is in the result."""
    if not members:
        return {}
    if _are_alike(members) if alike is None else alike:
        return _assign_alike(members, topics)
    return _UnlikeMembers(members, topics).assign()


def assign_range(members: Members, topics: Topics, *, alike: bool | None = None) -> dict[str, Partitions]:
    """Cut each topic into ranges, one for each member that subscribes to it; earlier members get the larger ones.

    Members are sorted by instance id, and after them those without one by member id, so that members read the same
    partitions of topics that they all subscribe to.
    """
    del alike
    result: dict[str, Partitions] = {member_id: {} for member_id in members}
    ordered = _in_order(members)
    for topic, count in topics.items():
        readers = [member_id for member_id in ordered if topic in members[member_id].topics]
        if not readers:
            continue
        size, extra = divmod(count, len(readers))
        start = 0
        for position, member_id in enumerate(readers):
            end = start + size + (position < extra)
            if end > start:
                result[member_id][topic] = frozenset(range(start, end))
            start = end
    return result


def assign_round_robin(members: Members, topics: Topics, *, alike: bool | None = None) -> dict[str, Partitions]:
    """Deal the partitions of all topics out in turn; a member is passed over if it does not subscribe to the topic."""
    del alike
    dealt: dict[str, dict[bytes, set[int]]] = {member_id: {} for member_id in members}
    turns = deque(_in_order(members))
    for topic, count in topics.items():
        if not any(topic in member.topics for member in members.values()):
            continue
        for partition in range(count):
            while topic not in members[turns[0]].topics:
                turns.rotate(-1)
            dealt[turns[0]].setdefault(topic, set()).add(partition)
            turns.rotate(-1)
    return {member_id: _frozen(partitions) for member_id, partitions in dealt.items()}


ASSIGNORS: Final[Mapping[str, Assignor]] = MappingProxyType(
    {"uniform": assign_uniform, "range": assign_range, "roundrobin": assign_round_robin}
)
"""The assignors, by the names that members may ask for."""


def _assign_alike(members: Members, topics: Topics) -> dict[str, Partitions]:
    """Assign where all members subscribe to the same topics: each has a quota, and keeps what fits into it."""
    subscribed = next(iter(members.values())).topics
    wanted = {topic: count for topic, count in topics.items() if topic in subscribed}
    free: list[tuple[bytes, int]] = []
    for topic, count in wanted.items():
        taken = frozenset[int]().union(*(member.assigned.get(topic, ()) for member in members.values()))
        free += [(topic, partition) for partition in sorted(set(range(count)) - taken)]
    size, extra = divmod(sum(wanted.values()), len(members))
    result: dict[str, Partitions] = {}
    unfilled: list[tuple[str, int]] = []
    for position, (member_id, member) in enumerate(members.items()):
        held = {topic: partitions for topic, partitions in member.assigned.items() if topic in wanted and partitions}
        count = sum(map(len, held.values()))
        # One more than the others is for members that have it, or for the last ones.
        gets_extra = extra > 0 and (count > size or len(members) - position <= extra)
        quota = size + gets_extra
        extra -= gets_extra
        if count > quota:
            listed = [(topic, partition) for topic, partitions in held.items() for partition in sorted(partitions)]
            held = _gathered(listed[:quota])
            free += listed[quota:]
        elif count < quota:
            unfilled.append((member_id, quota - count))
        result[member_id] = held
    rest = iter(free)
    for member_id, missing in unfilled:
        held = result[member_id]
        for topic, partitions in _gathered(islice(rest, missing)).items():
            held[topic] = held.get(topic, frozenset()) | partitions
    return result


class _UnlikeMembers:
    """The uniform assignment where members subscribe to different topics.

    Members keep what they still subscribe to. What is free goes to the subscribers with the fewest partitions, topics
    with the most partitions for each subscriber first. Then partitions move, topic by topic, from the subscribers with
    the most partitions to those with the fewest, until a walk over all topics changes nothing.
    """

    def __init__(self, members: Members, topics: Topics) -> None:
        self._members = members
        self._ids = list(members)
        self._subscribers: dict[bytes, list[int]] = {}
        for index, member in enumerate(members.values()):
            for topic in member.topics:
                self._subscribers.setdefault(topic, []).append(index)
        self._topics = {topic: topics[topic] for topic in self._subscribers}
        self._sizes = [0] * len(self._ids)
        self._owners = {topic: [-1] * count for topic, count in self._topics.items()}

    def assign(self) -> dict[str, Partitions]:
        for index, member in enumerate(self._members.values()):
            for topic, partitions in member.assigned.items():
                if topic in member.topics:
                    for partition in partitions:
                        self._owners[topic][partition] = index
                        self._sizes[index] += 1
        self._assign_free()
        self._balance()
        result: dict[str, dict[bytes, set[int]]] = {member_id: {} for member_id in self._ids}
        for topic, owners in self._owners.items():
            for partition, owner in enumerate(owners):
                result[self._ids[owner]].setdefault(topic, set()).add(partition)
        return {member_id: _frozen(partitions) for member_id, partitions in result.items()}

    def _sorted(self, topics: Iterable[bytes]) -> list[bytes]:
        def order(topic: bytes) -> tuple[float, int, tuple[int, int]]:
            readers = len(self._subscribers[topic])
            return -self._topics[topic] / readers, readers, _uuid_order(topic)

        return sorted(topics, key=order)

    def _assign_free(self) -> None:
        free = {
            topic: [partition for partition, owner in enumerate(owners) if owner < 0]
            for topic, owners in self._owners.items()
        }
        for topic in self._sorted(topic for topic, partitions in free.items() if partitions):
            least = _Levels(self._subscribers[topic], self._sizes)
            for partition in free[topic]:
                self._move(topic, partition, least.next_least())

    def _move(self, topic: bytes, partition: int, to: int) -> None:
        owners = self._owners[topic]
        if owners[partition] >= 0:
            self._sizes[owners[partition]] -= 1
        owners[partition] = to
        self._sizes[to] += 1

    def _balance(self) -> None:
        topics = self._sorted(topic for topic, readers in self._subscribers.items() if len(readers) > 1)
        last_changed = -1
        for _ in range(_MOST_ROUNDS):
            for number, topic in enumerate(topics):
                if number == last_changed:
                    return
                if self._balance_topic(topic) or last_changed < 0:
                    last_changed = number

    def _balance_topic(self, topic: bytes) -> int:
        readers, sizes = self._subscribers[topic], self._sizes
        if max(sizes[index] for index in readers) - min(sizes[index] for index in readers) <= 1:
            return 0
        levels = _Levels(readers, sizes)
        held: dict[int, list[int]] = {}
        for partition, owner in enumerate(self._owners[topic]):
            held.setdefault(owner, []).append(partition)
        moved = 0
        while not levels.are_even():
            giver = levels.next_most()
            while giver is not None and not held.get(giver):
                levels.exclude_most()
                giver = levels.next_most()
            if giver is None:
                break
            partition = held[giver].pop()
            taker = levels.next_least()
            if levels.are_even():
                break
            self._move(topic, partition, taker)
            moved += 1
        return moved


class _Levels:
    """Members by how much they have: a lowest range that fills up level by level, and a highest one that is drained.

    Sizes are read when a range grows over a member, so they may change for members that are within a range.
    """

    def __init__(self, members: Sequence[int], sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._sorted = sorted(members, key=lambda index: (sizes[index], index))
        count = len(self._sorted)
        self._least_end = 0
        self._least_level = sizes[self._sorted[0]] - 1
        self._least_next = 0
        self._most_start = self._most_end = count
        self._most_level = sizes[self._sorted[-1]] + 1
        self._most_next = count - 1

    def are_even(self) -> bool:
        """Whether moving another partition would not even the members out."""
        return self._most_level - self._least_level <= 1

    def next_least(self) -> int:
        """Return a member with the fewest partitions, which gets one."""
        if self._least_next >= self._least_end:
            self._least_level += 1
            while self._least_end < len(self._sorted) and self._size(self._least_end) == self._least_level:
                self._least_end += 1
            self._least_next = 0
        self._least_next += 1
        return self._sorted[self._least_next - 1]

    def next_most(self) -> int | None:
        """Return a member with the most partitions, which loses one; None if all are excluded."""
        if self._most_next < self._most_start:
            if self._most_end <= self._most_start and self._most_start > 0:
                self._most_level = self._size(self._most_start - 1)
            else:
                self._most_level -= 1
            while self._most_start > 0 and self._size(self._most_start - 1) == self._most_level:
                self._most_start -= 1
            self._most_next = self._most_end - 1
        if self._most_next < 0:
            return None
        self._most_next -= 1
        return self._sorted[self._most_next + 1]

    def exclude_most(self) -> None:
        """Exclude the member that :meth:`next_most` has returned: it has none to lose."""
        last, at = self._most_end - 1, self._most_next + 1
        self._sorted[at], self._sorted[last] = self._sorted[last], self._sorted[at]
        self._most_end = last

    def _size(self, position: int) -> int:
        return self._sizes[self._sorted[position]]


def _are_alike(members: Members) -> bool:
    specs = iter(members.values())
    first = next(specs).topics
    return all(member.topics == first for member in specs)


def _in_order(members: Members) -> list[str]:
    def order(member_id: str) -> tuple[bool, bytes]:
        instance_id = members[member_id].instance_id
        return instance_id is None, utf16_order(member_id if instance_id is None else instance_id)

    return sorted(members, key=order)


def _uuid_order(topic_id: bytes) -> tuple[int, int]:
    """Order as Kafka's Uuid does: by two signed numbers."""
    return int.from_bytes(topic_id[:8], signed=True), int.from_bytes(topic_id[8:], signed=True)


def _gathered(listed: Iterable[tuple[bytes, int]]) -> Partitions:
    partitions: dict[bytes, set[int]] = {}
    for topic, partition in listed:
        partitions.setdefault(topic, set()).add(partition)
    return _frozen(partitions)


def _frozen(partitions: Mapping[bytes, set[int]]) -> Partitions:
    return {topic: frozenset(held) for topic, held in partitions.items() if held}

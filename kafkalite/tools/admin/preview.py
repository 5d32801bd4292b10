"""Who would own what: an assignment before it happens, and what one more member or partition would move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkalite.coordinators.assignors import Subscription, assign


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What one member owns; `partitions` are written `topic-0`."""

    member: str
    partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A partition that changes hands; `before` is None for a new one."""

    partition: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would come of a change; `kept` of the partitions stay with their owners, `moves` do not."""

    what: str
    kept: int
    moves: tuple[Move, ...]
    keys_moved: float
    """The share of keys whose records go to another partition from then on; 0 where no topic grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """An assignment, and the changes that may follow."""

    strategy: str
    owned: tuple[Owned, ...]
    changes: tuple[Change, ...]


def preview(strategy: str, members: Sequence[str], topics: Mapping[str, int]) -> Preview:
    """Compute who would own what if all members subscribe to all topics.

    Shows one more member and, for each topic, one more partition. Raises KeyError for an unknown strategy.
    """
    before = _owners(strategy, members, topics)
    owned = {member: [partition for partition, owner in before.items() if owner == member] for member in members}
    joined = f"{max(members, default='')}+"
    changes = [_change(f"one more member, {joined}", before, _owners(strategy, [*members, joined], topics), 0.0)]
    for topic, count in topics.items():
        after = _owners(strategy, members, {**topics, topic: count + 1})
        changes.append(_change(f"one more partition, {topic}-{count}", before, after, share_of_keys(count, count + 1)))
    return Preview(
        strategy=strategy,
        owned=tuple(Owned(member=member, partitions=tuple(partitions)) for member, partitions in owned.items()),
        changes=tuple(changes),
    )


def share_of_keys(before: int, after: int) -> float:
    """Return the share of keys that change their partition when the number of partitions changes.

    A key stays if its hash leaves the same remainder by both numbers: so many of the hashes up to their least common
    multiple do as the smaller number says.
    """
    from math import lcm

    return 1 - min(before, after) / lcm(before, after)


def _owners(strategy: str, members: Sequence[str], topics: Mapping[str, int]) -> dict[str, str]:
    subscription = Subscription(topics=tuple(topics))
    assignment = assign(strategy, dict.fromkeys(members, subscription), topics)
    pairs = [(partition, member) for member, partitions in assignment.items() for partition in partitions]
    return {f"{partition.topic}-{partition.partition}": member for partition, member in sorted(pairs)}


def _change(what: str, before: Mapping[str, str], after: Mapping[str, str], keys_moved: float) -> Change:
    moves = tuple(
        Move(partition=partition, before=before.get(partition), after=owner)
        for partition, owner in after.items()
        if before.get(partition) != owner
    )
    kept = sum(before.get(partition) == owner for partition, owner in after.items())
    return Change(what=what, kept=kept, moves=moves, keys_moved=keys_moved)

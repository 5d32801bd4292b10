"""What can be awaited. A condition looks at the broker and says what it sees, or None while it is not so yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from kafkalite.testing.model.views import Group, Record, TopicPartition

Seen = TypeVar("Seen", covariant=True)


class Look(Protocol):
    """What conditions look at."""

    def group(self, group_id: str) -> Group:
        """Give a group as it is now."""
        ...

    def partitions(self, topic: str) -> int:
        """Tell how many partitions a topic has, 0 if there is no such topic."""
        ...

    def position(self, member_client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Give the offset that a client fetched last from a partition, not counting fetches before ``since``."""
        ...

    def stable_since(self, group_id: str) -> int:
        """Give the number of the first fetch that came after the group became stable."""
        ...


class Condition(Protocol[Seen]):
    """Something that comes true."""

    def seen(self, look: Look) -> Seen | None:
        """Say what there is to see once the condition holds, None before."""
        ...

    def missing(self, look: Look) -> str:
        """Say in words what is still missing."""
        ...

    @property
    def group_id(self) -> str:
        """The group that it is about."""
        ...

    needs_positions: ClassVar[bool]
    """Whether it looks at where clients fetch, which only a broker of this process tells."""


@dataclass(frozen=True, slots=True)
class Stable:
    """A group is stable, and each partition of what its members subscribe to has an owner.

    The second, because there are generations on the way that own nothing, or not all: kafka-python joins before it
    knows how many partitions there are, and cooperative members give partitions back before others get them.
    """

    group_id: str
    members: int | None
    needs_positions: ClassVar[bool] = False

    def seen(self, look: Look) -> Group | None:
        """Give the stable group."""
        group = look.group(self.group_id)
        enough = bool(group.members) if self.members is None else len(group.members) == self.members
        return group if group.state == "Stable" and enough and not _ownerless(group, look) else None

    def missing(self, look: Look) -> str:
        """Say how many members were wanted, and what nobody owns."""
        wanted = "members" if self.members is None else f"{self.members} member(s)"
        group = look.group(self.group_id)
        ownerless = ", ".join(map(str, _ownerless(group, look))) if group.members else ""
        return f"group {self.group_id!r} to be stable with {wanted}" + (
            f"; nobody owns {ownerless}" if ownerless else ""
        )


@dataclass(frozen=True, slots=True)
class HasCommitted:
    """A group has committed at least some offsets."""

    group_id: str
    offsets: Mapping[TopicPartition, int]
    needs_positions: ClassVar[bool] = False

    def seen(self, look: Look) -> Group | None:
        """Give the group that has come so far."""
        group = look.group(self.group_id)
        return None if self._behind(group) else group

    def missing(self, look: Look) -> str:
        """Say where the group is behind."""
        behind = ", ".join(f"{at} at {offset}" for at, offset in self._behind(look.group(self.group_id)).items())
        return f"group {self.group_id!r} to have committed {behind or 'offsets'}"

    def _behind(self, group: Group) -> dict[TopicPartition, int]:
        return {
            partition: offset
            for partition, offset in self.offsets.items()
            if partition not in group.committed or group.committed[partition].offset < offset
        }


@dataclass(frozen=True, slots=True)
class Positioned:
    """The members of a stable group have begun to fetch what they own, or some of it from an offset on.

    A member's fetches are told by its client id. So nothing that is produced from now on can be missed by a member
    that starts at the end of the log.
    """

    group_id: str
    offsets: Mapping[TopicPartition, int]
    """Where positions are wanted; empty means all that the members own, at any offset."""
    needs_positions: ClassVar[bool] = True

    def seen(self, look: Look) -> Group | None:
        """Give the group whose members are in place."""
        group = look.group(self.group_id)
        if group.state != "Stable" or not group.owners:
            return None
        return None if self._behind(group, look) else group

    def missing(self, look: Look) -> str:
        """Say where nobody has fetched."""
        group = look.group(self.group_id)
        behind = ", ".join(self._behind(group, look)) or "anything"
        return f"the members of group {self.group_id!r} to fetch {behind}"

    def _behind(self, group: Group, look: Look) -> list[str]:
        since, owners = look.stable_since(self.group_id), group.owners
        behind: list[str] = []
        for partition in self.offsets or owners:
            wanted = self.offsets.get(partition, 0)
            owner = owners.get(partition)
            at = None if owner is None else look.position(owner.client_id, partition, since=since)
            if at is None or at < wanted:
                behind.append(f"{partition} from {wanted} (owner: {owner.client_id if owner else 'nobody'}, at {at})")
        return behind


def _ownerless(group: Group, look: Look) -> list[TopicPartition]:
    owners = group.owners
    subscribed = sorted({topic for member in group.members for topic in member.topics})
    every = (TopicPartition(topic, index) for topic in subscribed for index in range(look.partitions(topic)))
    return [partition for partition in every if partition not in owners]


def missing_records(topic: str, count: int, read: Callable[[], Sequence[Record]]) -> str:
    """Say how many records were awaited, and how many there are to ``read``."""
    try:
        there = len(read())
    except LookupError as error:
        return f"waited for {count} record(s): {error}"
    return f"waited for {count} record(s) of topic {topic!r}, and there are {there}"

"""Topics, records and groups as tests see them: copies that do not change any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kafkalite.testing.model.errors import NotThere

Header = tuple[str, bytes | None]


class TopicPartition(NamedTuple):
    """A partition of a topic; equal to a plain pair."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic; ``start_offsets`` and ``end_offsets`` tell for each partition where it begins and where it goes on."""

    name: str
    partitions: int
    start_offsets: tuple[int, ...]
    end_offsets: tuple[int, ...]


def no_topic(name: str, topics: Iterable[str]) -> str:
    """Say that there is no topic of a name, and which there are."""
    return f"there is no topic {name!r}; topics: {', '.join(topics) or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record in its place; ``timestamp`` is milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def text(self) -> str:
        """The value as text. Raises UnicodeDecodeError if it is none."""
        return "" if self.value is None else self.value.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a group, and the partitions that are assigned to it."""

    member_id: str
    client_id: str
    group_instance_id: str | None
    client_host: str
    topics: frozenset[str]
    """What it subscribes to."""
    assignment: frozenset[TopicPartition]

    def is_called(self, name: str) -> bool:
        """Tell whether a name means this member: its member id, its instance id or its client id."""
        return name in (self.member_id, self.group_instance_id, self.client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """How far a group has come in a partition; ``lag`` counts the records that are still before it."""

    offset: int
    end_offset: int
    metadata: str = ""

    @property
    def lag(self) -> int:
        """How many records there are behind the committed offset."""
        return max(0, self.end_offset - self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group; one that does not exist is ``Dead``. A broker elsewhere does not tell the generation: -1."""

    group_id: str
    state: str
    generation: int = -1
    protocol: str = ""
    members: tuple[Member, ...] = ()
    committed: Mapping[TopicPartition, Committed] = field(default_factory=dict[TopicPartition, Committed])

    @property
    def owners(self) -> Mapping[TopicPartition, Member]:
        """Who owns which partition."""
        return {partition: member for member in self.members for partition in sorted(member.assignment)}

    @property
    def lag(self) -> int:
        """How many records are still before the group, in the partitions for which it has committed offsets."""
        return sum(committed.lag for committed in self.committed.values())

    def owner(self, topic: str, partition: int = 0) -> Member | None:
        """Tell who owns a partition, None if nobody does."""
        return self.owners.get(TopicPartition(topic, partition))

    def member(self, name: str) -> Member:
        """Find a member by member id, instance id or client id. Raises LookupError unless it is exactly one."""
        found = [member for member in self.members if member.is_called(name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{member.client_id} ({member.member_id})" for member in self.members) or "none"
        many = f"{len(found)} members are" if found else "no member is"
        raise NotThere(f"{many} called {name!r} in group {self.group_id!r}; its members: {known}")

    def __str__(self) -> str:
        """Describe the group for people, over several lines."""
        generation = "" if self.generation < 0 else f", generation {self.generation}"
        lines = [f"group {self.group_id!r} is {self.state}{generation}, {len(self.members)} member(s)"]
        for member in self.members:
            owned = ", ".join(map(str, sorted(member.assignment))) or "nothing"
            lines.append(f"  {member.client_id} ({member.member_id}) owns {owned}")
        lines += [
            f"  {partition}: committed {committed.offset} of {committed.end_offset}"
            for partition, committed in sorted(self.committed.items())
        ]
        return "\n".join(lines)

"""What can be awaited of a group: conditions, which return the group once they hold, and describe what is missing.

Pure: what a condition looks at is handed in, so that any kind of broker can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.records import existing
from kafkalite.controls.views import Group, Record, TopicPartition


class Source(Protocol):
    """What conditions look at."""

    def group(self, group: str) -> Group:
        """Return a group as it is now."""
        ...

    def partition_count(self, topic: str) -> int:
        """Return the number of a topic's partitions, 0 if there is no such topic."""
        ...

    def position(self, client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Return the offset that a client fetched last from a partition, ignoring fetches before ``since``."""
        ...

    def stable_since(self, group_id: str) -> int:
        """Return the number of the first fetch after the group became stable."""
        ...


class Condition(Protocol):
    """Something about a group that may come true."""

    @property
    def group_id(self) -> str:
        """The group that it is about."""
        ...

    def met(self, source: Source) -> Group | None:
        """Return the group once the condition holds, None before."""
        ...

    def missing(self, source: Source) -> str:
        """Describe what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Stable:
    """A group is stable, and each partition of what its members subscribe to has an owner.

    The second, because there are generations on the way that own nothing, or not all: kafka-python joins before it
    knows how many partitions there are, and cooperative members revoke partitions before others get them.
    """

    group_id: str
    members: int | None

    def met(self, source: Source) -> Group | None:
        """Return the stable group."""
        group = source.group(self.group_id)
        enough = bool(group.members) if self.members is None else len(group.members) == self.members
        return group if group.state == "Stable" and enough and not _unowned(group, source) else None

    def missing(self, source: Source) -> str:
        """Name the number of members that is awaited, and the partitions without an owner."""
        wanted = "members" if self.members is None else f"{self.members} member(s)"
        group = source.group(self.group_id)
        unowned = ", ".join(map(str, _unowned(group, source))) if group.members else ""
        return f"group {self.group_id!r} to be stable with {wanted}" + (
            f"; without an owner: {unowned}" if unowned else ""
        )


@dataclass(frozen=True, slots=True)
class HasCommitted:
    """A group has committed at least these offsets."""

    group_id: str
    offsets: Mapping[TopicPartition, int]

    @classmethod
    def of(
        cls,
        group_id: str,
        topic: str,
        partition: int | None,
        offset: int | Mapping[int, int] | None,
        end_offsets: tuple[int, ...],
    ) -> HasCommitted:
        """Return the condition for an offset, for one each of some partitions, or for the end of a topic.

        Raises LookupError for a partition that the topic does not have.
        """
        total = len(end_offsets)
        if isinstance(offset, Mapping):
            if partition is not None:
                raise InvalidRequest("offset names the partitions already: leave partition out")
            return cls(
                group_id, {TopicPartition(topic, existing(topic, each, total)): at for each, at in offset.items()}
            )
        chosen = range(total) if partition is None else (existing(topic, partition, total),)
        if offset is not None:
            return cls(group_id, {TopicPartition(topic, index): offset for index in chosen})
        # Nothing is committed for a partition that never had a record.
        return cls(
            group_id, {TopicPartition(topic, index): end_offsets[index] for index in chosen if end_offsets[index]}
        )

    def met(self, source: Source) -> Group | None:
        """Return the group that has committed them."""
        group = source.group(self.group_id)
        return None if self._behind(group) else group

    def missing(self, source: Source) -> str:
        """Name the offsets that have not been committed."""
        behind = ", ".join(f"{at} at {offset}" for at, offset in self._behind(source.group(self.group_id)).items())
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

    A member's fetches are those with its client id. From then on a member that starts at the end of the log misses
    nothing that is produced.
    """

    group_id: str
    offsets: Mapping[TopicPartition, int]
    """Where positions are awaited; empty means all that the members own, at any offset."""

    def met(self, source: Source) -> Group | None:
        """Return the group whose members are in position."""
        group = source.group(self.group_id)
        if group.state != "Stable" or not group.owners:
            return None
        return None if self._behind(group, source) else group

    def missing(self, source: Source) -> str:
        """Name the partitions that have not been fetched."""
        group = source.group(self.group_id)
        behind = ", ".join(self._behind(group, source)) or "anything"
        return f"the members of group {self.group_id!r} to fetch {behind}"

    def _behind(self, group: Group, source: Source) -> list[str]:
        since, owners = source.stable_since(self.group_id), group.owners
        behind: list[str] = []
        for partition in self.offsets or owners:
            wanted = self.offsets.get(partition, 0)
            owner = owners.get(partition)
            at = None if owner is None else source.position(owner.client_id, partition, since=since)
            if at is None or at < wanted:
                behind.append(f"{partition} from {wanted} (owner: {owner.client_id if owner else 'none'}, at {at})")
        return behind


def _unowned(group: Group, source: Source) -> list[TopicPartition]:
    owners = group.owners
    subscribed = sorted({topic for member in group.members for topic in member.topics})
    every = (TopicPartition(topic, index) for topic in subscribed for index in range(source.partition_count(topic)))
    return [partition for partition in every if partition not in owners]


def missing_records(topic: str, count: int, read: Callable[[], Sequence[Record]]) -> str:
    """Describe how many records are awaited, and how many there are."""
    try:
        found = len(read())
    except LookupError as error:
        return f"waited for {count} record(s): {error}"
    return f"waited for {count} record(s) of topic {topic!r}, and there are {found}"

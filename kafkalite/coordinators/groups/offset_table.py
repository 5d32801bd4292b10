"""The committed offsets of all groups, and those that wait for the end of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from kafkalite_wire.schema import ZERO_UUID

NO_EPOCH: Final = -1
NO_EXPIRY: Final = -1


class CommittedOffset(NamedTuple):
    """A committed offset; times are milliseconds since 1970.

    ``expire_timestamp`` is that of a client that asked for its own retention (versions 2 to 4 of OffsetCommit).
    ``topic_id`` is zero if it was unknown when the offset was committed.
    """

    offset: int
    commit_timestamp: int
    leader_epoch: int = NO_EPOCH
    metadata: str = ""
    expire_timestamp: int = NO_EXPIRY
    topic_id: bytes = ZERO_UUID

    def is_of(self, topic_id: bytes) -> bool:
        """Return whether this was committed for the topic with an id, as far as both ids are known."""
        return ZERO_UUID in (self.topic_id, topic_id) or self.topic_id == topic_id


TopicOffsets = Mapping[str, Mapping[int, CommittedOffset]]

_NONE: Final[TopicOffsets] = MappingProxyType({})


OffsetKey = tuple[str, str, int]
"""Group id, topic and partition."""


class OffsetTable:
    """Committed offsets by group, topic and partition; groups and topics without any are not kept."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, dict[int, CommittedOffset]]] = {}

    def put(self, group_id: str, topic: str, partition: int, committed: CommittedOffset) -> None:
        """Set the offset of a partition."""
        topics = self._groups.get(group_id)
        if topics is None:
            topics = self._groups[group_id] = {}
        partitions = topics.get(topic)
        if partitions is None:
            partitions = topics[topic] = {}
        partitions[partition] = committed

    def put_all(self, offsets: Mapping[OffsetKey, CommittedOffset]) -> None:
        """Set the offsets of many partitions, those of a topic in a row."""
        previous: tuple[str, str] | None = None
        partitions: dict[int, CommittedOffset] = {}
        for (group_id, topic, partition), committed in offsets.items():
            if previous is None or topic != previous[1] or group_id != previous[0]:
                previous = group_id, topic
                partitions = self._groups.setdefault(group_id, {}).setdefault(topic, {})
            partitions[partition] = committed

    def remove(self, group_id: str, topic: str, partition: int) -> None:
        """Remove the offset of a partition, if there is one."""
        topics = self._groups.get(group_id, {})
        partitions = topics.get(topic, {})
        partitions.pop(partition, None)
        if topic in topics and not partitions:
            del topics[topic]
        if group_id in self._groups and not topics:
            del self._groups[group_id]

    def discard(self, group_id: str) -> None:
        """Remove all offsets of a group."""
        self._groups.pop(group_id, None)

    def of(self, group_id: str) -> TopicOffsets:
        """Return a group's offsets; do not keep them, they change."""
        return self._groups.get(group_id, _NONE)

    def partitions_of(self, group_id: str) -> Iterator[tuple[str, int]]:
        """Walk over the partitions for which a group has offsets."""
        for topic, partitions in self.of(group_id).items():
            for partition in partitions:
                yield topic, partition

    def committed_to(self, topic: str, topic_id: bytes) -> Iterator[tuple[str, int, CommittedOffset]]:
        """Walk over the offsets of all groups in a topic, not in another one of that name, with group and partition.

        They may be removed between two of them.
        """
        for group_id in tuple(self._groups):
            for partition, committed in tuple(self.of(group_id).get(topic, {}).items()):
                if committed.is_of(topic_id):
                    yield group_id, partition, committed


class _Pending(NamedTuple):
    number: int
    committed: CommittedOffset | None


class PendingOffsets:
    """Offsets that were committed within transactions that have not ended, by producer id.

    The offset of an entry is None once the group has committed a later one, outside of transactions or in another one:
    the partition stays unstable, but the end of the transaction does not set an older offset.
    """

    def __init__(self) -> None:
        # By group within a producer, because a transaction ends for whole groups.
        self._producers: dict[int, dict[str, dict[OffsetKey, _Pending]]] = {}
        self._count = 0

    def put(self, producer_id: int, key: OffsetKey, committed: CommittedOffset | None) -> None:
        """Set the offset that a transaction commits for a partition; it is later than all that were set before."""
        self._count += 1
        groups = self._producers.setdefault(producer_id, {})
        groups.setdefault(key[0], {})[key] = _Pending(self._count, committed)

    def supersede(self, key: OffsetKey) -> None:
        """Note that a later offset of a partition was committed outside of transactions."""
        self._supersede(key, self._count + 1)

    def _supersede(self, key: OffsetKey, before: int) -> None:
        for offsets in self._of(key[0]):
            pending = offsets.get(key)
            if pending is not None and pending.number < before:
                offsets[key] = pending._replace(committed=None)

    def discard(self, key: OffsetKey) -> bool:
        """Remove what transactions commit for a partition; return whether there was anything."""
        found = False
        for producer_id, groups in tuple(self._producers.items()):
            offsets = groups.get(key[0], {})
            if offsets.pop(key, None) is not None:
                found = True
                if not offsets:
                    self._remove(producer_id, key[0])
        return found

    def discard_group(self, group_id: str) -> None:
        """Remove what transactions commit for a group."""
        for producer_id in tuple(self._producers):
            self._remove(producer_id, group_id)

    def drop(self, producer_id: int, belongs: Callable[[str], bool]) -> None:
        """Remove what a producer's transaction commits for the groups that belong to a partition."""
        self._take(producer_id, belongs)

    def commit(self, producer_id: int, belongs: Callable[[str], bool]) -> dict[OffsetKey, CommittedOffset]:
        """Remove and return what a producer's transaction commits for the groups that belong to a partition.

        What other transactions have set before that does not count any more.
        """
        committed: dict[OffsetKey, CommittedOffset] = {}
        for offsets in self._take(producer_id, belongs):
            committed |= {key: pending.committed for key, pending in offsets.items() if pending.committed is not None}
            if self._producers:
                for key, pending in offsets.items():
                    if pending.committed is not None:
                        self._supersede(key, pending.number)
        return committed

    def _take(self, producer_id: int, belongs: Callable[[str], bool]) -> list[dict[OffsetKey, _Pending]]:
        groups = self._producers.get(producer_id, {})
        return [self._remove(producer_id, group_id) for group_id in tuple(groups) if belongs(group_id)]

    def _remove(self, producer_id: int, group_id: str) -> dict[OffsetKey, _Pending]:
        groups = self._producers[producer_id]
        offsets = groups.pop(group_id, {})
        if not groups:
            del self._producers[producer_id]
        return offsets

    def _of(self, group_id: str) -> Iterator[dict[OffsetKey, _Pending]]:
        for groups in self._producers.values():
            if group_id in groups:
                yield groups[group_id]

    def of_group(self, group_id: str) -> set[tuple[str, int]]:
        """Return the topics and partitions of a group whose offsets are unstable."""
        return {key[1:] for offsets in self._of(group_id) for key in offsets}

    def entries(self) -> list[OffsetKey]:
        """List everything that transactions commit."""
        return [key for groups in self._producers.values() for offsets in groups.values() for key in offsets]

    def __bool__(self) -> bool:
        return bool(self._producers)

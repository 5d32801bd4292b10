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


OffsetKey = tuple[str, str, int]
"""Group id, topic and partition."""


class _Pending(NamedTuple):
    number: int
    committed: CommittedOffset | None


class PendingOffsets:
    """Offsets that were committed within transactions that have not ended, by producer id.

    The offset of an entry is None once the group has committed a later one, outside of transactions or in another one:
    the partition stays unstable, but the end of the transaction does not set an older offset.
    """

    def __init__(self) -> None:
        self._producers: dict[int, dict[OffsetKey, _Pending]] = {}
        self._count = 0

    def put(self, producer_id: int, key: OffsetKey, committed: CommittedOffset | None) -> None:
        """Set the offset that a transaction commits for a partition; it is later than all that were set before."""
        self._count += 1
        self._producers.setdefault(producer_id, {})[key] = _Pending(self._count, committed)

    def supersede(self, key: OffsetKey) -> None:
        """Note that a later offset of a partition was committed outside of transactions."""
        self._supersede(key, self._count + 1)

    def _supersede(self, key: OffsetKey, before: int) -> None:
        for offsets in self._producers.values():
            pending = offsets.get(key)
            if pending is not None and pending.number < before:
                offsets[key] = pending._replace(committed=None)

    def discard(self, key: OffsetKey) -> bool:
        """Remove what transactions commit for a partition; return whether there was anything."""
        return self._discard_where(lambda each: each == key)

    def discard_group(self, group_id: str) -> None:
        """Remove what transactions commit for a group."""
        self._discard_where(lambda key: key[0] == group_id)

    def _discard_where(self, matches: Callable[[OffsetKey], bool]) -> bool:
        found = False
        for producer_id, offsets in tuple(self._producers.items()):
            for key in [key for key in offsets if matches(key)]:
                del offsets[key]
                found = True
            if not offsets:
                del self._producers[producer_id]
        return found

    def drop(self, producer_id: int, belongs: Callable[[str], bool]) -> None:
        """Remove what a producer's transaction commits for the groups that belong to a partition."""
        self._take(producer_id, belongs)

    def commit(self, producer_id: int, belongs: Callable[[str], bool]) -> dict[OffsetKey, CommittedOffset]:
        """Remove and return what a producer's transaction commits for the groups that belong to a partition.

        What other transactions have set before that does not count any more.
        """
        committed: dict[OffsetKey, CommittedOffset] = {}
        for key, pending in self._take(producer_id, belongs).items():
            if pending.committed is not None:
                committed[key] = pending.committed
                if self._producers:
                    self._supersede(key, pending.number)
        return committed

    def _take(self, producer_id: int, belongs: Callable[[str], bool]) -> dict[OffsetKey, _Pending]:
        offsets = self._producers.get(producer_id, {})
        taken = {key: pending for key, pending in offsets.items() if belongs(key[0])}
        for key in taken:
            del offsets[key]
        if not offsets:
            self._producers.pop(producer_id, None)
        return taken

    def of_group(self, group_id: str) -> set[tuple[str, int]]:
        """Return the topics and partitions of a group whose offsets are unstable."""
        return {key[1:] for offsets in self._producers.values() for key in offsets if key[0] == group_id}

    def entries(self) -> list[OffsetKey]:
        """List everything that transactions commit."""
        return [key for offsets in self._producers.values() for key in offsets]

    def __bool__(self) -> bool:
        return bool(self._producers)

"""Which brokers are up, and which of them leads each partition: what Kafka's controller does.

Every change is a record of the metadata log, as Kafka writes it. A broker that stops gives up what it leads to the next
replica in sync; when it is back, it is in sync again, but leads only what had no leader, until the preferred leaders
are elected.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.replicas import NO_LEADER, Brokers, place, settled
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    PartitionChangeRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from kafkalite.config import BrokerConfig
    from kafkalite_storage.metadata.topics import Partition, Topic
    from kafkalite_storage.storage import Storage
    from kafkalite_wire.messages.metadata_records import MetadataRecord, RegisterBrokerRecord

log = getLogger("kafkalite.cluster")

_MIN_IN_SYNC: Final = "min.insync.replicas"
_FENCED: Final = 1
_UNFENCED: Final = -1


class InvalidReplicationFactor(StorageError):  # noqa: N818 - the name of Kafka's error code
    """More replicas than there are brokers, or none of them is up."""

    code = ErrorCode.INVALID_REPLICATION_FACTOR


class Leadership:
    """The leaders and replicas of all partitions, by the brokers that are up."""

    def __init__(
        self, storage: Storage, config: BrokerConfig, wall_ms: Callable[[], int], down: Collection[int] = ()
    ) -> None:
        """Settle every partition of the directory for the brokers that are not ``down``."""
        self._storage = storage
        self._config = config
        self._wall_ms = wall_ms
        self._placed = 0
        self.all: Final = config.broker_ids
        """The ids of all brokers, whether up or not."""
        self.up: set[int] = {broker for broker in self.all if broker not in down}
        """The ids of the brokers that may lead."""
        self.on_moved: Callable[[str, list[int]], None] | None = None
        """Called with a topic and those of its partitions that have another leader, or none."""
        self._change(self._unsettled())

    @property
    def down(self) -> set[int]:
        """The ids of the brokers that may not lead."""
        return {broker for broker in self.all if broker not in self.up}

    # Brokers

    def register(self, registrations: Sequence[RegisterBrokerRecord]) -> None:
        """Record that brokers have started."""
        if registrations:
            self._storage.metadata.append(registrations, self._wall_ms())

    def fence(self, broker: int) -> None:
        """Elect other leaders for what a broker leads. Raises StorageError."""
        self.up.discard(broker)
        self._change(self._unsettled(), self._registration(broker, _FENCED))

    def unfence(self, broker: int) -> None:
        """Bring a broker back: it is in sync, and leads what has no leader. Raises StorageError."""
        self.up.add(broker)
        self._change(self._unsettled(), self._registration(broker, _UNFENCED))

    def _registration(self, broker: int, fenced: int) -> Sequence[MetadataRecord]:
        epoch = self._storage.cluster_image.registered_brokers.get(broker)
        if epoch is None:
            return ()  # a single broker is not registered, and Kafka refuses such a change of an unknown one
        return (BrokerRegistrationChangeRecord(broker_id=broker, broker_epoch=epoch, fenced=fenced),)

    # Leaders

    def prefer(self, topic: Topic, indexes: Iterable[int]) -> None:
        """Elect the first replica of partitions, where it is in sync. Raises StorageError."""
        changes = (self._settled(topic, index, prefer_first=True) for index in indexes)
        self._change(change for change in changes if change is not None)

    def prefer_everywhere(self) -> None:
        """Do that for all partitions. Raises StorageError."""
        self._change(
            change
            for topic in tuple(self._storage.topics.values())
            for index in range(topic.partitions)
            if (change := self._settled(topic, index, prefer_first=True)) is not None
        )

    def _unsettled(self) -> Iterable[PartitionChangeRecord]:
        whole = set[int]()  # most partitions of a topic are one object
        for topic in tuple(self._storage.topics.values()):
            for index, partition in enumerate(topic.assignment):
                if id(partition) in whole:
                    continue
                if self._is_whole(partition):
                    whole.add(id(partition))
                elif (change := self._settled(topic, index)) is not None:
                    yield change

    def _is_whole(self, partition: Partition) -> bool:
        """Return whether a partition has a leader, and all of its replicas are in sync."""
        is_up = self.up.issuperset(partition.replicas)
        return is_up and partition.leader in partition.isr and len(partition.isr) == len(partition.replicas)

    def _settled(
        self, topic: Topic, index: int, *, replicas: tuple[int, ...] | None = None, prefer_first: bool = False
    ) -> PartitionChangeRecord | None:
        partition = topic.assignment[index]
        is_short = len(partition.replicas) > 1 or replicas is not None
        return settled(
            topic.topic_id,
            index,
            partition,
            Brokers(all=self.all, up=self.up),
            min_in_sync=self._min_in_sync(topic) if is_short else 1,
            replicas=replicas,
            prefer_first=prefer_first,
        )

    def _change(self, changes: Iterable[PartitionChangeRecord], first: Sequence[MetadataRecord] = ()) -> None:
        records = tuple(changes)
        if not records and not first:
            return
        topics = self._storage.topics_by_id
        before = {id(record): topics[record.topic_id].assignment[record.partition_id] for record in records}
        self._storage.metadata.append((*first, *records), self._wall_ms())
        moved: dict[str, list[int]] = {}
        for record in records:
            topic = topics[record.topic_id]
            partition = topic.assignment[record.partition_id]
            if partition.leader_epoch != before[id(record)].leader_epoch:
                opened = self._storage.open_logs.get((topic.name, record.partition_id))
                if opened is not None and partition.leader != NO_LEADER:
                    opened.start_epoch(partition.leader_epoch)
                moved.setdefault(topic.name, []).append(record.partition_id)
        if self.on_moved is not None:
            for name, indexes in moved.items():
                self.on_moved(name, indexes)

    # Replicas

    def place(self, partitions: int, factor: int) -> list[tuple[int, ...]] | None:
        """Return replicas for new partitions, led by brokers that are up; None where there is one broker.

        Raises InvalidReplicationFactor.
        """
        if factor > len(self.all):
            raise InvalidReplicationFactor(
                f"Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot "
                f"be reached because only {len(self.all)} broker(s) are registered or some brokers have all their log "
                "directories cordoned."
            )
        if len(self.all) == 1:
            return None
        up = [broker for broker in self.all if broker in self.up]
        if not up:
            raise InvalidReplicationFactor(
                f"Unable to replicate the partition {factor} time(s): All brokers are currently fenced."
            )
        racks = [self._config.racks[broker - self.all.start] for broker in up]
        start, self._placed = self._placed, self._placed + partitions
        return place(partitions, factor, up, racks, start, sorted(self.down))

    def reassign(self, topic: Topic, index: int, replicas: tuple[int, ...]) -> None:
        """Replace the replicas of a partition, at once. Raises StorageError."""
        change = self._settled(topic, index, replicas=replicas)
        if change is not None:
            self._change([change])

    def factor(self, wanted: int) -> int:
        """Return a replication factor of the configuration, at most one replica for each broker."""
        return min(wanted, len(self.all))

    def accepts_writes(self, name: str, index: int) -> bool:
        """Return whether enough replicas of a partition are in sync for a write to all of them."""
        topic = self._storage.topics.get(name)
        if topic is None:
            return True  # it is created when it is written to
        partition = topic.assignment[index]
        return len(partition.isr) == len(partition.replicas) or not self.has_too_few_in_sync(topic, partition)

    def has_too_few_in_sync(self, topic: Topic, partition: Partition) -> bool:
        """Return whether a write to all replicas in sync is refused, because they are too few."""
        least = min(self._min_in_sync(topic), len(partition.replicas), len(self.all))
        return len(partition.isr) < least

    def _min_in_sync(self, topic: Topic) -> int:
        text = topic.configs.get(_MIN_IN_SYNC) or self._storage.log_defaults.get(_MIN_IN_SYNC, "1")
        return int(text)

"""The catalogue of topics: the state that results from the records of the metadata log."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import Final

from kafkalite_storage.errors import InvalidTopic
from kafkalite_storage.metadata.cluster_image import ClusterImage
from kafkalite_wire.messages.metadata_records import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    ConfigRecord,
    EndTransactionRecord,
    FeatureLevelRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    TopicRecord,
)
from kafkalite_wire.values import value_class

INTERNAL_TOPICS: Final = frozenset(("__consumer_offsets", "__transaction_state", "__share_group_state"))
METADATA_TOPIC: Final = "__cluster_metadata"
METADATA_VERSION: Final = "metadata.version"
#: Resource types of a ConfigRecord.
TOPIC_RESOURCE: Final = 2
BROKER_RESOURCE: Final = 4

MOST_NEW_PARTITIONS: Final = 10_000
"""The largest number of partitions to create at once, as in Kafka's controller."""

_LONGEST_NAME: Final = 249
_LEGAL_NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")
_NO_CHANGE: Final = -2


def check_topic_name(name: str) -> None:
    """Raise InvalidTopic for a name that Kafka refuses."""
    if not name:
        raise InvalidTopic("Topic name is invalid: it is empty")
    if name in (".", ".."):
        raise InvalidTopic(f"Topic name is invalid: {name!r} is a directory")
    if len(name) > _LONGEST_NAME:
        raise InvalidTopic(f"Topic name is invalid: it has {len(name)} characters, {_LONGEST_NAME} are allowed")
    if not _LEGAL_NAME.fullmatch(name):
        raise InvalidTopic(
            f"Topic name is invalid: {name!r} has characters other than letters, digits, '.', '_' and '-'"
        )


@value_class(kw_only=True)
class Partition:
    """The replicas and leader of a partition; the first replica is the preferred leader."""

    leader: int
    leader_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...] = ()
    """The replicas that are in sync."""
    elr: tuple[int, ...] = ()
    """The replicas that may lead although they are not in sync, because too few are (KIP-966)."""
    last_known_elr: tuple[int, ...] = ()
    """The last leader, while there is none (KIP-966)."""
    partition_epoch: int = 0


@value_class(kw_only=True)
class Topic:
    """A topic; `configs` are its own overrides, `topic_id` is a UUID of 16 bytes."""

    name: str
    topic_id: bytes
    assignment: tuple[Partition, ...] = ()
    configs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self.assignment)

    @property
    def is_internal(self) -> bool:
        """Whether it is an internal topic of the brokers."""
        return self.name in INTERNAL_TOPICS


class MetadataImage:
    """Topics, configurations and features after all records so far; unknown records are ignored."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[bytes, Topic] = {}
        #: Dynamic configurations by broker id as text; "" holds those of all brokers.
        self.broker_configs: dict[str, dict[str, str]] = {}
        self.features: dict[str, int] = {}
        self.cluster = ClusterImage()
        self.next_producer_id = 0
        #: Deleted topics, whose files a crash may have left.
        self.removed_topic_ids: set[bytes] = set()
        self._early_configs: dict[str, dict[str, str]] = {}
        self._transaction: list[MetadataRecord] | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether the end of a transaction is still to come."""
        return self._transaction is not None

    def replay_all(self, records: Iterable[MetadataRecord]) -> None:
        """Apply records in their order; those of a topic's partitions, which follow each other, in one go."""
        of_topic: list[PartitionRecord | PartitionChangeRecord] = []
        for record in records:
            if isinstance(record, PartitionRecord | PartitionChangeRecord) and self._transaction is None:
                if of_topic and of_topic[-1].topic_id != record.topic_id:
                    self._replay_partitions(of_topic)
                    of_topic = []
                of_topic.append(record)
                continue
            self._replay_partitions(of_topic)
            of_topic = []
            self.replay(record)
        self._replay_partitions(of_topic)

    def _replay_partitions(self, records: list[PartitionRecord | PartitionChangeRecord]) -> None:
        """Apply records of one topic's partitions without copying its assignment for each of them."""
        topic = self.topics_by_id.get(records[0].topic_id) if records else None
        if topic is None:
            return
        assignment = list(topic.assignment)
        new = NewPartitions()
        for record in records:
            if isinstance(record, PartitionChangeRecord):
                if record.partition_id < len(assignment):
                    assignment[record.partition_id] = _changed(assignment[record.partition_id], record)
            elif record.partition_id <= len(assignment):
                assignment[record.partition_id : record.partition_id + 1] = [new.of(record)]
        self._put(replace(topic, assignment=tuple(assignment)))

    def add_partitions(self, topic_id: bytes, partitions: Sequence[Partition]) -> None:
        """Add partitions to a topic."""
        topic = self.topics_by_id[topic_id]
        self._put(replace(topic, assignment=(*topic.assignment, *partitions)))

    def replay(self, record: MetadataRecord) -> None:
        """Apply a record of the metadata log."""
        match record:
            case BeginTransactionRecord():
                self._transaction = []
            case EndTransactionRecord():
                pending, self._transaction = self._transaction or [], None
                self.replay_all(pending)
            case AbortTransactionRecord():
                self._transaction = None
            case _ if self._transaction is not None:
                self._transaction.append(record)
            case _:
                self._apply(record)

    def _apply(self, record: MetadataRecord) -> None:
        match record:
            case TopicRecord():
                # The configurations of a new topic may come before it: a config record names no topic id.
                configs = self._early_configs.pop(record.name, {})
                self._put(Topic(name=record.name, topic_id=record.topic_id, configs=MappingProxyType(configs)))
            case PartitionRecord() | PartitionChangeRecord():
                self._replay_partitions([record])
            case RemoveTopicRecord():
                self.removed_topic_ids.add(record.topic_id)
                topic = self.topics_by_id.pop(record.topic_id, None)
                if topic is not None:
                    del self.topics[topic.name]
            case ConfigRecord():
                self._configure(record)
            case FeatureLevelRecord():
                self.features[record.name] = record.feature_level
            case ProducerIdsRecord():
                self.next_producer_id = record.next_producer_id
            case _:
                self.cluster.apply(record)

    def _put(self, topic: Topic) -> None:
        self.topics[topic.name] = topic
        self.topics_by_id[topic.topic_id] = topic

    def _configure(self, record: ConfigRecord) -> None:
        if record.resource_type == BROKER_RESOURCE:
            _set(self.broker_configs.setdefault(record.resource_name, {}), record)
        elif record.resource_type == TOPIC_RESOURCE:
            topic = self.topics.get(record.resource_name)
            if topic is None:
                _set(self._early_configs.setdefault(record.resource_name, {}), record)
                return
            configs = dict(topic.configs)
            _set(configs, record)
            self._put(replace(topic, configs=MappingProxyType(configs)))
        else:
            self.cluster.apply(record)


class NewPartitions:
    """Turns partition records into partitions; those that are alike, as most of a topic's are, share one object."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Partition] = {}

    def of(self, record: PartitionRecord) -> Partition:
        """Return the partition that a record describes."""
        elr, last_known_elr = record.eligible_leader_replicas or (), record.last_known_elr or ()
        key = (
            record.leader,
            record.leader_epoch,
            record.replicas,
            record.isr,
            elr,
            last_known_elr,
            record.partition_epoch,
        )
        partition = self._known.get(key)
        if partition is None:
            partition = self._known[key] = Partition(
                leader=record.leader,
                leader_epoch=record.leader_epoch,
                replicas=record.replicas,
                isr=record.isr,
                elr=elr,
                last_known_elr=last_known_elr,
                partition_epoch=record.partition_epoch,
            )
        return partition


def _changed(old: Partition, record: PartitionChangeRecord) -> Partition:
    moved = record.leader != _NO_CHANGE
    return replace(
        old,
        leader=record.leader if moved else old.leader,
        leader_epoch=old.leader_epoch + moved,
        replicas=old.replicas if record.replicas is None else record.replicas,
        isr=old.isr if record.isr is None else record.isr,
        elr=old.elr if record.eligible_leader_replicas is None else record.eligible_leader_replicas,
        last_known_elr=old.last_known_elr if record.last_known_elr is None else record.last_known_elr,
        partition_epoch=old.partition_epoch + 1,
    )


def _set(configs: dict[str, str], record: ConfigRecord) -> None:
    if record.value is None:
        configs.pop(record.name, None)
    else:
        configs[record.name] = record.value

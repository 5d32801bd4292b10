"""One transactional id: its producer, its epoch, its state and the partitions of its transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.transactions.states import TRANSITIONS, Trigger
from kafkalite.coordinators.transactions.versions import VERSION_1, VERSION_2
from kafkalite_wire.messages.transaction_records import (
    PartitionsSchema,
    TransactionLogKey,
    TransactionLogValue,
    TransactionState,
    encode_transaction_key,
    encode_transaction_value,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer

NO_PRODUCER_ID: Final = -1
NO_EPOCH: Final = -1
_LAST_EPOCH: Final = 2**15 - 2
"""The last epoch that a producer gets; the one above is for fencing it. After it comes a new producer id."""

Partition = tuple[str, int]


@dataclass(slots=True, kw_only=True, eq=False)
class Transaction:
    """The state of a transactional id; times are milliseconds since 1970, -1 if there is none.

    ``last_producer_epoch`` is the epoch that the producer itself had before it initialized again; it is not recorded.
    """

    transactional_id: str
    timeout: Timer
    producer_id: int
    previous_producer_id: int = NO_PRODUCER_ID
    next_producer_id: int = NO_PRODUCER_ID
    producer_epoch: int = NO_EPOCH
    last_producer_epoch: int = NO_EPOCH
    timeout_ms: int = 0
    state: TransactionState = TransactionState.EMPTY
    partitions: dict[Partition, None] = field(default_factory=dict[Partition, None])
    start_ms: int = -1
    updated_ms: int = -1
    client_version: int = VERSION_1
    unmarked: dict[Partition, None] = field(default_factory=dict[Partition, None])
    """The partitions that lack the marker of a transaction that ends."""
    incarnation: int = 0
    """Counts the transactions that have ended, so that a late event of one is not taken for one of the next."""

    @property
    def is_exhausted(self) -> bool:
        """Whether the producer id has no epoch left for a producer."""
        return self.producer_epoch >= _LAST_EPOCH

    @property
    def is_ending(self) -> bool:
        """Whether the end of the transaction is decided, and its markers are not all written."""
        return self.state in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)

    @property
    def commits(self) -> bool:
        """Whether the decision is to commit."""
        return self.state is TransactionState.PREPARE_COMMIT

    def partitions_by_topic(self) -> dict[str, list[int]]:
        """Return the partitions of the transaction, by topic."""
        topics: dict[str, list[int]] = {}
        for topic, index in self.partitions:
            topics.setdefault(topic, []).append(index)
        return topics

    def is_retry(self, producer_id: int, producer_epoch: int) -> bool:
        """Return whether an EndTxn of version 5 or later names the producer before the last end of a transaction."""
        return self.is_retry_after_rotation(producer_id, producer_epoch) or self.producer_epoch == producer_epoch + 1

    def is_retry_after_rotation(self, producer_id: int, producer_epoch: int) -> bool:
        """Return whether this names the producer id before the present one, with its last epoch."""
        return self.previous_producer_id == producer_id and producer_epoch == _LAST_EPOCH and self.producer_epoch == 0

    def is_earlier_producer(self, producer_id: int, producer_epoch: int) -> bool:
        """Return whether this names the producer id before the present one, which had used up its epochs."""
        return self.previous_producer_id == producer_id and producer_epoch >= _LAST_EPOCH

    def transition(self, trigger: Trigger, wall_ms: int) -> None:
        """Change the state as the table says. Raises KeyError for what cannot happen in this state."""
        self.state = TRANSITIONS[self.state, trigger]
        self.updated_ms = wall_ms

    # Transitions with their data

    def initialize(self, *, producer_id: int, epoch: int, last_epoch: int, timeout_ms: int, wall_ms: int) -> None:
        """Begin with a producer id and epoch, without a transaction."""
        self.transition(Trigger.INITIALIZED, wall_ms)
        self.previous_producer_id, self.producer_id = self.producer_id, producer_id
        self.producer_epoch, self.last_producer_epoch = epoch, last_epoch
        self.timeout_ms = timeout_ms
        self.partitions.clear()
        self.start_ms = -1

    def add(self, partitions: Iterable[Partition], client_version: int, wall_ms: int) -> bool:
        """Add partitions, and begin a transaction if there is none; return whether one began."""
        begins = self.state is not TransactionState.ONGOING
        self.transition(Trigger.PARTITIONS_ADDED, wall_ms)
        if begins:
            self.start_ms = wall_ms
        self.partitions.update(dict.fromkeys(partitions))
        self.client_version = client_version
        return begins

    def prepare(
        self, *, commit: bool, client_version: int, next_producer_id: int = NO_PRODUCER_ID, wall_ms: int
    ) -> None:
        """Decide how the transaction ends; a client of version 2 gets the next epoch, or the next producer id."""
        if self.state is not TransactionState.ONGOING:
            self.start_ms = wall_ms
        self.transition(Trigger.COMMIT if commit else Trigger.ABORT, wall_ms)
        if client_version >= VERSION_2:
            self.last_producer_epoch = self.producer_epoch
            self.producer_epoch += 1
        self.client_version = client_version
        self.next_producer_id = next_producer_id
        self.unmarked = dict(self.partitions)

    def successor(self) -> tuple[int, int]:
        """Return the producer id and epoch that the producer has once the transaction has ended."""
        if self.next_producer_id != NO_PRODUCER_ID:
            return self.next_producer_id, 0
        return self.producer_id, self.producer_epoch

    def complete(self, wall_ms: int) -> None:
        """Note that all markers are written."""
        self.transition(Trigger.MARKERS_WRITTEN, wall_ms)
        self.previous_producer_id = self.producer_id
        self.producer_id, self.producer_epoch = self.successor()
        self.next_producer_id = NO_PRODUCER_ID
        self.partitions.clear()
        self.incarnation += 1

    # Records

    def write(self, result: ResultBuilder) -> None:
        """Record the state."""
        result.record(self.transactional_id, _key(self.transactional_id), encode_transaction_value(self._value()))

    def write_tombstone(self, result: ResultBuilder) -> None:
        """Record that the transactional id is no longer known."""
        result.record(self.transactional_id, _key(self.transactional_id), None)

    def _value(self) -> TransactionLogValue:
        partitions = tuple(
            PartitionsSchema(topic=name, partition_ids=tuple(indexes))
            for name, indexes in self.partitions_by_topic().items()
        )
        return TransactionLogValue(
            producer_id=self.producer_id,
            previous_producer_id=self.previous_producer_id,
            next_producer_id=self.next_producer_id,
            producer_epoch=self.producer_epoch,
            transaction_timeout_ms=self.timeout_ms,
            transaction_status=self.state,
            transaction_partitions=None if self.state is TransactionState.EMPTY else partitions,
            transaction_last_update_timestamp_ms=self.updated_ms,
            transaction_start_timestamp_ms=self.start_ms,
            client_transaction_version=self.client_version,
        )

    @classmethod
    def of_record(cls, transactional_id: str, value: TransactionLogValue, timeout: Timer) -> Transaction:
        """Return the transactional id that a record describes. Raises ValueError for an unknown state."""
        partitions = dict.fromkeys(
            (topic.topic, index) for topic in value.transaction_partitions or () for index in topic.partition_ids
        )
        transaction = cls(
            transactional_id=transactional_id,
            timeout=timeout,
            producer_id=value.producer_id,
            previous_producer_id=value.previous_producer_id,
            next_producer_id=value.next_producer_id,
            producer_epoch=value.producer_epoch,
            timeout_ms=value.transaction_timeout_ms,
            state=TransactionState(value.transaction_status),
            partitions=partitions,
            start_ms=value.transaction_start_timestamp_ms,
            updated_ms=value.transaction_last_update_timestamp_ms,
            client_version=value.client_transaction_version,
        )
        if transaction.is_ending:
            transaction.unmarked = dict(partitions)
        return transaction


def _key(transactional_id: str) -> bytes:
    return encode_transaction_key(TransactionLogKey(transactional_id=transactional_id))

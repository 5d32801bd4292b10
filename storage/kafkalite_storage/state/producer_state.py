"""The producers of a partition: sequence numbers, epochs and open transactions (KIP-98, KIP-360)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kafkalite_storage.errors import (
    InvalidProducerEpoch,
    InvalidTxnState,
    OutOfOrderSequence,
    TransactionCoordinatorFenced,
)
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_wire.records import BatchHeader, EndTxnMarker
from kafkalite_wire.values import value_class

#: Batches for each producer whose duplicates are recognised; Kafka's clients keep at most five in flight.
BATCHES_TO_RETAIN: Final = 5
NO_EPOCH: Final = -1
_REFUSED_TO_RETAIN: Final = 1000
_LARGEST_SEQUENCE: Final = 0x7FFF_FFFF


@value_class
class SequencedBatch:
    """An appended batch: its last sequence number and offset, its record count less one, and its time."""

    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int

    @property
    def first_offset(self) -> int:
        """Offset of its first record."""
        return self.last_offset - self.offset_delta


@dataclass(slots=True)
class Producer:
    """One producer id's state in a partition; timestamps are milliseconds."""

    producer_id: int
    epoch: int = NO_EPOCH
    batches: list[SequencedBatch] = field(default_factory=list[SequencedBatch])
    coordinator_epoch: int = -1
    timestamp: int = -1


class ProducerStates:
    """All producers of a partition, up to the offset `end_offset`."""

    __slots__ = ("_refused", "end_offset", "open_transactions", "producers", "snapshot_offset")

    def __init__(self) -> None:
        self.producers: dict[int, Producer] = {}
        #: Offset of the first record of each producer's open transaction.
        self.open_transactions: dict[int, int] = {}
        #: Epoch and lowest sequence number of batches that could not begin a transaction, in memory only.
        self._refused: dict[int, tuple[int, int]] = {}
        self.end_offset = 0
        #: Offset of the newest snapshot that was written or read; -1: none.
        self.snapshot_offset = -1

    def __iter__(self) -> Iterator[Producer]:
        return iter(self.producers.values())

    def has_open_transaction(self, producer_id: int, epoch: int) -> bool:
        """Return whether a producer has written to its open transaction with an epoch."""
        return producer_id in self.open_transactions and self.producers[producer_id].epoch == epoch

    def is_fenced(self, producer_id: int, epoch: int) -> bool:
        """Return whether a producer id was used with a higher epoch."""
        producer = self.producers.get(producer_id)
        return producer is not None and epoch < producer.epoch

    def find_duplicate(self, header: BatchHeader) -> SequencedBatch | None:
        """Return the batch in the log that this one is a retry of, if any."""
        producer = self.producers.get(header.producer_id)
        if producer is None or producer.epoch != header.producer_epoch:
            return None
        last = header.last_sequence
        for batch in producer.batches:
            if batch.last_sequence == last and batch.offset_delta == header.last_offset_delta:
                return batch
        return None

    def check(self, header: BatchHeader) -> None:
        """Check a data batch of a client against what its producer has written.

        A producer that is not known may start with any number, because its state may have expired (KIP-360).

        Raises InvalidProducerEpoch, OutOfOrderSequence, InvalidTxnState.
        """
        epoch = header.producer_epoch
        first = header.base_sequence
        refused = self._refused.get(header.producer_id)
        if refused is not None and refused[0] == epoch and first > refused[1]:
            raise OutOfOrderSequence(
                f"sequence number {first} of producer {header.producer_id} follows {refused[1]}, which was refused"
            )
        producer = self.producers.get(header.producer_id)
        if producer is None:
            return
        if epoch < producer.epoch:
            raise InvalidProducerEpoch(
                f"epoch {epoch} of producer {header.producer_id} is older than its epoch {producer.epoch}"
            )
        if epoch != producer.epoch:
            if first != 0 and producer.epoch != NO_EPOCH:
                raise OutOfOrderSequence(
                    f"producer {header.producer_id} starts epoch {epoch} with sequence number {first}, not 0"
                )
        else:
            last = producer.batches[-1].last_sequence if producer.batches else -1
            if first != last + 1 and not (first == 0 and last == _LARGEST_SEQUENCE):
                raise OutOfOrderSequence(
                    f"sequence number {first} of producer {header.producer_id} follows {last} out of order"
                )
        if not header.is_transactional and header.producer_id in self.open_transactions:
            raise InvalidTxnState(f"producer {header.producer_id} writes outside of its open transaction")

    def note_refused(self, header: BatchHeader) -> None:
        """Note that a producer could not begin its transaction with a batch; a later batch must not come before it."""
        known = self._refused.pop(header.producer_id, None)
        sequence = header.base_sequence
        if known is not None and known[0] == header.producer_epoch:
            sequence = min(sequence, known[1])
        self._refused[header.producer_id] = (header.producer_epoch, sequence)
        if len(self._refused) > _REFUSED_TO_RETAIN:
            del self._refused[next(iter(self._refused))]

    def check_beginning(self, header: BatchHeader) -> None:
        """Check that a producer that has no batches here begins its transaction with sequence number 0 (KIP-890).

        Raises OutOfOrderSequence.
        """
        producer = self.producers.get(header.producer_id)
        if header.base_sequence and (producer is None or not producer.batches):
            raise OutOfOrderSequence(
                f"producer {header.producer_id} begins its transaction with sequence number {header.base_sequence}"
            )

    def record_batch(self, header: BatchHeader, base_offset: int) -> None:
        """Add a data batch that was appended at base_offset."""
        producer = self._producer(header)
        self._refused.pop(header.producer_id, None)
        timestamp = header.max_timestamp
        batches = producer.batches
        if len(batches) >= BATCHES_TO_RETAIN:
            del batches[0]
        delta = header.last_offset_delta
        batches.append(SequencedBatch(header.last_sequence, base_offset + delta, delta, timestamp))
        producer.timestamp = timestamp
        if header.is_transactional:
            self.open_transactions.setdefault(header.producer_id, base_offset)

    def check_raised_epoch(self, producer_id: int, epoch: int) -> None:
        """Check that the epoch of a marker is higher than that of the open transaction; raises InvalidProducerEpoch."""
        producer = self.producers.get(producer_id)
        if producer is not None and epoch <= producer.epoch and producer_id in self.open_transactions:
            raise InvalidProducerEpoch(f"a marker with epoch {epoch} of producer {producer_id} at {producer.epoch}")

    def check_marker(self, header: BatchHeader, marker: EndTxnMarker) -> None:
        """Check a transaction marker; raises InvalidProducerEpoch, TransactionCoordinatorFenced."""
        producer = self.producers.get(header.producer_id)
        if producer is None:
            return
        if header.producer_epoch < producer.epoch:
            raise InvalidProducerEpoch(
                f"a marker with epoch {header.producer_epoch} of producer {header.producer_id}, "
                f"which is at {producer.epoch}"
            )
        if marker.coordinator_epoch < producer.coordinator_epoch:
            raise TransactionCoordinatorFenced(
                f"a marker of coordinator epoch {marker.coordinator_epoch} after {producer.coordinator_epoch}"
            )

    def record_marker(self, header: BatchHeader, marker: EndTxnMarker, offset: int) -> AbortedTransaction | None:
        """End the producer's transaction with a marker at offset; return it if it was aborted."""
        producer = self._producer(header)
        start = self.open_transactions.pop(header.producer_id, -1)
        producer.coordinator_epoch = marker.coordinator_epoch
        producer.timestamp = header.max_timestamp
        if start < 0 or marker.commit:
            return None
        unstable = self.first_unstable_offset
        return AbortedTransaction(
            producer_id=header.producer_id,
            first_offset=start,
            last_offset=offset,
            last_stable_offset=offset + 1 if unstable is None else unstable,
        )

    @property
    def first_unstable_offset(self) -> int | None:
        """Offset at which the oldest open transaction began."""
        return min(self.open_transactions.values(), default=None)

    def expire(self, before_ms: int) -> list[int]:
        """Forget producers without an open transaction that wrote nothing since a time; return their ids."""
        expired = [
            p.producer_id for p in self if p.timestamp < before_ms and p.producer_id not in self.open_transactions
        ]
        for producer_id in expired:
            del self.producers[producer_id]
        return expired

    def _producer(self, header: BatchHeader) -> Producer:
        producer = self.producers.get(header.producer_id)
        if producer is None:
            producer = self.producers[header.producer_id] = Producer(header.producer_id, header.producer_epoch)
        elif producer.epoch != header.producer_epoch:
            producer.epoch = header.producer_epoch
            producer.batches.clear()
        return producer

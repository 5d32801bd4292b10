"""The transaction of a Produce request: which partitions join it, and why a batch is refused (KIP-890).

A transactional batch needs its partition in the transaction. From version 12 on the batch itself adds it; before that
the producer must have added it, which is verified.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.transactions.versions import VERSION_2, verification_error
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.coordinators.recording import Recording
    from kafkalite.requests.steps import Steps
    from kafkalite_storage.state.producer_state import ProducerStates
    from kafkalite_wire.records import BatchHeader

_ABORTABLE: Final = 11
_JOINS_TRANSACTION: Final = 12
_RETRIABLE: Final = (
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
)
"""Errors of the transaction coordinator that producers may not expect."""

Partition = tuple[str, int]


@value_class
class TransactionalBatch:
    """One batch that can be read, of a partition that can be used."""

    partition: Partition
    states: ProducerStates
    header: BatchHeader


class ProducedTransaction:
    """The transaction of one request, from joining it to the last append."""

    __slots__ = (
        "_beginning",
        "_cluster",
        "_has_waited",
        "_headers",
        "_producers",
        "_refused",
        "_transactional_id",
        "_version",
        "refusal_of_all",
    )

    def __init__(self, cluster: Cluster, transactional_id: str, version: int) -> None:
        self._cluster = cluster
        self._transactional_id = transactional_id
        self._version = version
        self._refused: dict[Partition, ErrorCode] = {}
        self._headers: dict[Partition, BatchHeader] = {}
        self._producers: set[tuple[int, int]] = set()
        self._has_waited = False
        #: The partitions in which the transaction begins with this request.
        self._beginning: dict[Partition, ProducerStates] = {}
        self.refusal_of_all = ErrorCode.NONE
        """Set where the batches are of several producers."""

    def note(self, batch: TransactionalBatch) -> None:
        """Note a batch of the request, before :meth:`join`."""
        header = batch.header
        self._headers[batch.partition] = header
        self._producers.add((header.producer_id, header.producer_epoch))
        if batch.states.has_open_transaction(header.producer_id, header.producer_epoch):
            return
        if batch.states.is_fenced(header.producer_id, header.producer_epoch):
            self._refuse(batch.partition, ErrorCode.INVALID_PRODUCER_EPOCH)
        else:
            self._beginning[batch.partition] = batch.states

    def join(self) -> Steps[Recording | None]:
        """Add the partitions that are not yet in the transaction, or before version 12 verify that they are in it.

        Return what has to be settled before the response is sent, or None.
        """
        if len(self._producers) > 1:
            self.refusal_of_all = ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if len(self._producers) != 1 or not self._beginning:
            return None
        partitions = list(self._beginning)
        ((producer_id, epoch),) = self._producers
        transactions = self._cluster.transactions
        if self._version < _JOINS_TRANSACTION:
            verified = transactions.coordinator.verify(self._transactional_id, producer_id, epoch, partitions)
            for partition, error in verified.items():
                self._refuse(partition, error)
            return None
        add = partial(
            transactions.add_partitions,
            self._transactional_id,
            producer_id,
            epoch,
            partitions,
            client_version=VERSION_2,
        )
        added = add()
        if added.error is ErrorCode.CONCURRENT_TRANSACTIONS:
            # Kafka waits for the markers of the transaction before, up to 100 ms, and tries again.
            self._has_waited = True
            yield from transactions.complete(self._transactional_id)
            added = add()
        for partition in partitions:
            self._refuse(partition, added.error)
        return added

    def header(self, partition: Partition) -> BatchHeader | None:
        """Return the header of a batch that was checked when it joined, or None."""
        return self._headers.get(partition)

    def refusal(self, partition: Partition, header: BatchHeader, *, may_have_ended: bool) -> ErrorCode:
        """Return why the batch may not be appended now, or NONE.

        ``may_have_ended`` says that other requests have had their turn since :meth:`note`. Raises StorageError.
        """
        if (may_have_ended or self._has_waited) and partition not in self._refused:
            self._verify_again(partition, header)
        error = self._refused.get(partition, ErrorCode.NONE)
        states = self._beginning.get(partition)
        if states is not None:
            if error:
                states.note_refused(header)
            elif self._version >= _JOINS_TRANSACTION:
                states.check_beginning(header)
        return error

    def _verify_again(self, partition: Partition, header: BatchHeader) -> None:
        """Refuse a batch whose transaction has ended since the request began: no marker would follow it."""
        log = self._cluster.log(*partition)
        producer = header.producer_id, header.producer_epoch
        if log is None or log.producers.has_open_transaction(*producer):
            return
        verified = self._cluster.transactions.coordinator.verify(self._transactional_id, *producer, (partition,))
        self._refuse(partition, verified[partition])

    def _refuse(self, partition: Partition, error: ErrorCode) -> None:
        if not error:
            return
        error = verification_error(error, may_be_abortable=self._version >= _ABORTABLE)
        if error in _RETRIABLE or (error is ErrorCode.CONCURRENT_TRANSACTIONS and self._version < _JOINS_TRANSACTION):
            error = ErrorCode.NOT_ENOUGH_REPLICAS  # older clients retry with this one
        self._refused[partition] = error

"""Which transactional records compaction drops: those of aborted transactions, and markers without data before them."""

from collections.abc import Iterable

from kafkalite_storage.segment.transaction_index import AbortedTransaction


class TransactionCleaning:
    """Tracks the transactions of a log, whose batches are passed in order; all of them have ended (KIP-98)."""

    __slots__ = ("_aborted", "_committed", "_waiting", "_with_data")

    def __init__(self, aborted: Iterable[AbortedTransaction]) -> None:
        #: Aborted transactions that begin later, the next one last.
        self._waiting = sorted(aborted, key=lambda transaction: transaction.first_offset, reverse=True)
        #: Aborted transactions that have begun and not ended, by producer.
        self._aborted: dict[int, AbortedTransaction] = {}
        #: Their producers that had a batch.
        self._with_data: set[int] = set()
        #: Producers with a batch of a transaction that will be committed.
        self._committed: set[int] = set()

    def is_aborted(self, producer_id: int, last_offset: int) -> bool:
        """Return whether the transaction of a batch of data was aborted."""
        self._begin(last_offset)
        if producer_id in self._aborted:
            self._with_data.add(producer_id)
            return True
        self._committed.add(producer_id)
        return False

    def end(self, producer_id: int, last_offset: int, commit: bool) -> tuple[bool, AbortedTransaction | None]:
        """End a transaction. Return whether no data of it was left, and the aborted transaction, if it was aborted."""
        self._begin(last_offset)
        if commit:
            had_data = producer_id in self._committed
            self._committed.discard(producer_id)
            return not had_data, None
        aborted = self._aborted.pop(producer_id, None)
        had_data = producer_id in self._with_data
        self._with_data.discard(producer_id)
        return not had_data, aborted if had_data else None

    def _begin(self, offset: int) -> None:
        waiting = self._waiting
        while waiting and waiting[-1].first_offset <= offset:
            transaction = waiting.pop()
            self._aborted.setdefault(transaction.producer_id, transaction)

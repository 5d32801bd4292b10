"""Which records of transactions compaction drops: those of aborted ones, and markers that end nothing any more."""

from collections.abc import Iterable

from kafkalite_storage.segment.transaction_index import AbortedTransaction


class TransactionCleaning:
    """Follows the transactions of a log while its batches pass in order; all of them are complete (KIP-98)."""

    __slots__ = ("_aborted", "_committed", "_waiting", "_with_data")

    def __init__(self, aborted: Iterable[AbortedTransaction]) -> None:
        #: Those that did not begin yet, the next one last.
        self._waiting = sorted(aborted, key=lambda transaction: transaction.first_offset, reverse=True)
        #: By producer: those that did begin and have not ended.
        self._aborted: dict[int, AbortedTransaction] = {}
        #: Producers of them of which a batch was seen.
        self._with_data: set[int] = set()
        #: Producers with a batch of a transaction that will be committed.
        self._committed: set[int] = set()

    def is_aborted(self, producer_id: int, last_offset: int) -> bool:
        """Take a transactional batch of data; tell whether its transaction was aborted."""
        self._begin(last_offset)
        if producer_id in self._aborted:
            self._with_data.add(producer_id)
            return True
        self._committed.add(producer_id)
        return False

    def end(self, producer_id: int, last_offset: int, commit: bool) -> tuple[bool, AbortedTransaction | None]:
        """Take a marker; tell whether no data of its transaction was left, and else what was aborted, if it was."""
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

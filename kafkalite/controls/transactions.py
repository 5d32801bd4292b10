"""The transactional ids of a broker, and operations on them that Kafka has no requests for."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafkalite.controls.definition import Subject, get, post
from kafkalite.controls.errors import Conflict, NotFound
from kafkalite.controls.views import TopicPartition, Transaction

if TYPE_CHECKING:
    from kafkalite.coordinators.transactions.transaction import Transaction as CoordinatorTransaction


class Transactions(Subject):
    """The transactional ids of a broker: described, aborted, and their markers held back."""

    @get("/transactions", result="transactions")
    def all(self) -> list[Transaction]:
        """Return all transactional ids with their states."""
        return [_view(each) for each in self._local.cluster.transactions.coordinator]

    @get("/transactions/{transactional_id}")
    def describe(self, transactional_id: str) -> Transaction:
        """Return a transactional id: state, producer and partitions of its transaction. Raises LookupError."""
        found = self._local.cluster.transactions.coordinator.get(transactional_id)
        if found is None:
            raise NotFound(f"there is no transactional id {transactional_id!r}")
        return _view(found)

    @post("/transactions/{transactional_id}/abort")
    def abort(self, transactional_id: str) -> Transaction:
        """Abort an open transaction and fence its producer, as if its time-out had ended.

        Raises LookupError for an unknown transactional id, and ValueError if it has no open transaction.
        """
        described = self.describe(transactional_id)
        try:
            self._local.cluster.transactions.abort(transactional_id)
        except KeyError:
            raise Conflict(f"{described}: it has no open transaction") from None
        self._local.cluster.after_request()
        return self.describe(transactional_id)

    @post("/transactions/hold-markers")
    def hold_markers(self, transactional_id: str | None = None) -> None:
        """Write no markers for a transactional id, or for all of them, until they are released.

        A producer's commit is answered, as in Kafka, before its markers are written. While they are held back,
        consumers of committed records do not see the records, and the producer's next transaction has to wait.
        """
        self._local.cluster.transactions.hold_markers(transactional_id)

    @post("/transactions/release-markers")
    def release_markers(self, transactional_id: str | None = None) -> None:
        """Write the markers that were held back for a transactional id, or all of them."""
        self._local.cluster.transactions.release_markers(transactional_id)
        self._local.cluster.after_request()

    @contextmanager
    def markers_held(self, transactional_id: str | None = None) -> Generator[None]:
        """Hold markers back until the block ends."""
        self.hold_markers(transactional_id)
        try:
            yield
        finally:
            self.release_markers(transactional_id)

    def __iter__(self) -> Iterator[str]:
        return (each.transactional_id for each in self.all())

    def __getitem__(self, transactional_id: str) -> Transaction:
        """Return a transactional id. Raises KeyError."""
        for each in self.all():
            if each.transactional_id == transactional_id:
                return each
        raise KeyError(f"there is no transactional id {transactional_id!r}")


def _view(transaction: CoordinatorTransaction) -> Transaction:
    from kafkalite.coordinators.transactions.states import STATE_NAMES

    return Transaction(
        transactional_id=transaction.transactional_id,
        state=STATE_NAMES[transaction.state],
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        timeout_ms=transaction.timeout_ms,
        partitions=tuple(TopicPartition(*each) for each in transaction.partitions),
    )

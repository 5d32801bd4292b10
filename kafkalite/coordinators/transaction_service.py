"""The transaction coordinator of the broker: the coordinator service over ``__transaction_state``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.recording import Recording
from kafkalite.coordinators.service import CoordinatorService
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.config import BrokerConfig
    from kafkalite.coordinators.results import CoordinatorResult
    from kafkalite.coordinators.service import CoordinatorEnvironment
    from kafkalite.coordinators.transactions.coordinator import TransactionCoordinator
    from kafkalite.coordinators.transactions.transaction import Partition
    from kafkalite.requests.steps import Steps

TRANSACTION_TOPIC: Final = "__transaction_state"


class TransactionCoordinatorService:
    """The coordinator of all transactional ids, with its clock and its log."""

    def __init__(
        self,
        environment: CoordinatorEnvironment,
        config: BrokerConfig,
        *,
        ensure_topic: Callable[[], object],
        new_producer_id: Callable[[], int],
        accepts_writes: Callable[[int], bool] | None = None,
    ) -> None:
        """``accepts_writes`` says of a partition of the topic whether enough of its replicas are in sync."""
        self._accepts_writes = accepts_writes
        self._storage = environment.storage
        self._config = config
        self._timers = environment.timers
        self._wall_ms = environment.wall_ms
        self._allocate = new_producer_id
        self._held: set[str | None] = set()
        self.prepare = ensure_topic
        """Creates the coordinator's topic if it does not exist. Raises StorageError."""
        self.on_performed: Callable[[CoordinatorResult], None] | None = None
        """Called after each change of a transaction, once its replies have been sent."""
        self._service: CoordinatorService[TransactionCoordinator] = CoordinatorService(
            TRANSACTION_TOPIC, self._new_coordinator, _partition_for, environment, ensure_topic
        )
        self._service.on_loaded = self._loaded
        self._service.on_performed = self._performed

    @property
    def coordinator(self) -> TransactionCoordinator:
        """The state of all transactional ids. If it is not loaded it is loaded now, in one piece; see :meth:`load`."""
        return self._service.coordinator

    def load(self) -> Steps[TransactionCoordinator]:
        """Return the coordinator, which is loaded in steps if it is not."""
        return self._service.load()

    def perform(self, result: CoordinatorResult) -> None:
        """Append the records of a result, send its replies, then write its markers."""
        self._service.perform(result)

    def start(self) -> Steps[None]:
        """Load what the log holds, if it holds anything: open transactions time out without any request."""
        if TRANSACTION_TOPIC in self._storage.topics:
            yield from self.load()

    def _new_coordinator(self) -> TransactionCoordinator:
        # Imported on first use: a broker starts faster than all of this is imported.
        from kafkalite.coordinators.transactions.coordinator import TransactionConfig, TransactionCoordinator

        config = self._config
        return TransactionCoordinator(
            TransactionConfig(
                transaction_max_timeout=config.transaction_max_timeout,
                transactional_id_expiration=config.transactional_id_expiration,
                transaction_remove_expired_transaction_cleanup_interval=(
                    config.transaction_remove_expired_transaction_cleanup_interval
                ),
            ),
            new_producer_id=self._new_producer_id,
            coordinator_epoch=self._coordinator_epoch,
            held=self._held,
        )

    def _new_producer_id(self) -> int | None:
        try:
            return self._allocate()
        except StorageError:
            return None

    def _coordinator_epoch(self, transactional_id: str) -> int:
        topic = self._storage.topics[TRANSACTION_TOPIC]
        return topic.assignment[_partition_for(transactional_id, topic.partitions)].leader_epoch

    def _loaded(self, coordinator: TransactionCoordinator) -> None:
        self.perform(coordinator.resume(now=self._timers.now(), wall_ms=self._wall_ms()))

    def _performed(self, result: CoordinatorResult) -> None:
        if self.on_performed is not None:
            self.on_performed(result)

    def add_partitions(
        self,
        transactional_id: str,
        producer_id: int,
        producer_epoch: int,
        partitions: Collection[Partition],
        *,
        client_version: int,
    ) -> Recording:
        """Add partitions to a transaction, as the first write to them does with transaction version 2 (KIP-890)."""
        added = Recording()
        if self._accepts_writes is not None and not self._accepts_writes(self.partition_of(transactional_id)):
            added.send(ErrorCode.COORDINATOR_NOT_AVAILABLE)
            return added
        result = self.coordinator.add_partitions(
            transactional_id,
            producer_id,
            producer_epoch,
            partitions,
            added,
            client_version=client_version,
            now=self._timers.now(),
            wall_ms=self._wall_ms(),
        )
        error = result.replies[0].response
        assert isinstance(error, ErrorCode)
        added.error = error
        self.perform(result)
        return added

    def complete(self, transactional_id: str) -> Steps[None]:
        """Write the markers that an ended transaction still lacks, ahead of other work."""
        markers = self.coordinator.missing_markers(transactional_id, now=self._timers.now(), wall_ms=self._wall_ms())
        return self._service.write_markers(markers)

    def partition_of(self, transactional_id: str) -> int:
        """Return the partition of ``__transaction_state``, which is created on need, that an id belongs to."""
        self.prepare()
        return _partition_for(transactional_id, self._storage.topics[TRANSACTION_TOPIC].partitions)

    # Controls of tests, and snapshots

    def hold_markers(self, transactional_id: str | None) -> None:
        """Write no markers for a transactional id, or for all with None, until :meth:`release_markers`."""
        self._held.add(transactional_id)

    def release_markers(self, transactional_id: str | None) -> None:
        """Write the markers that were held back for a transactional id, or with None all of them."""
        if transactional_id is None:
            self._held.clear()
        self._held.discard(transactional_id)
        self.perform(self.coordinator.resume(now=self._timers.now(), wall_ms=self._wall_ms()))

    def abort(self, transactional_id: str) -> None:
        """Abort an open transaction as its time-out does. Raises KeyError if there is none."""
        self.perform(self.coordinator.abort(transactional_id, now=self._timers.now(), wall_ms=self._wall_ms()))

    def topic_deleted(self) -> None:
        """Drop all transactional ids."""
        self._service.topic_deleted()

    def retire(self) -> None:
        """Stop the timers: another state of the broker takes over."""
        self._service.retire()

    def succeed(self, before: TransactionCoordinatorService) -> None:
        """Take over the runtime settings of the service of the state before: they are in no log."""
        self.on_performed = before.on_performed
        self._held |= before._held


def _partition_for(transactional_id: str, partitions: int) -> int:
    from kafkalite.coordinators.transactions.coordinator import partition_for

    return partition_for(transactional_id, partitions)

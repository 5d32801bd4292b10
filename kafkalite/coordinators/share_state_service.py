"""The share coordinator of a cluster, with its topic ``__share_group_state``."""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.recording import Recording
from kafkalite.coordinators.service import CoordinatorEnvironment, CoordinatorService
from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafkalite.coordinators.share.coordinator import ShareCoordinator
    from kafkalite.coordinators.share.state import ShareKey, ShareState
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.error_codes import ErrorCode
    from kafkalite_wire.messages.share_state_records import StateBatch


log = getLogger("kafkalite.coordinators")

SHARE_STATE_TOPIC: Final = "__share_group_state"


class ShareStateService:
    """How far all share groups are in all partitions, and its log."""

    def __init__(
        self, environment: CoordinatorEnvironment, updates_per_snapshot: int, *, ensure_topic: Callable[[], object]
    ) -> None:
        self._storage = environment.storage
        self._wall_ms = environment.wall_ms
        self._updates_per_snapshot = updates_per_snapshot
        self.prepare = ensure_topic
        """Creates the coordinator's topic if it does not exist. Raises StorageError."""
        self._service: CoordinatorService[ShareCoordinator] = CoordinatorService(
            SHARE_STATE_TOPIC, self._new_coordinator, _partition_for, environment, ensure_topic
        )
        self._service.on_appended = self._appended

    def _new_coordinator(self) -> ShareCoordinator:
        # Imported on first use: a broker starts faster than all of this is imported.
        from kafkalite.coordinators.share.coordinator import ShareCoordinator

        return ShareCoordinator(self._updates_per_snapshot)

    def load(self) -> Steps[ShareCoordinator]:
        """Return the coordinator, which is loaded in steps if it is not."""
        return self._service.load()

    def partition_of(self, key: str) -> int:
        """Return the partition of ``__share_group_state``, which is created on need, that a key belongs to."""
        self.prepare()
        return _partition_for(key, self._storage.topics[SHARE_STATE_TOPIC].partitions)

    def read(self, key: ShareKey) -> ShareState | None:
        """Return a state, or None if there is none."""
        return self._service.coordinator.read(key)

    def refusal(self, key: ShareKey, *, is_known: bool) -> ErrorCode:
        """Return why a state cannot be read, or NONE."""
        return self._service.coordinator.refusal(key, is_known=is_known)

    def initialize(self, key: ShareKey, *, state_epoch: int, start_offset: int, is_known: bool = True) -> Recording:
        """Replace a state by a new one at an offset; -1 is where the group's configuration says."""
        recording = Recording()
        coordinator = self._service.coordinator
        self._service.perform(
            coordinator.initialize(
                key,
                recording,
                state_epoch=state_epoch,
                start_offset=start_offset,
                wall_ms=self._wall_ms(),
                is_known=is_known,
            )
        )
        return recording

    def take_over(self, key: ShareKey, *, leader_epoch: int, is_known: bool = True) -> Recording:
        """Record the epoch of a leader that begins to write; the leaders before it are fenced."""
        recording = Recording()
        coordinator = self._service.coordinator
        self._service.perform(
            coordinator.take_over(key, recording, leader_epoch=leader_epoch, wall_ms=self._wall_ms(), is_known=is_known)
        )
        return recording

    def write(
        self,
        key: ShareKey,
        *,
        state_epoch: int,
        leader_epoch: int,
        start_offset: int,
        delivery_complete_count: int,
        batches: tuple[StateBatch, ...],
        is_known: bool = True,
    ) -> Recording:
        """Record what has changed; start offset -1 keeps that which is there."""
        recording = Recording()
        coordinator = self._service.coordinator
        self._service.perform(
            coordinator.write(
                key,
                recording,
                state_epoch=state_epoch,
                leader_epoch=leader_epoch,
                start_offset=start_offset,
                delivery_complete_count=delivery_complete_count,
                batches=batches,
                wall_ms=self._wall_ms(),
                is_known=is_known,
            )
        )
        return recording

    def delete(self, key: ShareKey, *, is_known: bool = True) -> Recording:
        """Forget a state, whether there is one or not."""
        recording = Recording()
        self._service.perform(self._service.coordinator.delete(key, recording, is_known=is_known))
        return recording

    def partitions_deleted(self, topic_id: bytes) -> Iterator[None]:
        """Forget, in short steps, how far groups were in a topic."""
        coordinator = yield from self.load()
        for key in tuple(coordinator.keys()):
            if key.topic_id == topic_id:
                self.delete(key)
                yield

    # Pruning

    def _appended(self, partition: int, offset: int, key: bytes, value: bytes | None) -> None:
        self._service.coordinator.appended(partition, offset, key, value)

    def prune(self, older_than: float) -> Iterator[None]:
        """Delete the records of the log that are redundant, in short steps.

        States whose last snapshot is older than so many seconds are recorded whole before. Nothing is done while no
        state is loaded.
        """
        coordinator, wall_ms = self._current(), self._wall_ms()
        if coordinator is None:
            return
        for key in coordinator.cold(wall_ms, round(older_than * 1000)):
            self._service.perform(coordinator.snapshot(key, wall_ms))
            yield
            if self._current() is not coordinator:
                return  # it could not be recorded, for instance
        for number, offset in coordinator.redundant_offsets().items():
            if self._current() is not coordinator:
                return
            try:
                partition = self._storage.log(SHARE_STATE_TOPIC, number)
                partition.delete_records(min(offset, partition.high_watermark), now_ms=wall_ms)
            except StorageError as error:
                log.error("cannot delete redundant records of %s-%d: %s", SHARE_STATE_TOPIC, number, error)
            yield

    def _current(self) -> ShareCoordinator | None:
        return self._service.coordinator if self._service.is_loaded else None

    def partitions_moved(self) -> None:
        """Load everything again on next use: other brokers coordinate now."""
        self._service.reload()

    def topic_deleted(self) -> None:
        """Drop all states."""
        self._service.topic_deleted()

    def retire(self) -> None:
        """Stop: another state of the broker takes over."""
        self._service.retire()


def _partition_for(key: str, partitions: int) -> int:
    from kafkalite.coordinators.share.coordinator import partition_for

    return partition_for(key, partitions)

"""The share coordinator: it keeps the state of share groups in partitions, and records each change (KIP-932)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.coordinators.java_strings import coordinator_partition
from kafkalite.coordinators.results import NO_RESULT, CoordinatorResult, ResultBuilder
from kafkalite.coordinators.share.state import ShareKey, ShareState, state_of
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.share_state_records import (
    ShareSnapshotKey,
    ShareSnapshotValue,
    ShareUpdateKey,
    ShareUpdateValue,
    StateBatch,
    decode_share_key,
    decode_share_value,
    encode_share_key,
    encode_share_value,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.replay import ReplayedRecord
    from kafkalite.coordinators.results import ResponseSink
    from kafkalite.coordinators.service import Skip
    from kafkalite.requests.steps import Steps, WorkMeter


class ShareCoordinator:
    """The states of all share groups, by group and partition."""

    def __init__(self, updates_per_snapshot: int) -> None:
        self._updates_per_snapshot = updates_per_snapshot
        self._states: dict[ShareKey, ShareState] = {}
        self._failed: frozenset[int] = frozenset()
        self._partitions = 1

    def initialize(
        self, key: ShareKey, handle: ResponseSink, *, state_epoch: int, start_offset: int, wall_ms: int
    ) -> CoordinatorResult:
        """Replace a state by a new one at an offset, or at -1: where the group's configuration says. Reply an error."""
        known = self._states.get(key)
        if self._is_failed(key):
            return _refused(handle, ErrorCode.NOT_COORDINATOR)
        if known is not None and state_epoch < known.state_epoch:
            return _refused(handle, ErrorCode.FENCED_STATE_EPOCH)
        state = ShareState(
            snapshot_epoch=0 if known is None else known.snapshot_epoch + 1,
            state_epoch=state_epoch,
            start_offset=start_offset,
            create_timestamp=wall_ms,
        )
        return self._snapshot(key, state, handle, wall_ms)

    def read(self, key: ShareKey) -> ShareState | None:
        """Return the state, or None if there is none."""
        return self._states.get(key)

    def write(
        self,
        key: ShareKey,
        handle: ResponseSink,
        *,
        state_epoch: int,
        leader_epoch: int,
        start_offset: int,
        delivery_complete_count: int,
        batches: tuple[StateBatch, ...],
        wall_ms: int,
    ) -> CoordinatorResult:
        """Record what has changed, and reply with an error; start offset -1 keeps that which is there."""
        if self._is_failed(key):
            return _refused(handle, ErrorCode.NOT_COORDINATOR)
        known = self._states.get(key)
        if known is None:
            known = ShareState(state_epoch=state_epoch, create_timestamp=wall_ms, updates=self._updates_per_snapshot)
        if state_epoch < known.state_epoch:
            return _refused(handle, ErrorCode.FENCED_STATE_EPOCH)
        if leader_epoch < known.leader_epoch:
            return _refused(handle, ErrorCode.FENCED_LEADER_EPOCH)
        update = ShareUpdateValue(
            snapshot_epoch=known.snapshot_epoch,
            leader_epoch=leader_epoch,
            start_offset=start_offset,
            delivery_complete_count=delivery_complete_count,
            state_batches=batches,
        )
        state = known.updated(update)
        if state.updates > self._updates_per_snapshot:
            state = replace(state, snapshot_epoch=known.snapshot_epoch + 1, updates=0)
            return self._snapshot(key, state, handle, wall_ms)
        self._states[key] = state
        result = ResultBuilder(0.0, wall_ms)
        result.record(str(key), encode_share_key(ShareUpdateKey(**key._asdict())), encode_share_value(update))
        result.reply(handle, ErrorCode.NONE)
        return result.build()

    def delete(self, key: ShareKey) -> CoordinatorResult:
        """Forget a state, whether there is one or not."""
        if self._states.pop(key, None) is None:
            return NO_RESULT
        result = ResultBuilder(0.0, None)
        result.record(str(key), encode_share_key(ShareSnapshotKey(**key._asdict())), None)
        return result.build()

    def keys(self) -> Collection[ShareKey]:
        """Return the groups and partitions that have a state."""
        return tuple(self._states)

    def _snapshot(self, key: ShareKey, state: ShareState, handle: ResponseSink, wall_ms: int) -> CoordinatorResult:
        self._states[key] = state
        result = ResultBuilder(0.0, wall_ms)
        record_key = encode_share_key(ShareSnapshotKey(**key._asdict()))
        result.record(str(key), record_key, encode_share_value(state.snapshot(wall_ms)))
        result.reply(handle, ErrorCode.NONE)
        return result.build()

    def _is_failed(self, key: ShareKey) -> bool:
        return bool(self._failed) and partition_for(str(key), self._partitions) in self._failed

    # What coordinators of all kinds do

    def load_partition(
        self,
        records: Iterable[ReplayedRecord],
        skip: Skip,
        meter: WorkMeter,
        *,
        number: int,
        partitions: int,
        now: float,
        wall_ms: int,
    ) -> Steps[None]:
        """Take over, in steps, the states of one partition of so many."""
        del now, wall_ms
        for record in records:
            if meter.add():
                yield
            try:
                record_key = decode_share_key(record.key)
                value = (
                    None if record_key is None or record.value is None else decode_share_value(record_key, record.value)
                )
            except WireError as error:
                skip(record, f"it cannot be decoded ({error})")
                continue
            if record_key is None:
                skip(record, f"its type {int.from_bytes(record.key[:2])} is unknown")
                continue
            key = ShareKey(record_key.group_id, record_key.topic_id, record_key.partition)
            if partition_for(str(key), partitions) == number:
                self._replay(key, value)

    def _replay(self, key: ShareKey, value: ShareSnapshotValue | ShareUpdateValue | None) -> None:
        match value:
            case None:
                self._states.pop(key, None)
            case ShareSnapshotValue():
                self._states[key] = state_of(value)
            case ShareUpdateValue():
                known = self._states.get(key)
                if known is not None and known.snapshot_epoch == value.snapshot_epoch:
                    self._states[key] = known.updated(value)

    def fail_partitions(self, failed: Collection[int], partitions: int) -> None:
        """Refuse what belongs to partitions that could not be read, out of so many."""
        self._failed, self._partitions = frozenset(failed), partitions

    def next_deadline(self) -> float | None:
        """Return None: there are no timers."""
        return None

    def advance(self, now: float, wall_ms: int) -> CoordinatorResult:
        """Do nothing: there are no timers."""
        del now, wall_ms
        return NO_RESULT

    def waiting_handles(self) -> Collection[ResponseSink]:
        """Return nothing: no request waits."""
        return ()


def _refused(handle: ResponseSink, error: ErrorCode) -> CoordinatorResult:
    result = ResultBuilder(0.0, None)
    result.reply(handle, error)
    return result.build()


def partition_for(key: str, partitions: int) -> int:
    """Return the partition of ``__share_group_state`` that a group and partition belong to."""
    return coordinator_partition(key, partitions)

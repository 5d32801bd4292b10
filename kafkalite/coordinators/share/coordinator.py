"""The share coordinator: it keeps the state of share groups in partitions, and records each change (KIP-932)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kafkalite.coordinators.java_strings import coordinator_partition
from kafkalite.coordinators.results import NO_RESULT, CoordinatorResult, ResultBuilder
from kafkalite.coordinators.share.batches import NO_OFFSET, combined
from kafkalite.coordinators.share.snapshot_offsets import SnapshotOffsets
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


@dataclass(slots=True)
class _Entry:
    """A state, the highest epochs that were seen, which fence, and the updates since the last snapshot."""

    state: ShareState
    state_epoch: int
    leader_epoch: int
    updates: int = 0


class ShareCoordinator:
    """The states of all share groups, by group and partition.

    ``is_known`` says of what is asked for whether the topic and the partition exist. As in Kafka, that is looked at
    after the epochs.
    """

    def __init__(self, updates_per_snapshot: int) -> None:
        self._updates_per_snapshot = updates_per_snapshot
        self._entries: dict[ShareKey, _Entry] = {}
        self._snapshot_offsets: dict[int, SnapshotOffsets] = {}
        self._failed: frozenset[int] = frozenset()
        self._partitions = 1

    def initialize(
        self,
        key: ShareKey,
        handle: ResponseSink,
        *,
        state_epoch: int,
        start_offset: int,
        wall_ms: int,
        is_known: bool = True,
    ) -> CoordinatorResult:
        """Replace a state by a new one at an offset; -1 is where the group's configuration says. Reply an error."""
        entry = self._entries.get(key)
        if self._is_failed(key):
            return _refused(handle, ErrorCode.NOT_COORDINATOR)
        if key.partition < 0 or state_epoch < 0:
            return _refused(handle, ErrorCode.INVALID_REQUEST)
        if entry is not None and state_epoch < entry.state_epoch:
            return _refused(handle, ErrorCode.FENCED_STATE_EPOCH)
        if not is_known:
            return _refused(handle, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        result = ResultBuilder(0.0, wall_ms)
        state = ShareState(
            snapshot_epoch=0 if entry is None else entry.state.snapshot_epoch + 1,
            state_epoch=state_epoch,
            start_offset=start_offset,
            delivery_complete_count=-1 if start_offset == NO_OFFSET else 0,
            create_timestamp=wall_ms,
            write_timestamp=wall_ms,
        )
        self._snapshot(key, state, result)
        result.reply(handle, ErrorCode.NONE)
        return result.build()

    def read(self, key: ShareKey) -> ShareState | None:
        """Return the state, or None if there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.state

    def refusal(self, key: ShareKey, *, is_known: bool) -> ErrorCode:
        """Return why the state of a partition cannot be read or deleted, or NONE."""
        if self._is_failed(key):
            return ErrorCode.NOT_COORDINATOR
        if key.partition < 0:
            return ErrorCode.INVALID_REQUEST
        return ErrorCode.NONE if is_known else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    def take_over(
        self, key: ShareKey, handle: ResponseSink, *, leader_epoch: int, wall_ms: int, is_known: bool = True
    ) -> CoordinatorResult:
        """Record the epoch of a leader that begins to write, and fence those before it. Reply with an error."""
        if self._is_failed(key):
            return _refused(handle, ErrorCode.NOT_COORDINATOR)
        entry = self._entries.get(key)
        if leader_epoch < 0 or entry is None:
            return _refused(handle, ErrorCode.INVALID_REQUEST)
        if leader_epoch < entry.leader_epoch:
            return _refused(handle, ErrorCode.FENCED_LEADER_EPOCH)
        if not is_known:
            return _refused(handle, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        result = ResultBuilder(0.0, wall_ms)
        if leader_epoch != entry.leader_epoch:
            state = entry.state
            update = ShareUpdateValue(
                snapshot_epoch=state.snapshot_epoch,
                leader_epoch=leader_epoch,
                start_offset=state.start_offset,
                delivery_complete_count=state.delivery_complete_count,
                state_batches=(),
            )
            self._change(key, entry, update, result)
        result.reply(handle, ErrorCode.NONE)
        return result.build()

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
        is_known: bool = True,
    ) -> CoordinatorResult:
        """Record what has changed, and reply with an error.

        The start offset never goes back; -1 keeps that which is there, and the count with it.
        """
        if self._is_failed(key):
            return _refused(handle, ErrorCode.NOT_COORDINATOR)
        entry = self._entries.get(key)
        if leader_epoch < 0 or state_epoch < 0 or entry is None:
            return _refused(handle, ErrorCode.INVALID_REQUEST)
        if leader_epoch < entry.leader_epoch:
            return _refused(handle, ErrorCode.FENCED_LEADER_EPOCH)
        if state_epoch < entry.state_epoch:
            return _refused(handle, ErrorCode.FENCED_STATE_EPOCH)
        if not is_known:
            return _refused(handle, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        if any(batch.last_offset < batch.first_offset for batch in batches):
            return _refused(handle, ErrorCode.UNKNOWN_SERVER_ERROR)  # as in Kafka, whose coordinator fails with it
        state = entry.state
        if start_offset < state.start_offset:
            count = state.delivery_complete_count
        elif start_offset == state.start_offset:
            count = max(delivery_complete_count, state.delivery_complete_count)
        else:
            count = delivery_complete_count
        start = max(start_offset, state.start_offset)
        update = ShareUpdateValue(
            snapshot_epoch=state.snapshot_epoch,
            leader_epoch=state.leader_epoch,
            start_offset=start,
            delivery_complete_count=count,
            state_batches=combined((), batches, start),
        )
        result = ResultBuilder(0.0, wall_ms)
        self._change(key, entry, update, result)
        result.reply(handle, ErrorCode.NONE)
        return result.build()

    def delete(self, key: ShareKey, handle: ResponseSink, *, is_known: bool = True) -> CoordinatorResult:
        """Forget a state, whether there is one or not. Reply an error."""
        error = self.refusal(key, is_known=is_known)
        if error:
            return _refused(handle, error)
        result = ResultBuilder(0.0, None)
        if self._entries.pop(key, None) is not None:
            result.record(str(key), encode_share_key(ShareSnapshotKey(**key._asdict())), None)
        result.reply(handle, ErrorCode.NONE)
        return result.build()

    def keys(self) -> Collection[ShareKey]:
        """Return the groups and partitions that have a state."""
        return tuple(self._entries)

    # What becomes redundant in the log

    def cold(self, wall_ms: int, interval_ms: int) -> list[ShareKey]:
        """Return what has no snapshot younger than an interval; nothing if all snapshots were written for their age."""
        states = {key: entry.state for key, entry in self._entries.items()}
        if all(state.create_timestamp != state.write_timestamp for state in states.values()):
            return []
        return [key for key, state in states.items() if wall_ms - state.write_timestamp >= interval_ms]

    def snapshot(self, key: ShareKey, wall_ms: int) -> CoordinatorResult:
        """Record a snapshot of a state for its age, so that older records are redundant.

        As in Kafka, the time at which the state was created stays as it is, which tells that nothing has changed.
        """
        entry = self._entries.get(key)
        if entry is None:
            return NO_RESULT
        result = ResultBuilder(0.0, wall_ms)
        epoch = entry.state.snapshot_epoch + 1
        self._snapshot(key, replace(entry.state, snapshot_epoch=epoch, write_timestamp=wall_ms), result)
        return result.build()

    def appended(self, partition: int, offset: int, key: bytes, value: bytes | None) -> None:
        """Note at which offset a record is in a partition of the log."""
        if isinstance(decode_share_key(key), ShareSnapshotKey):
            offsets = self._snapshot_offsets.setdefault(partition, SnapshotOffsets())
            offsets.note(key, offset, is_tombstone=value is None)

    def redundant_offsets(self) -> dict[int, int]:
        """Return for partitions of the log the offset before which no record is needed."""
        found = {number: offsets.redundant for number, offsets in self._snapshot_offsets.items()}
        return {number: offset for number, offset in found.items() if offset is not None}

    def _change(self, key: ShareKey, entry: _Entry, update: ShareUpdateValue, result: ResultBuilder) -> None:
        if entry.updates < self._updates_per_snapshot:
            result.record(str(key), encode_share_key(ShareUpdateKey(**key._asdict())), encode_share_value(update))
            _apply(entry, update)
            return
        now = result.wall_ms or 0
        state = entry.state.updated(update)
        epoch = state.snapshot_epoch + 1
        self._snapshot(key, replace(state, snapshot_epoch=epoch, create_timestamp=now, write_timestamp=now), result)

    def _snapshot(self, key: ShareKey, state: ShareState, result: ResultBuilder) -> None:
        record_key = encode_share_key(ShareSnapshotKey(**key._asdict()))
        result.record(str(key), record_key, encode_share_value(state.snapshot()))
        self._take(key, state)

    def _take(self, key: ShareKey, state: ShareState) -> None:
        """Put a snapshot in place. As in Kafka, only one that was due restarts the count of updates."""
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(state, state.state_epoch, state.leader_epoch)
            return
        entry.state = state
        entry.state_epoch = max(entry.state_epoch, state.state_epoch)
        entry.leader_epoch = max(entry.leader_epoch, state.leader_epoch)
        if entry.updates >= self._updates_per_snapshot:
            entry.updates = 0

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
                self.appended(number, record.offset, record.key, record.value)

    def _replay(self, key: ShareKey, value: ShareSnapshotValue | ShareUpdateValue | None) -> None:
        match value:
            case None:
                self._entries.pop(key, None)
            case ShareSnapshotValue():
                self._take(key, state_of(value))
            case ShareUpdateValue():
                entry = self._entries.get(key)
                if entry is not None:
                    _apply(entry, value)

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


def _apply(entry: _Entry, update: ShareUpdateValue) -> None:
    entry.state = entry.state.updated(update)
    entry.leader_epoch = max(entry.leader_epoch, update.leader_epoch)
    entry.updates += 1


def _refused(handle: ResponseSink, error: ErrorCode) -> CoordinatorResult:
    result = ResultBuilder(0.0, None)
    result.reply(handle, error)
    return result.build()


def partition_for(key: str, partitions: int) -> int:
    """Return the partition of ``__share_group_state`` that a group and partition belong to."""
    return coordinator_partition(key, partitions)

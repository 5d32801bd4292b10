"""How far a share group is in a partition, as the share coordinator keeps it (KIP-932)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from kafkalite_wire.messages.share_state_records import ShareSnapshotValue, ShareUpdateValue, StateBatch
from kafkalite_wire.schema import format_uuid

NO_OFFSET = -1
"""The start offset of a group that has not begun to read, and in an update of one that has not changed."""


class ShareKey(NamedTuple):
    """A group and a partition."""

    group_id: str
    topic_id: bytes
    partition: int

    def __str__(self) -> str:
        """Return the key as FindCoordinator names it; its hash selects the coordinator."""
        return f"{self.group_id}:{format_uuid(self.topic_id)}:{self.partition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareState:
    """The state: which offsets from the start offset on were delivered, and what became of them."""

    snapshot_epoch: int = 0
    state_epoch: int = 0
    leader_epoch: int = 0
    start_offset: int = NO_OFFSET
    delivery_complete_count: int = -1
    create_timestamp: int = 0
    batches: tuple[StateBatch, ...] = ()
    updates: int = 0
    """How many updates were recorded since the last snapshot."""

    def updated(self, update: ShareUpdateValue) -> ShareState:
        """Return the state after an update."""
        start = self.start_offset if update.start_offset == NO_OFFSET else update.start_offset
        return replace(
            self,
            leader_epoch=update.leader_epoch,
            start_offset=start,
            delivery_complete_count=update.delivery_complete_count,
            batches=combined(self.batches, update.state_batches, start),
            updates=self.updates + 1,
        )

    def snapshot(self, wall_ms: int) -> ShareSnapshotValue:
        """Return the record of the whole state."""
        return ShareSnapshotValue(
            snapshot_epoch=self.snapshot_epoch,
            state_epoch=self.state_epoch,
            leader_epoch=self.leader_epoch,
            start_offset=self.start_offset,
            delivery_complete_count=self.delivery_complete_count,
            create_timestamp=self.create_timestamp,
            write_timestamp=wall_ms,
            state_batches=self.batches,
        )


def state_of(snapshot: ShareSnapshotValue) -> ShareState:
    """Return the state that a snapshot records."""
    return ShareState(
        snapshot_epoch=snapshot.snapshot_epoch,
        state_epoch=snapshot.state_epoch,
        leader_epoch=snapshot.leader_epoch,
        start_offset=snapshot.start_offset,
        delivery_complete_count=snapshot.delivery_complete_count,
        create_timestamp=snapshot.create_timestamp,
        batches=snapshot.state_batches,
    )


def combined(before: Iterable[StateBatch], changes: Iterable[StateBatch], start_offset: int) -> tuple[StateBatch, ...]:
    """Return batches with changes put in their place, in the order of offsets, from the start offset on.

    Neighbours that say the same become one.
    """
    batches = list(before)
    for change in changes:
        batches = [rest for batch in batches for rest in _without(batch, change)]
        batches.append(change)
    batches.sort(key=lambda batch: batch.first_offset)
    merged: list[StateBatch] = []
    for batch in batches:
        if batch.last_offset < start_offset:
            continue
        if batch.first_offset < start_offset:
            batch = replace(batch, first_offset=start_offset)
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.last_offset + 1 == batch.first_offset
            and (last.delivery_state, last.delivery_count) == (batch.delivery_state, batch.delivery_count)
        ):
            merged[-1] = replace(last, last_offset=batch.last_offset)
        else:
            merged.append(batch)
    return tuple(merged)


def _without(batch: StateBatch, change: StateBatch) -> Iterable[StateBatch]:
    """Yield what a change leaves of a batch."""
    if change.last_offset < batch.first_offset or change.first_offset > batch.last_offset:
        yield batch
        return
    if batch.first_offset < change.first_offset:
        yield replace(batch, last_offset=change.first_offset - 1)
    if batch.last_offset > change.last_offset:
        yield replace(batch, first_offset=change.last_offset + 1)

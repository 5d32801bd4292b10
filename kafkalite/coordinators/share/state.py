"""How far a share group is in a partition, as the share coordinator keeps it (KIP-932)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from kafkalite.coordinators.share.batches import NO_OFFSET, combined
from kafkalite_wire.messages.share_state_records import ShareSnapshotValue, ShareUpdateValue, StateBatch
from kafkalite_wire.schema import format_uuid

__all__ = ["NO_OFFSET", "ShareKey", "ShareState", "state_of"]


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
    """How many offsets from the start offset on need no more delivery (KIP-1226)."""
    create_timestamp: int = 0
    write_timestamp: int = 0
    batches: tuple[StateBatch, ...] = ()

    def updated(self, update: ShareUpdateValue) -> ShareState:
        """Return the state after an update."""
        start = self.start_offset if update.start_offset == NO_OFFSET else update.start_offset
        return replace(
            self,
            leader_epoch=update.leader_epoch,
            start_offset=start,
            delivery_complete_count=update.delivery_complete_count,
            batches=combined(self.batches, update.state_batches, start),
        )

    def snapshot(self) -> ShareSnapshotValue:
        """Return the record of the whole state."""
        return ShareSnapshotValue(
            snapshot_epoch=self.snapshot_epoch,
            state_epoch=self.state_epoch,
            leader_epoch=self.leader_epoch,
            start_offset=self.start_offset,
            delivery_complete_count=self.delivery_complete_count,
            create_timestamp=self.create_timestamp,
            write_timestamp=self.write_timestamp,
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
        write_timestamp=snapshot.write_timestamp,
        batches=snapshot.state_batches,
    )

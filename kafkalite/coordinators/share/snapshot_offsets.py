"""Where the last snapshots of states are in a partition of ``__share_group_state``, and what is redundant before."""

from __future__ import annotations


class SnapshotOffsets:
    """The offsets of one partition, by the keys of the snapshots."""

    def __init__(self) -> None:
        self._offsets: dict[bytes, int] = {}
        self._emptied_at: int | None = None

    def note(self, key: bytes, offset: int, *, is_tombstone: bool) -> None:
        """Note a snapshot, or that its state was deleted."""
        if not is_tombstone:
            self._offsets[key] = offset
            return
        self._offsets.pop(key, None)
        if not self._offsets:
            self._emptied_at = offset

    @property
    def redundant(self) -> int | None:
        """The offset before which no record is needed, None if all are."""
        return min(self._offsets.values(), default=self._emptied_at) or None

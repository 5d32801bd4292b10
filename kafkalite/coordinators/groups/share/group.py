"""A share group: its epochs, its members, and the partitions that each of them reads (KIP-932).

As in a consumer group, a change of what members want raises the group epoch, and a target assignment is computed for
it. A member takes over its target with its next heartbeat: nothing has to be given back, because partitions are shared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.group import ModernGroup
from kafkalite.coordinators.groups.share.assignor import Partitions
from kafkalite.coordinators.groups.share.member import ShareMember
from kafkalite.coordinators.groups.share.records import (
    write_epoch,
    write_removed_group,
    write_removed_member,
    write_target,
    write_target_epoch,
)
from kafkalite.coordinators.groups.topic_hash import hash_of
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup


class ShareGroupState(Enum):
    """The state of a share group, named as Kafka prints it."""

    EMPTY = "Empty"
    STABLE = "Stable"


@dataclass(kw_only=True, eq=False)
class ShareGroup(ModernGroup[ShareMember, Partitions]):
    """A share group."""

    group_type = "share"

    initialized: dict[bytes, tuple[str, frozenset[int]]] = field(
        default_factory=dict[bytes, tuple[str, frozenset[int]]]
    )
    """The partitions of which the group keeps a state: by topic id, the topic's name and the partitions."""

    @property
    def state(self) -> ShareGroupState:
        """The state."""
        return ShareGroupState.STABLE if self.members else ShareGroupState.EMPTY

    def subscribed_topics(self) -> set[str]:
        """Return the names that members subscribe to."""
        return {name for member in self.members.values() for name in member.subscribed_topics}

    def hash_of(self, topics: ClusterTopics) -> int:
        """Return a hash of the existing topics that members subscribe to; 0 if there are none."""
        return hash_of(topics, self.subscribed_topics())

    def without_state(self, partitions: Mapping[bytes, int]) -> dict[bytes, frozenset[int]]:
        """Return which partitions, counted by topic id, have no state yet."""
        missing: dict[bytes, frozenset[int]] = {}
        for topic_id, count in partitions.items():
            _, there = self.initialized.get(topic_id, ("", frozenset[int]()))
            if new := frozenset(range(count)) - there:
                missing[topic_id] = new
        return missing

    # Its records

    def write_epoch(self, result: ResultBuilder) -> None:
        """Record the group's epoch."""
        write_epoch(self.group_id, self.epoch, self.metadata_hash, result)

    def write_target_epoch(self, timestamp: int, result: ResultBuilder) -> None:
        """Record the epoch of the target assignment, and when it was computed."""
        write_target_epoch(self.group_id, self.assignment_epoch, timestamp, result)

    def write_target(self, member_id: str, target: Partitions, result: ResultBuilder) -> None:
        """Record what a member is to have."""
        write_target(self.group_id, member_id, target, result)

    def write_removed(self, member_id: str, result: ResultBuilder) -> None:
        """Record that a member is no more."""
        write_removed_member(self.group_id, member_id, result)

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        write_removed_group(self.group_id, self.members, result)

    # What groups of all kinds do (see CoordinatedGroup)

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        del request, api_version
        return ErrorCode.GROUP_ID_NOT_FOUND

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        del request
        return ErrorCode.GROUP_ID_NOT_FOUND

    def validate_offset_delete(self) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        return ErrorCode.GROUP_ID_NOT_FOUND

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member subscribes to a topic."""
        return any(topic in member.subscribed_topics for member in self.members.values())

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return None: there are no offsets that could expire."""
        return None

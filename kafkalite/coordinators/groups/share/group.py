"""A share group: its epochs, its members, and the partitions that each of them reads (KIP-932).

As in a consumer group, a change of what members want raises the group epoch, and a target assignment is computed for
it. A member takes over its target with its next heartbeat: nothing has to be given back, because partitions are shared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.share.records import write_removed_group
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.groups.share.assignor import Partitions
    from kafkalite.coordinators.groups.share.member import ShareMember
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite_wire.messages.describe_groups import DescribedGroup
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

FIRST_EPOCH: Final = 1
"""The epoch of a group that has not been recorded; its first member raises it."""


class ShareGroupState(Enum):
    """The state of a share group, named as Kafka prints it."""

    EMPTY = "Empty"
    STABLE = "Stable"


@dataclass(slots=True, kw_only=True, eq=False)
class ShareGroup:
    """A share group."""

    group_id: str
    epoch: int = FIRST_EPOCH
    metadata_hash: int = 0
    assignment_epoch: int = FIRST_EPOCH
    assigned_at: float | None = None
    """When the target assignment was computed last; None if not since the broker has started."""
    members: dict[str, ShareMember] = field(default_factory=dict[str, "ShareMember"])
    targets: dict[str, Partitions] = field(default_factory=dict[str, "Partitions"])
    sessions: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    initialized: dict[bytes, tuple[str, frozenset[int]]] = field(
        default_factory=dict[bytes, tuple[str, frozenset[int]]]
    )
    """The partitions of which the group keeps a state: by topic id, the topic's name and the partitions."""

    @property
    def state(self) -> ShareGroupState:
        """The state."""
        return ShareGroupState.STABLE if self.members else ShareGroupState.EMPTY

    def remove(self, member_id: str) -> None:
        """Remove a member, its target and its timer."""
        del self.members[member_id]
        self.targets.pop(member_id, None)
        timer = self.sessions.pop(member_id, None)
        if timer is not None:
            timer.cancel()

    def subscribed_topics(self) -> set[str]:
        """Return the names that members subscribe to."""
        return {name for member in self.members.values() for name in member.subscribed_topics}

    def without_state(self, partitions: Mapping[bytes, int]) -> dict[bytes, frozenset[int]]:
        """Return which partitions, counted by topic id, have no state yet."""
        missing: dict[bytes, frozenset[int]] = {}
        for topic_id, count in partitions.items():
            _, there = self.initialized.get(topic_id, ("", frozenset[int]()))
            if new := frozenset(range(count)) - there:
                missing[topic_id] = new
        return missing

    # What groups of all kinds do (see CoordinatedGroup)

    @property
    def group_type(self) -> str:
        """The type as ListGroups prints it."""
        return "share"

    @property
    def protocol_type(self) -> str | None:
        """The protocol type."""
        return "share"

    @property
    def state_name(self) -> str:
        """The state as Kafka prints it."""
        return self.state.value

    @property
    def is_empty(self) -> bool:
        """Whether the group has no members."""
        return not self.members

    def describe(self) -> DescribedGroup | None:
        """Return None: DescribeGroups is for classic groups."""
        return None

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        del request, api_version
        return ErrorCode.GROUP_ID_NOT_FOUND

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        """Do nothing: there are no commits."""

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        del request
        return ErrorCode.GROUP_ID_NOT_FOUND

    def validate_offset_delete(self) -> ErrorCode:
        """Refuse: a share group has no committed offsets."""
        return ErrorCode.GROUP_ID_NOT_FOUND

    def validate_delete(self) -> ErrorCode:
        """Refuse while there are members."""
        return ErrorCode.NON_EMPTY_GROUP if self.members else ErrorCode.NONE

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member subscribes to a topic."""
        return any(topic in member.subscribed_topics for member in self.members.values())

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return None: there are no offsets that could expire."""
        return None

    def close(self, result: ResultBuilder) -> None:
        """Cancel all timers."""
        del result
        self.suspend()

    def suspend(self) -> None:
        """Cancel all timers until the group is loaded again."""
        for timer in self.sessions.values():
            timer.cancel()

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        write_removed_group(self.group_id, self.members, result)

"""A group whose members are assigned by the broker, of any kind: its epochs, members, targets and sessions.

A change of what members want raises the *group epoch*. The *assignment epoch* is that of the target assignment: one is
computed whenever the group epoch is higher. A *member epoch* is that of the target that the member has reached.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Protocol, TypeVar

from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from enum import Enum

    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.describe_groups import DescribedGroup
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

FIRST_EPOCH: Final = 1
"""The epoch of a group that has not been recorded; its first member raises it."""

JOINING: Final = 0
LEAVING: Final = -1
"""What a member sends instead of its epoch when it joins or leaves."""


class ModernMember(Protocol):
    """What all kinds of members have."""

    @property
    def member_id(self) -> str:
        """Its id, which it has chosen itself."""
        ...

    @property
    def member_epoch(self) -> int:
        """The epoch of the target assignment that it has reached."""
        ...


MemberT = TypeVar("MemberT", bound=ModernMember)
TargetT = TypeVar("TargetT")


@dataclass(kw_only=True, eq=False)
class ModernGroup(ABC, Generic[MemberT, TargetT]):
    """A group; a kind of groups says what its members are, and what each of them is to have."""

    group_type: ClassVar[str]
    """The type as ListGroups prints it."""

    group_id: str
    epoch: int = FIRST_EPOCH
    metadata_hash: int = 0
    assignment_epoch: int = FIRST_EPOCH
    assigned_at: float | None = None
    """When the target assignment was computed last; None if not since the broker has started."""
    members: dict[str, MemberT] = field(default_factory=dict[str, MemberT])
    targets: dict[str, TargetT] = field(default_factory=dict[str, TargetT])
    sessions: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    revocations: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    """For those who are to give something back."""

    @property
    @abstractmethod
    def state(self) -> Enum:
        """The state, named as Kafka prints it; it follows from the epochs."""

    @property
    def state_name(self) -> str:
        """The state as Kafka prints it."""
        name: str = self.state.value
        return name

    @property
    def protocol_type(self) -> str | None:
        """The protocol type, which is the group's type."""
        return self.group_type

    @property
    def is_empty(self) -> bool:
        """Whether the group has no members."""
        return not self.members

    def has_member(self, member_id: str, instance_id: str | None) -> bool:
        """Return whether a member, or with an instance id its former self, is in the group."""
        del instance_id
        return member_id in self.members

    def remove(self, member_id: str) -> MemberT:
        """Remove a member, its target and its timers; return what it was."""
        self.targets.pop(member_id, None)
        self.cancel_timers(member_id, self.sessions, self.revocations)
        return self.members.pop(member_id)

    @staticmethod
    def cancel_timers(member_id: str, *timers: dict[str, Timer]) -> None:
        """Cancel timers of a member."""
        for each in timers:
            timer = each.pop(member_id, None)
            if timer is not None:
                timer.cancel()

    @abstractmethod
    def hash_of(self, topics: ClusterTopics) -> int:
        """Return a hash of the existing topics that members subscribe to; 0 if there are none."""

    # Its records

    @abstractmethod
    def write_epoch(self, result: ResultBuilder) -> None:
        """Record the group's epoch."""

    @abstractmethod
    def write_target_epoch(self, timestamp: int, result: ResultBuilder) -> None:
        """Record the epoch of the target assignment, and when it was computed."""

    @abstractmethod
    def write_target(self, member_id: str, target: TargetT, result: ResultBuilder) -> None:
        """Record what a member is to have."""

    @abstractmethod
    def write_removed(self, member_id: str, result: ResultBuilder) -> None:
        """Record that a member is no more."""

    @abstractmethod
    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""

    # What groups of all kinds do (see CoordinatedGroup)

    def describe(self) -> DescribedGroup | None:
        """Return None: DescribeGroups is for classic groups."""
        return None

    @abstractmethod
    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Check whether the sender of a commit may commit."""

    @abstractmethod
    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Check whether the sender of an OffsetFetch may see the offsets."""

    @abstractmethod
    def validate_offset_delete(self) -> ErrorCode:
        """Check whether offsets may be deleted."""

    @abstractmethod
    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member subscribes to a topic."""

    @abstractmethod
    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts; None if offsets do not expire."""

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        """Do nothing: only a heartbeat is a sign of life."""

    def validate_delete(self) -> ErrorCode:
        """Refuse while there are members."""
        return ErrorCode.NON_EMPTY_GROUP if self.members else ErrorCode.NONE

    def close(self, result: ResultBuilder) -> None:
        """Cancel all timers."""
        del result
        self.suspend()

    def suspend(self) -> None:
        """Cancel all timers until the group is loaded again."""
        for timer in self.timers():
            timer.cancel()

    def timers(self) -> Iterator[Timer]:
        """Yield the timers that are set for members."""
        yield from self.sessions.values()
        yield from self.revocations.values()

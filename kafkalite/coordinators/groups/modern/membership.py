"""What a heartbeat does to a group of any kind that the broker assigns.

A heartbeat has three steps, as in Kafka: it updates the member, and raises the group epoch if that or the topics have
changed; it computes a target assignment if the group epoch is higher than that of the target; and it brings the member
that sent it nearer to its target. Other members go on with their own next heartbeats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.modern.group import MemberT, ModernGroup, TargetT
from kafkalite.coordinators.groups.views import GroupView
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.views import MemberView
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timers
    from kafkalite.coordinators.topics import ClusterTopics

GroupT = TypeVar("GroupT", bound=ModernGroup[Any, Any])
GroupT_co = TypeVar("GroupT_co", bound=ModernGroup[Any, Any], covariant=True)


class MemberRefusedError(Exception):
    """A request of a member that is answered with an error; some of Kafka's errors have no message."""

    def __init__(self, error: ErrorCode, message: str | None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class GroupLoader(Protocol[GroupT_co]):
    """Collects the last record of each key, in any order, and makes groups of them."""

    def add(self, key: Any, value: object | None, /) -> None:
        """Take the last record of a key; no value is a tombstone."""
        ...

    def groups(self) -> Iterable[GroupT_co]:
        """Yield the groups that exist, with their members."""
        ...


class ModernMembership(ABC, Generic[GroupT, MemberT, TargetT]):
    """The members of one kind of groups, and their time-outs."""

    kind: ClassVar[str]
    """The kind of groups as Kafka's messages name it, in lower case."""
    group_class: type[GroupT]
    record_key: ClassVar[type | UnionType]
    """The types of its records' keys."""

    def __init__(self, groups: Groups, topics: ClusterTopics, timers: Timers) -> None:
        self._groups = groups
        self._topics = topics
        self._timers = timers

    @abstractmethod
    def session_timeout(self, group: GroupT, member_id: str) -> float:
        """Return the session time-out of a member in seconds."""

    @abstractmethod
    def loader(self) -> GroupLoader[GroupT]:
        """Return what rebuilds groups of this kind from their records."""

    # Groups

    @abstractmethod
    def assignor_of(self, group: GroupT) -> str:
        """Return the name of a group's assignor."""

    @abstractmethod
    def members_of(self, group: GroupT) -> Iterable[MemberView]:
        """Yield a view of each member."""

    def view(self, group: GroupT, offsets: Mapping[tuple[str, int], CommittedOffset]) -> GroupView:
        """Copy a group."""
        return GroupView(
            group_id=group.group_id,
            state=group.state,
            generation=group.epoch,
            protocol_type=group.protocol_type,
            protocol_name=self.assignor_of(group),
            leader=None,
            members=tuple(self.members_of(group)),
            offsets=offsets,
        )

    def find(self, group_id: str, *, is_leaving: bool = False) -> GroupT:
        """Return a group. Raises MemberRefusedError if there is none of this kind."""
        group = self._groups.get(group_id)
        if isinstance(group, self.group_class):
            return group
        if group is None:
            kind = "group" if is_leaving else self.kind
            message = f"{kind.capitalize()} {group_id} not found."
        else:
            message = f"Group {group_id} is not a {self.kind}."
        raise MemberRefusedError(ErrorCode.GROUP_ID_NOT_FOUND, message)

    def find_or_make(
        self, group_id: str, result: ResultBuilder, member_id: str, instance_id: str | None = None
    ) -> GroupT:
        """Return a group for a member that joins, a new one if there is none; a classic one without members goes."""
        self.check_room(group_id, member_id, instance_id)
        group = self._groups.get(group_id)
        if group is None:
            return self.group_class(group_id=group_id)
        if isinstance(group, Group) and group.is_empty:
            # Its offsets stay.
            self._groups.delete(group, result)
            return self.group_class(group_id=group_id)
        return self.find(group_id)

    @abstractmethod
    def max_size(self, group_id: str) -> int:
        """Return how many members a group may have."""

    def check_room(self, group_id: str, member_id: str, instance_id: str | None = None) -> None:
        """Check that a group has room for a member, unless it has that already. Raises MemberRefusedError."""
        group = self._groups.get(group_id)
        if not isinstance(group, self.group_class) or group.has_member(member_id, instance_id):
            return
        if len(group.members) >= self.max_size(group_id):
            raise self.full(group_id)

    def full(self, group_id: str) -> MemberRefusedError:
        """Return the refusal of a member that a group has no room for."""
        message = f"The {self.kind} has reached its maximum capacity of {self.max_size(group_id)} members."
        return MemberRefusedError(ErrorCode.GROUP_MAX_SIZE_REACHED, message)

    def bump(self, group: GroupT, metadata_hash: int, result: ResultBuilder) -> None:
        """Raise a group's epoch: what its members want, or the topics, have changed."""
        group.epoch += 1
        group.metadata_hash = metadata_hash
        group.write_epoch(result)
        result.announce_rebalance(group.group_id)

    # Target assignments

    def is_assignment_due(self, group: GroupT, interval: float, now: float) -> bool:
        """Return whether a target assignment is to be computed, at most one in so many seconds."""
        if group.epoch <= group.assignment_epoch:
            return False
        return group.assigned_at is None or now >= group.assigned_at + interval

    def set_targets(self, group: GroupT, targets: dict[str, TargetT], result: ResultBuilder) -> None:
        """Put a target assignment in force, and record what it changes."""
        for member_id, target in targets.items():
            if group.targets.get(member_id) != target:
                group.write_target(member_id, target, result)
        group.targets = targets
        group.assignment_epoch = group.epoch
        group.assigned_at = result.now
        group.write_target_epoch(result.wall_ms or 0, result)

    # The end of members

    def remove(self, group: GroupT, member_ids: Collection[str], result: ResultBuilder) -> None:
        """Remove members; the next heartbeats of the others assign what they had."""
        for member_id in member_ids:
            group.write_removed(member_id, result)
            group.remove(member_id)
        self.removed(group, result)
        self.bump(group, group.hash_of(self._topics), result)
        if not group.members:
            group.assignment_epoch = group.epoch
            group.write_target_epoch(0, result)

    def removed(self, group: GroupT, result: ResultBuilder) -> None:
        """Drop what only removed members needed."""

    def restart_session(self, group: GroupT, member_id: str, now: float) -> None:
        """Count a heartbeat of a member."""
        timer = group.sessions.get(member_id)
        if timer is None:
            timer = group.sessions[member_id] = self._timers.timer(partial(self.expire, group, member_id))
        timer.move(now + self.session_timeout(group, member_id))

    def watch_revocation(self, group: GroupT, member: MemberT, timeout_ms: int, now: float) -> None:
        """Remove a member unless it gives back in time what it is not to have any more."""
        timer = group.revocations.get(member.member_id)
        if timer is None:
            timer = group.revocations[member.member_id] = self._timers.timer(_nothing)
        timer.action = partial(self._expire_revocation, group, member.member_id, member.member_epoch)
        timer.move(now + timeout_ms / 1000)

    def _expire_revocation(self, group: GroupT, member_id: str, epoch: int, result: ResultBuilder) -> None:
        member = group.members.get(member_id)
        if member is not None and member.member_epoch == epoch:
            self.remove(group, (member_id,), result)

    # Controls of tests

    def keep_alive(self, group: GroupT, names: Collection[str], now: float) -> float | None:
        """Restart the sessions of members, named by member, instance or client id; return the shortest time-out."""
        kept = [
            each
            for each in self.members_of(group)
            if not {each.member_id, each.group_instance_id, each.client_id}.isdisjoint(names)
        ]
        for each in kept:
            if group.sessions[each.member_id].when is not None:
                self.restart_session(group, each.member_id, now)
        return min((each.session_timeout for each in kept), default=None)

    def expel(self, group: GroupT, member_id: str, result: ResultBuilder) -> None:
        """Remove a member as if its session had ended. Raises KeyError if there is none."""
        self.remove(group, (group.members[member_id].member_id,), result)

    def force_rebalance(self, group: GroupT, result: ResultBuilder) -> None:
        """Compute another target assignment, to which all members move with their next heartbeats."""
        if group.members:
            self.bump(group, group.metadata_hash, result)

    def restart_timers(self, group: GroupT, now: float) -> None:
        """Start the timers of a group that has been loaded."""
        for member_id in group.members:
            self.restart_session(group, member_id, now)

    def expire(self, group: GroupT, member_id: str, result: ResultBuilder) -> None:
        """Remove a member whose time is over, if it is still there."""
        if member_id in group.members:
            self.remove(group, (member_id,), result)


def _nothing(result: ResultBuilder) -> None:
    del result


def invalid(message: str) -> MemberRefusedError:
    """Return the refusal of a heartbeat that contradicts itself."""
    return MemberRefusedError(ErrorCode.INVALID_REQUEST, message)


def not_empty(**values: str | None) -> None:
    """Check that fields, named as Kafka's messages name them, are not empty. Raises MemberRefusedError.

    Those with nothing but spaces and control characters are.
    """
    for name, value in values.items():
        if value is not None and all(character <= " " for character in value):
            raise invalid(f"{name} can't be empty.")


def unknown_member(group_id: str, member_id: str) -> MemberRefusedError:
    """Return the refusal of a member that the group does not have."""
    message = f"Member {member_id} is not a member of group {group_id}."
    return MemberRefusedError(ErrorCode.UNKNOWN_MEMBER_ID, message)


def fenced(kind: str, received: int, known: int) -> MemberRefusedError:
    """Return the refusal of a member whose epoch is not the one that the group knows."""
    size = "greater" if received > known else "smaller"
    return MemberRefusedError(
        ErrorCode.FENCED_MEMBER_EPOCH,
        f"The {kind} member has a {size} member epoch ({received}) than the one known by the group coordinator "
        f"({known}). The member must abandon all its partitions and rejoin.",
    )

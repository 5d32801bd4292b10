"""A consumer group: its epochs, its members, and what each of them has and is to have (KIP-848).

A change of what members want raises the *group epoch*. The *assignment epoch* is that of the target assignment: the
assignor computes one whenever the group epoch is higher. A *member epoch* is that of the target that the member has
reached.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.consumer.member import JOINING, ConsumerMember
from kafkalite.coordinators.groups.consumer.records import write_removed_group
from kafkalite.coordinators.groups.topic_hash import hash_of
from kafkalite.coordinators.java_strings import hash_map_order
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.subscriptions import ResolvedRegex
    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.describe_groups import DescribedGroup
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

FIRST_EPOCH = 1
"""The epoch of a group that has not been recorded; its first member raises it."""

_EPOCHS_IN_COMMITS_SINCE = 9


class ConsumerGroupState(Enum):
    """The state of a consumer group, named as Kafka prints it; it follows from the epochs."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


@dataclass(slots=True, kw_only=True, eq=False)
class ConsumerGroup:
    """A consumer group."""

    group_id: str
    epoch: int = FIRST_EPOCH
    metadata_hash: int = 0
    assignment_epoch: int = FIRST_EPOCH
    assigned_at: float | None = None
    """When the target assignment was computed last; None if not since the broker has started."""
    members: dict[str, ConsumerMember] = field(default_factory=dict[str, ConsumerMember])
    static_members: dict[str, str] = field(default_factory=dict[str, str])
    targets: dict[str, Partitions] = field(default_factory=dict[str, "Partitions"])
    regexes: dict[str, ResolvedRegex] = field(default_factory=dict[str, "ResolvedRegex"])
    topics_seen: int = -1
    """How many topics the cluster had when regular expressions were resolved."""
    sessions: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    revocations: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    _owners: Counter[tuple[bytes, int]] = field(default_factory=Counter[tuple[bytes, int]])

    @property
    def state(self) -> ConsumerGroupState:
        """The state."""
        if not self.members:
            return ConsumerGroupState.EMPTY
        if self.epoch > self.assignment_epoch:
            return ConsumerGroupState.ASSIGNING
        if all(member.is_reconciled_to(self.assignment_epoch) for member in self.members.values()):
            return ConsumerGroupState.STABLE
        return ConsumerGroupState.RECONCILING

    # Members

    def put(self, member: ConsumerMember) -> None:
        """Add a member, or replace the one with its id."""
        before = self.members.get(member.member_id)
        if before is not None:
            self._own(before, -1)
        self.members[member.member_id] = member
        self._own(member, 1)
        if member.instance_id is not None:
            self.static_members[member.instance_id] = member.member_id

    def remove(self, member_id: str) -> None:
        """Remove a member, its target and its timers."""
        member = self.members.pop(member_id)
        self._own(member, -1)
        self.targets.pop(member_id, None)
        if member.instance_id is not None and self.static_members.get(member.instance_id) == member_id:
            del self.static_members[member.instance_id]
        for timers in (self.sessions, self.revocations):
            timer = timers.pop(member_id, None)
            if timer is not None:
                timer.cancel()

    def is_owned(self, topic_id: bytes, partition: int) -> bool:
        """Return whether a member has a partition, or is still to give it back."""
        return self._owners[topic_id, partition] > 0

    def _own(self, member: ConsumerMember, change: int) -> None:
        for partitions in (member.assigned, member.pending_revocation):
            for topic_id, epochs in partitions.items():
                for partition in epochs:
                    self._owners[topic_id, partition] += change
                    if not self._owners[topic_id, partition]:
                        del self._owners[topic_id, partition]

    # Subscriptions

    def topics_of(self, member: ConsumerMember) -> frozenset[str]:
        """Return the names that a member subscribes to, by name and by regular expression."""
        resolved = self.regexes.get(member.subscribed_regex) if member.subscribed_regex else None
        return member.subscribed_topics if resolved is None else member.subscribed_topics | resolved.topics

    def subscribed_topics(self) -> set[str]:
        """Return the names that members subscribe to."""
        # Members mostly subscribe alike, so each subscription is resolved once.
        alike = {(each.subscribed_topics, each.subscribed_regex): each for each in self.members.values()}
        return {name for member in alike.values() for name in self.topics_of(member)}

    def hash_of(self, topics: ClusterTopics) -> int:
        """Return a hash of the existing topics that members subscribe to; 0 if there are none."""
        return hash_of(topics, self.subscribed_topics())

    def preferred_assignor(self, default: str) -> str:
        """Return the assignor that most members ask for; the default if none asks for any.

        Between equal votes Kafka takes what comes first in a Java HashMap; so does this.
        """
        votes = Counter(member.server_assignor for member in self.members.values() if member.server_assignor)
        return max(hash_map_order(votes), key=votes.__getitem__) if votes else default

    # What groups of all kinds do (see CoordinatedGroup)

    @property
    def group_type(self) -> str:
        """The type as ListGroups prints it."""
        return "consumer"

    @property
    def protocol_type(self) -> str | None:
        """The protocol type, which is that of classic groups of consumers."""
        return "consumer"

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
        """Check that a commit comes from a member with its epoch, or for partitions that it had at an older one.

        Without members any commit from outside is accepted, and a transactional producer may name no member.
        """
        epoch, member_id = request.generation_id_or_member_epoch, request.member_id
        if epoch < 0 and not self.members:
            return ErrorCode.NONE
        if api_version is None and epoch < 0 and not member_id and request.group_instance_id is None:
            return ErrorCode.NONE
        member = self.members.get(member_id)
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if api_version is not None and api_version < _EPOCHS_IN_COMMITS_SINCE:
            return ErrorCode.UNSUPPORTED_VERSION
        if epoch == member.member_epoch:
            return ErrorCode.NONE
        if epoch > member.member_epoch:
            return ErrorCode.STALE_MEMBER_EPOCH
        # A member may commit for what it has kept since the epoch that it knows (KIP-1251).
        for topic in request.topics:
            epochs = member.assigned.get(topic.topic_id, {})
            pending = member.pending_revocation.get(topic.topic_id, {})
            for partition in topic.partitions:
                index = partition.partition_index
                since = epochs.get(index, pending.get(index))
                if since is None or epoch < since:
                    return ErrorCode.STALE_MEMBER_EPOCH
        return ErrorCode.NONE

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        """Do nothing: only a heartbeat is a sign of life."""

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Check that a fetch comes from a member with its epoch, or from outside."""
        if request.member_id is None and request.member_epoch < 0:
            return ErrorCode.NONE
        member = self.members.get(request.member_id or "")
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE if request.member_epoch == member.member_epoch else ErrorCode.STALE_MEMBER_EPOCH

    def validate_offset_delete(self) -> ErrorCode:
        """Accept: subscriptions decide for each topic."""
        return ErrorCode.NONE

    def validate_delete(self) -> ErrorCode:
        """Refuse while there are members."""
        return ErrorCode.NON_EMPTY_GROUP if self.members else ErrorCode.NONE

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member subscribes to a topic."""
        return any(topic in self.topics_of(member) for member in self.members.values())

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts: with the commit."""
        return lambda committed: committed.commit_timestamp

    def close(self, result: ResultBuilder) -> None:
        """Cancel all timers."""
        del result
        self.suspend()

    def suspend(self) -> None:
        """Cancel all timers until the group is loaded again."""
        for timer in self._timers():
            timer.cancel()

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        write_removed_group(self.group_id, self.members, self.regexes, result)

    def _timers(self) -> Iterator[Timer]:
        yield from self.sessions.values()
        yield from self.revocations.values()


def new_member(member_id: str) -> ConsumerMember:
    """Return a member that has not joined yet."""
    return ConsumerMember(member_id=member_id, member_epoch=JOINING)


def names_of(members: Iterable[ConsumerMember]) -> set[str]:
    """Return the regular expressions that members subscribe to."""
    return {member.subscribed_regex for member in members if member.subscribed_regex}

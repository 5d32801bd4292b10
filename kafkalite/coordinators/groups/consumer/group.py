"""A consumer group: its members, and what each of them has and is to have (KIP-848)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from kafkalite.coordinators.groups.consumer.assignors import Partitions
from kafkalite.coordinators.groups.consumer.member import ConsumerMember, MemberState
from kafkalite.coordinators.groups.consumer.records import (
    write_epoch,
    write_removed_group,
    write_removed_member,
    write_target,
    write_target_epoch,
)
from kafkalite.coordinators.groups.modern.group import JOINING, ModernGroup
from kafkalite.coordinators.groups.topic_hash import hash_of
from kafkalite.coordinators.java_strings import hash_map_order
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from kafkalite.coordinators.groups.consumer.subscriptions import ResolvedRegex
    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.join_group import JoinGroupRequestProtocol
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

_EPOCHS_IN_COMMITS_SINCE = 9


Wanted = tuple[frozenset[str], str]
"""What a member subscribes to: topics by name, and a regular expression; empty for none."""

_T = TypeVar("_T")


class ConsumerGroupState(Enum):
    """The state of a consumer group, named as Kafka prints it; it follows from the epochs."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


@dataclass(kw_only=True, eq=False)
class ConsumerGroup(ModernGroup[ConsumerMember, Partitions]):
    """A consumer group."""

    group_type = "consumer"

    static_members: dict[str, str] = field(default_factory=dict[str, str])
    regexes: dict[str, ResolvedRegex] = field(default_factory=dict[str, "ResolvedRegex"])
    topics_seen: int = -1
    """How many topics the cluster had when regular expressions were resolved."""
    assigned_topics: Mapping[bytes, int] | None = None
    """How many partitions each topic had when the target assignment was computed last; None if not known."""
    joins: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    syncs: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    """For those who use the classic protocol, and are to join again, or to ask for what they are assigned."""
    _owners: Counter[tuple[bytes, int]] = field(default_factory=Counter[tuple[bytes, int]])
    # Counted, because each heartbeat looks at what all members want.
    _wants: Counter[Wanted] = field(default_factory=Counter["Wanted"])
    _votes: Counter[str] = field(default_factory=Counter[str])

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
            self._count(before, -1)
        self.members[member.member_id] = member
        self._count(member, 1)
        if member.instance_id is not None:
            self.static_members[member.instance_id] = member.member_id

    def has_member(self, member_id: str, instance_id: str | None) -> bool:
        """Return whether a member, or with an instance id its former self, is in the group."""
        return member_id in self.members or instance_id in self.static_members

    def stop_waiting_for(self, member_id: str) -> None:
        """Cancel the timers of a member that is to join again, or to ask for what it is assigned."""
        self.cancel_timers(member_id, self.joins, self.syncs)

    def remove(self, member_id: str) -> ConsumerMember:
        """Remove a member, its target and its timers; return what it was."""
        member = super().remove(member_id)
        self._count(member, -1)
        if member.instance_id is not None and self.static_members.get(member.instance_id) == member_id:
            del self.static_members[member.instance_id]
        self.stop_waiting_for(member_id)
        return member

    def is_owned(self, topic_id: bytes, partition: int) -> bool:
        """Return whether a member has a partition, or is still to give it back."""
        return self._owners[topic_id, partition] > 0

    def _count(self, member: ConsumerMember, change: int) -> None:
        _add(self._wants, (member.subscribed_topics, member.subscribed_regex), change)
        if member.server_assignor:
            _add(self._votes, member.server_assignor, change)
        for partitions in (member.assigned, member.pending_revocation):
            for topic_id, epochs in partitions.items():
                for partition in epochs:
                    _add(self._owners, (topic_id, partition), change)

    # Members that use the classic protocol

    def has_only_classic_members(self, *, without: Collection[str]) -> bool:
        """Return whether all members use the classic protocol, but for some."""
        return all(member.classic is not None for member in self.members.values() if member.member_id not in without)

    def supports(self, protocol_type: str, protocols: Iterable[JoinGroupRequestProtocol]) -> bool:
        """Return whether a member may join with these protocols: all classic members must support one of them."""
        if protocol_type != self.protocol_type:
            return False
        classic = [{each.name for each in m.classic.protocols} for m in self.members.values() if m.classic is not None]
        return any(all(protocol.name in names for names in classic) for protocol in protocols)

    def has_news_for(self, member: ConsumerMember) -> bool:
        """Return whether a member that only hears of changes when it joins should join again."""
        if member.member_epoch < self.assignment_epoch or member.state is MemberState.UNREVOKED_PARTITIONS:
            return True
        return member.state is MemberState.UNRELEASED_PARTITIONS and not self._awaits_others(member)

    def _awaits_others(self, member: ConsumerMember) -> bool:
        return any(
            partition not in member.assigned.get(topic_id, {}) and self.is_owned(topic_id, partition)
            for topic_id, partitions in self.targets.get(member.member_id, {}).items()
            for partition in partitions
        )

    # Subscriptions

    def topics_of(self, member: ConsumerMember) -> frozenset[str]:
        """Return the names that a member subscribes to, by name and by regular expression."""
        return self.topics_wanted((member.subscribed_topics, member.subscribed_regex))

    def topics_wanted(self, wanted: Wanted) -> frozenset[str]:
        """Return the names of the topics of a subscription."""
        names, regex = wanted
        resolved = self.regexes.get(regex) if regex else None
        return names if resolved is None else names | resolved.topics

    def subscribed_topics(self) -> set[str]:
        """Return the names that members subscribe to."""
        return {name for wanted in self._wants for name in self.topics_wanted(wanted)}

    def subscriptions(self) -> Iterable[Wanted]:
        """Return the different subscriptions of members."""
        return self._wants

    @property
    def subscribes_alike(self) -> bool:
        """Whether all members subscribe in the same way: to the same names, or by the same regular expression only."""
        return len(self._wants) == 1 and not any(names and regex for names, regex in self._wants)

    def subscribed_regexes(self) -> set[str]:
        """Return the regular expressions that members subscribe to."""
        return {regex for _, regex in self._wants if regex}

    def hash_of(self, topics: ClusterTopics) -> int:
        """Return a hash of the existing topics that members subscribe to; 0 if there are none."""
        return hash_of(topics, self.subscribed_topics())

    def preferred_assignor(self, default: str) -> str:
        """Return the assignor that most members ask for; the default if none asks for any.

        Between equal votes Kafka takes what comes first in a Java HashMap; so does this.
        """
        return max(hash_map_order(self._votes), key=self._votes.__getitem__) if self._votes else default

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
        write_removed_group(self.group_id, self.members, self.regexes, result)

    # What groups of all kinds do (see CoordinatedGroup)

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
        stale = ErrorCode.STALE_MEMBER_EPOCH if member.classic is None else ErrorCode.ILLEGAL_GENERATION
        if member.classic is None and api_version is not None and api_version < _EPOCHS_IN_COMMITS_SINCE:
            return ErrorCode.UNSUPPORTED_VERSION
        if epoch == member.member_epoch:
            return ErrorCode.NONE
        if epoch > member.member_epoch:
            return stale
        # A member may commit for what it has kept since the epoch that it knows (KIP-1251).
        for topic in request.topics:
            epochs = member.assigned.get(topic.topic_id, {})
            pending = member.pending_revocation.get(topic.topic_id, {})
            for partition in topic.partitions:
                index = partition.partition_index
                since = epochs.get(index, pending.get(index))
                if since is None or epoch < since:
                    return stale
        return ErrorCode.NONE

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Check that a fetch comes from a member with its epoch, or from outside."""
        if request.member_id is None and request.member_epoch < 0:
            return ErrorCode.NONE
        member = self.members.get(request.member_id or "")
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if request.member_epoch == member.member_epoch:
            return ErrorCode.NONE
        return ErrorCode.STALE_MEMBER_EPOCH if member.classic is None else ErrorCode.ILLEGAL_GENERATION

    def validate_offset_delete(self) -> ErrorCode:
        """Accept: subscriptions decide for each topic."""
        return ErrorCode.NONE

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member subscribes to a topic."""
        return any(topic in self.topics_of(member) for member in self.members.values())

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts: with the commit."""
        return lambda committed: committed.commit_timestamp

    def timers(self) -> Iterator[Timer]:
        """Yield the timers that are set for members."""
        yield from super().timers()
        yield from self.joins.values()
        yield from self.syncs.values()


def new_member(member_id: str) -> ConsumerMember:
    """Return a member that has not joined yet."""
    return ConsumerMember(member_id=member_id, member_epoch=JOINING)


def _add(counter: Counter[_T], key: _T, change: int) -> None:
    counter[key] += change
    if not counter[key]:
        del counter[key]

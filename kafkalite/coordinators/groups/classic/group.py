"""A classic group: its state, its members and the protocol they share. Nothing here decides when things happen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.states import TRANSITIONS, GroupState, Trigger
from kafkalite.coordinators.java_strings import hash_map_order
from kafkalite_wire.codec import decode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import ConsumerProtocolSubscription
from kafkalite_wire.messages.coordinator_records import GroupMetadataKey, encode_key
from kafkalite_wire.messages.describe_groups import DescribedGroup, DescribedGroupMember

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kafkalite.coordinators.groups.classic.waiting import Waiter
    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite_wire.messages.join_group import JoinGroupRequestProtocol
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

CONSUMER: Final = "consumer"
"""The protocol type whose subscriptions the broker can read."""

_VERSION_SIZE: Final = 2


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A member; it is new until the first generation that it is in has begun. Time-outs are seconds."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout: float
    rebalance_timeout: float
    protocols: tuple[JoinGroupRequestProtocol, ...]
    session: Timer
    assignment: bytes = b""
    is_new: bool = False
    awaiting_join: Waiter | None = None
    awaiting_sync: Waiter | None = None

    @property
    def has_satisfied_heartbeat(self) -> bool:
        """Whether waiting for the group counts as a sign of life; a new member may not wait without a limit."""
        return not self.is_new and (self.awaiting_join is not None or self.awaiting_sync is not None)

    def keep_alive(self, now: float) -> None:
        """Restart the session."""
        self.session.move(now + self.session_timeout)

    def metadata(self, protocol_name: str | None) -> bytes:
        """Return the member's metadata for a protocol, empty if it does not support it."""
        return next((protocol.metadata for protocol in self.protocols if protocol.name == protocol_name), b"")

    def vote(self, candidates: Collection[str]) -> str:
        """Return the candidate that the member prefers."""
        return next(protocol.name for protocol in self.protocols if protocol.name in candidates)


def next_leader(candidates: Iterable[str]) -> str | None:
    """Return the next leader when the leader has gone: the oldest member, where Kafka takes any."""
    return next(iter(candidates), None)


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """A classic group. ``state_timestamp`` is when its state changed last, in milliseconds since 1970."""

    group_id: str
    join: Timer
    sync: Timer
    state: GroupState = GroupState.EMPTY
    previous_state: GroupState = GroupState.DEAD
    state_timestamp: int | None = None
    generation: int = 0
    protocol_type: str | None = None
    protocol_name: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    static_members: dict[str, str] = field(default_factory=dict[str, str])
    pending_join: dict[str, Timer] = field(default_factory=dict[str, "Timer"])
    pending_sync: set[str] = field(default_factory=set[str])
    awaiting_join: int = 0
    subscribed_topics: frozenset[str] | None = None
    new_member_added: bool = False
    _supported: Counter[str] = field(default_factory=Counter[str])

    @property
    def can_rebalance(self) -> bool:
        """Whether a rebalance may begin."""
        return (self.state, Trigger.REBALANCE) in TRANSITIONS

    @property
    def has_all_members_joined(self) -> bool:
        """Whether all members wait for the next generation, and no member with a fresh id is about to join."""
        return self.awaiting_join == len(self.members) and not self.pending_join

    @property
    def rebalance_timeout(self) -> float:
        """How long the slowest member may take to rejoin."""
        return max([0.0, *(member.rebalance_timeout for member in self.members.values())])

    def transition(self, trigger: Trigger, wall_ms: int | None) -> None:
        """Change the state as the table says. Raises KeyError for what cannot happen in this state."""
        state = TRANSITIONS[self.state, trigger]
        self.previous_state, self.state, self.state_timestamp = self.state, state, wall_ms

    # Members

    def add(self, member: Member, protocol_type: str) -> None:
        """Add a member whose protocols are known to fit. The first one leads."""
        if not self.members:
            self.protocol_type = protocol_type
        if self.leader is None:
            self.leader = member.member_id
        if member.group_instance_id is not None:
            self.static_members[member.group_instance_id] = member.member_id
        self.members[member.member_id] = member
        self._supported.update(_names(member.protocols))
        self.awaiting_join += member.awaiting_join is not None
        self._forget_pending(member.member_id)

    def remove(self, member_id: str) -> Member | None:
        """Remove a member, or one that was given an id and has not joined; another member leads if it led."""
        member = self.members.pop(member_id, None)
        if member is not None:
            self._supported.subtract(_names(member.protocols))
            self.awaiting_join -= member.awaiting_join is not None
            if member.group_instance_id is not None:
                self.static_members.pop(member.group_instance_id, None)
            member.session.cancel()
        if self.leader == member_id:
            self.leader = next_leader(self.members)
        self._forget_pending(member_id)
        self.pending_sync.discard(member_id)
        return member

    def replace_static_member(self, old: Member, member_id: str, session: Timer) -> Member:
        """Replace a static member with its next incarnation, which inherits the assignment (KIP-345)."""
        assert old.group_instance_id is not None
        assert old.awaiting_join is None
        del self.members[old.member_id]
        old.session.cancel()
        new = self.members[member_id] = replace(
            old, member_id=member_id, session=session, is_new=False, awaiting_sync=None
        )
        if self.leader == old.member_id:
            self.leader = member_id
        self.static_members[old.group_instance_id] = member_id
        return new

    def update(
        self,
        member: Member,
        protocols: tuple[JoinGroupRequestProtocol, ...],
        *,
        session_timeout: float,
        rebalance_timeout: float,
    ) -> None:
        """Update a member that joins again."""
        self._supported.subtract(_names(member.protocols))
        self._supported.update(_names(protocols))
        member.protocols = protocols
        member.session_timeout = session_timeout
        member.rebalance_timeout = rebalance_timeout

    def await_join(self, member: Member, waiter: Waiter | None) -> None:
        """Note that a member waits for the next generation, or with None that it no longer does."""
        self.awaiting_join += (waiter is not None) - (member.awaiting_join is not None)
        member.awaiting_join = waiter

    def validate(self, member_id: str, group_instance_id: str | None) -> ErrorCode:
        """Check that a request comes from a member, and for a static one from its last incarnation."""
        if group_instance_id is not None:
            existing = self.static_members.get(group_instance_id)
            if existing is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if existing != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        return ErrorCode.NONE if member_id in self.members else ErrorCode.UNKNOWN_MEMBER_ID

    def elect_joined_leader(self) -> bool:
        """Make a member that has joined the leader, if the leader has not. Return False if none has joined."""
        if self.leader is None:
            return False
        if self.members[self.leader].awaiting_join is not None:
            return True
        joined = next_leader(m.member_id for m in self.members.values() if m.awaiting_join is not None)
        if joined is None:
            return False
        self.leader = joined
        return True

    def _forget_pending(self, member_id: str) -> None:
        pending = self.pending_join.pop(member_id, None)
        if pending is not None:
            pending.cancel()

    # The protocol

    def supports(self, protocol_type: str, protocols: Iterable[JoinGroupRequestProtocol]) -> bool:
        """Return whether a member with these protocols may join: all members must support one of them."""
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and any(True for _ in protocols)
        return protocol_type == self.protocol_type and any(
            self._supported[protocol.name] == len(self.members) for protocol in protocols
        )

    def select_protocol(self) -> str:
        """Choose by vote among the protocols that all members support.

        Between equal votes Kafka takes what comes first in a Java HashMap; so does this.
        """
        candidates = {name for name, count in self._supported.items() if count == len(self.members)}
        votes = Counter(member.vote(candidates) for member in self.members.values())
        return max(hash_map_order(votes), key=votes.__getitem__)

    def next_generation(self, wall_ms: int | None) -> None:
        """Begin a generation with the present members, or become empty."""
        self.generation += 1
        self._supported = +self._supported
        self.protocol_name = self.select_protocol() if self.members else None
        self.subscribed_topics = self.read_subscriptions()
        self.transition(Trigger.ALL_JOINED if self.members else Trigger.NONE_LEFT, wall_ms)
        self.pending_sync.clear()

    def read_subscriptions(self) -> frozenset[str] | None:
        """Collect the topics of all members; None unless all of them are consumers that say it readably."""
        if self.protocol_type != CONSUMER:
            return None
        if self.members and self.protocol_name is None:
            return None
        topics: set[str] = set()
        for member in self.members.values():
            metadata = member.metadata(self.protocol_name)
            if len(metadata) < _VERSION_SIZE:
                return None
            try:
                # The topics come first in every version, and Kafka reads no further either.
                topics.update(decode(ConsumerProtocolSubscription, 0, metadata, _VERSION_SIZE).topics)
            except WireError:
                return None
        return frozenset(topics)

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member may be reading a topic; True for a consumer group with unreadable subscriptions."""
        if self.subscribed_topics is None:
            return self.protocol_type == CONSUMER
        return topic in self.subscribed_topics

    # What groups of all kinds do (see CoordinatedGroup)

    @property
    def group_type(self) -> str:
        """The type as ListGroups prints it."""
        return "classic"

    @property
    def state_name(self) -> str:
        """The state as Kafka prints it."""
        return self.state.value

    @property
    def is_empty(self) -> bool:
        """Whether the group has no members and no rebalance is under way."""
        return self.state is GroupState.EMPTY

    def describe(self) -> DescribedGroup:
        """Describe the group; members' metadata is included in state Stable only."""
        stable = self.state is GroupState.STABLE
        return DescribedGroup(
            group_id=self.group_id,
            group_state=self.state.value,
            protocol_type=self.protocol_type or "",
            protocol_data=(self.protocol_name or "") if stable else "",
            members=tuple(
                DescribedGroupMember(
                    member_id=member.member_id,
                    group_instance_id=member.group_instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    member_metadata=member.metadata(self.protocol_name) if stable else b"",
                    member_assignment=member.assignment,
                )
                for member in self.members.values()
            ),
        )

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Check that a commit comes from a member of this generation; a group without members accepts any commit.

        A transactional producer may also name no member: transactions were used so before KIP-447.
        """
        in_transaction = api_version is None
        generation = request.generation_id_or_member_epoch
        if generation < 0 and self.state is GroupState.EMPTY:
            return ErrorCode.NONE
        if generation < 0 and not request.member_id and request.group_instance_id is None:
            return ErrorCode.NONE if in_transaction else ErrorCode.UNKNOWN_MEMBER_ID
        error = self.validate(request.member_id, request.group_instance_id)
        if error:
            return error
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if self.state is GroupState.COMPLETING_REBALANCE and not in_transaction:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        """Restart the session of the member that commits."""
        if self.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
            self.members[request.member_id].keep_alive(result.now)

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Accept every OffsetFetch; the member ids and epochs in it are those of KIP-848."""
        del request
        return ErrorCode.NONE

    def validate_offset_delete(self) -> ErrorCode:
        """Refuse while there are members, unless they are consumers: their subscriptions decide for each topic."""
        if self.state is GroupState.EMPTY or self.protocol_type == CONSUMER:
            return ErrorCode.NONE
        return ErrorCode.NON_EMPTY_GROUP

    def validate_delete(self) -> ErrorCode:
        """Refuse while there are members."""
        return ErrorCode.NONE if self.state is GroupState.EMPTY else ErrorCode.NON_EMPTY_GROUP

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts (KIP-211): with the commit, or when the group became empty."""
        if self.protocol_type is None or self.state is GroupState.STABLE:
            if self.protocol_type is not None and self.subscribed_topics is None:
                return None
            return lambda committed: committed.commit_timestamp
        if self.state is GroupState.EMPTY:
            emptied = self.state_timestamp
            return lambda committed: committed.commit_timestamp if emptied is None else emptied
        return None

    def close(self, result: ResultBuilder) -> None:
        """Cancel the timers of a group that is removed."""
        self.transition(Trigger.DELETED, result.wall_ms)
        self.join.cancel()
        self.sync.cancel()
        for member in self.members.values():
            member.session.cancel()
        for pending in self.pending_join.values():
            pending.cancel()
        self.pending_join.clear()

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        result.record(self.group_id, encode_key(GroupMetadataKey(group=self.group_id)), None)


def _names(protocols: Iterable[JoinGroupRequestProtocol]) -> set[str]:
    return {protocol.name for protocol in protocols}

"""A member of a consumer group: what it wants, what it has, and where it is on the way to its target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from kafkalite_wire.messages.join_group import JoinGroupRequestProtocol

PartitionEpochs = Mapping[bytes, Mapping[int, int]]
"""Partitions by topic id, each with the member epoch at which it was assigned (KIP-1251)."""

LEAVING_FOR_A_WHILE = -2
"""The epoch of a static member that will come back."""


class MemberState(IntEnum):
    """Where a member is on the way to its target, by the numbers of Kafka's records."""

    STABLE = 0
    UNREVOKED_PARTITIONS = 1
    UNRELEASED_PARTITIONS = 2


class TopicPartitions(Protocol):
    """Partitions of a topic, as heartbeats hold them."""

    @property
    def topic_id(self) -> bytes:
        """The topic's id."""
        ...

    @property
    def partitions(self) -> tuple[int, ...]:
        """The partitions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicProtocol:
    """What a member that uses the classic protocol has said in JoinGroup; its first protocol counts."""

    session_timeout_ms: int
    protocols: tuple[JoinGroupRequestProtocol, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerMember:
    """A member; it is not changed but replaced. An empty regular expression is none."""

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    subscribed_topics: frozenset[str] = frozenset()
    subscribed_regex: str = ""
    server_assignor: str | None = None
    rebalance_timeout_ms: int = -1
    member_epoch: int = 0
    previous_member_epoch: int = -1
    state: MemberState = MemberState.STABLE
    assigned: PartitionEpochs = field(default_factory=dict[bytes, Mapping[int, int]])
    pending_revocation: PartitionEpochs = field(default_factory=dict[bytes, Mapping[int, int]])
    classic: ClassicProtocol | None = None
    """Set while the member uses the classic protocol."""

    @property
    def group_instance_id(self) -> str | None:
        """The instance id, by the name that it has in the classic protocol."""
        return self.instance_id

    @property
    def subscription(self) -> tuple[object, ...]:
        """What the record of the member's metadata holds."""
        return (
            self.instance_id,
            self.rack_id,
            self.client_id,
            self.client_host,
            self.subscribed_topics,
            self.subscribed_regex,
            self.server_assignor,
            self.rebalance_timeout_ms,
            self.classic,
        )

    @property
    def current(self) -> tuple[object, ...]:
        """What the record of the member's current assignment holds."""
        return self.member_epoch, self.previous_member_epoch, self.state, self.assigned, self.pending_revocation

    def is_reconciled_to(self, epoch: int) -> bool:
        """Return whether the member has all of its target assignment of an epoch."""
        return self.state is MemberState.STABLE and self.member_epoch == epoch

    def owns_all(self, owned: Iterable[TopicPartitions] | None) -> bool:
        """Return whether what a member says to own is assigned to it; False if it does not say it."""
        return owned is not None and all(
            partition in self.assigned.get(topic.topic_id, {}) for topic in owned for partition in topic.partitions
        )

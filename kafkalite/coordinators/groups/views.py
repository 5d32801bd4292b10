"""Groups as others may look at them: copies that do not change any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import Enum

    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.topics import ClusterTopics


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What a member wants and has where the broker assigns: names of topics, and partitions of topics."""

    topics: frozenset[str]
    partitions: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member of a group; ``metadata`` and ``assignment`` are in the format of the protocol type of a classic group.

    For protocol type ``consumer``, :mod:`kafkalite_wire.messages.consumer_protocol` reads both. Where the broker
    assigns, ``assigned`` is in their place. Times are seconds.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout: float
    rebalance_timeout: float = 0.0
    metadata: bytes = b""
    assignment: bytes = b""
    assigned: Assigned | None = None
    awaits_join: bool = False
    awaits_sync: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with its members in the order in which they came, and its committed offsets by topic and partition.

    Where the broker assigns, the generation is the group epoch, and the protocol is the assignor.
    """

    group_id: str
    state: Enum
    generation: int
    protocol_type: str | None
    protocol_name: str | None
    leader: str | None
    members: tuple[MemberView, ...]
    offsets: Mapping[tuple[str, int], CommittedOffset]


def classic_view(group: Group, offsets: Mapping[tuple[str, int], CommittedOffset]) -> GroupView:
    """Copy a classic group."""
    return GroupView(
        group_id=group.group_id,
        state=group.state,
        generation=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=group.leader,
        members=tuple(
            MemberView(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                session_timeout=member.session_timeout,
                rebalance_timeout=member.rebalance_timeout,
                metadata=member.metadata(group.protocol_name),
                assignment=member.assignment,
                awaits_join=member.awaiting_join is not None,
                awaits_sync=member.awaiting_sync is not None,
            )
            for member in group.members.values()
        ),
        offsets=offsets,
    )


def assigned(topics: Iterable[str], partitions: Mapping[bytes, Iterable[int]], known: ClusterTopics) -> Assigned:
    """Return what a member wants and has, by the names of those topics that exist."""
    named = ((known.topics_by_id.get(topic_id), held) for topic_id, held in partitions.items())
    return Assigned(
        topics=frozenset(topics),
        partitions=frozenset((topic.name, each) for topic, held in named if topic is not None for each in held),
    )

"""Groups as others may look at them: copies that do not change any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.classic.states import GroupState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kafkalite.coordinators.groups.offset_table import CommittedOffset, OffsetTable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member of a group; ``metadata`` and ``assignment`` are in the format of the group's protocol type.

    For protocol type ``consumer``, :mod:`kafkalite_wire.messages.consumer_protocol` reads both. Times are seconds.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout: float
    rebalance_timeout: float
    metadata: bytes
    assignment: bytes
    awaits_join: bool
    awaits_sync: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with its members in the order in which they came, and its committed offsets by topic and partition."""

    group_id: str
    state: GroupState
    generation: int
    protocol_type: str | None
    protocol_name: str | None
    leader: str | None
    members: tuple[MemberView, ...]
    offsets: Mapping[tuple[str, int], CommittedOffset]


def view(group: Group, table: OffsetTable) -> GroupView:
    """Copy a group."""
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
        offsets={
            (topic, partition): committed
            for topic, partitions in table.of(group.group_id).items()
            for partition, committed in partitions.items()
        },
    )

"""Classic groups as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.records import NO_TIMESTAMP
from kafkalite_wire.messages.coordinator_records import (
    GROUP_METADATA_VALUE_VERSION,
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    encode_key,
    encode_value,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.results import ResultBuilder


def write_group(group: Group, result: ResultBuilder) -> None:
    """Record a group with its members and their assignments."""
    members = tuple(
        MemberMetadata(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            rebalance_timeout=round(member.rebalance_timeout * 1000),
            session_timeout=round(member.session_timeout * 1000),
            subscription=member.metadata(group.protocol_name),
            assignment=member.assignment,
        )
        for member in group.members.values()
    )
    value = GroupMetadataValue(
        protocol_type=group.protocol_type or "",
        generation=group.generation,
        protocol=group.protocol_name,
        leader=group.leader,
        current_state_timestamp=_timestamp(group),
        members=members,
    )
    _write_group(group.group_id, value, result)


def write_new_group(group: Group, result: ResultBuilder) -> None:
    """Record a group whose first member is joining: it has no members and no protocol yet."""
    value = GroupMetadataValue(
        protocol_type="",
        generation=0,
        protocol=None,
        leader=None,
        current_state_timestamp=_timestamp(group),
        members=(),
    )
    _write_group(group.group_id, value, result)


def _write_group(group_id: str, value: GroupMetadataValue, result: ResultBuilder) -> None:
    key = encode_key(GroupMetadataKey(group=group_id))
    result.record(group_id, key, encode_value(value, GROUP_METADATA_VALUE_VERSION))


def _timestamp(group: Group) -> int:
    return NO_TIMESTAMP if group.state_timestamp is None else group.state_timestamp

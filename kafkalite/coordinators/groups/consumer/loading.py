"""Rebuild consumer groups from the records of ``__consumer_offsets``."""

from __future__ import annotations

from collections.abc import Iterator

from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
from kafkalite.coordinators.groups.consumer.records import read_member, read_target
from kafkalite.coordinators.groups.consumer.subscriptions import ResolvedRegex
from kafkalite_wire.messages.consumer_group_records import (
    ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupKey,
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue,
    ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
)


class ConsumerGroupLoader:
    """Collects the last record of each key, in any order, and makes groups of them."""

    def __init__(self) -> None:
        self._groups: dict[str, ConsumerGroup] = {}
        self._members: dict[tuple[str, str], tuple[ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue]]
        self._members = {}
        self._currents: dict[tuple[str, str], ConsumerGroupCurrentMemberAssignmentValue] = {}

    def add(self, key: ConsumerGroupKey, value: object | None) -> None:
        """Take the last record of a key; no value is a tombstone."""
        if value is None:
            return
        group = self._groups.get(key.group_id)
        if group is None:
            group = self._groups[key.group_id] = ConsumerGroup(group_id=key.group_id)
        match key, value:
            case ConsumerGroupMetadataKey(), ConsumerGroupMetadataValue():
                group.epoch, group.metadata_hash = value.epoch, value.metadata_hash
            case ConsumerGroupMemberMetadataKey(), ConsumerGroupMemberMetadataValue():
                self._members[key.group_id, key.member_id] = key, value
            case ConsumerGroupCurrentMemberAssignmentKey(), ConsumerGroupCurrentMemberAssignmentValue():
                self._currents[key.group_id, key.member_id] = value
            case ConsumerGroupTargetAssignmentMemberKey(), ConsumerGroupTargetAssignmentMemberValue():
                group.targets[key.member_id] = read_target(value)
            case ConsumerGroupTargetAssignmentMetadataKey(), ConsumerGroupTargetAssignmentMetadataValue():
                group.assignment_epoch = value.assignment_epoch
            case ConsumerGroupRegularExpressionKey(), ConsumerGroupRegularExpressionValue():
                group.regexes[key.regular_expression] = ResolvedRegex(
                    topics=frozenset(value.topics), version=value.version, timestamp=value.timestamp
                )
            case _:
                pass  # The topics of a group, which Kafka has recorded before 4.1.

    def groups(self) -> Iterator[ConsumerGroup]:
        """Yield the groups that exist, with their members."""
        for (group_id, member_id), (key, value) in self._members.items():
            self._groups[group_id].put(read_member(key, value, self._currents.get((group_id, member_id))))
        yield from self._groups.values()

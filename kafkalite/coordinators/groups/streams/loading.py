"""Rebuild streams groups from the records of ``__consumer_offsets``."""

from __future__ import annotations

from collections.abc import Iterator

from kafkalite.coordinators.groups.streams.group import StreamsGroup
from kafkalite.coordinators.groups.streams.records import read_assignment_configs, read_member, read_target
from kafkalite.coordinators.groups.streams.topology import StreamsTopology
from kafkalite_wire.messages.streams_group_records import (
    StreamsGroupCurrentMemberAssignmentKey,
    StreamsGroupCurrentMemberAssignmentValue,
    StreamsGroupKey,
    StreamsGroupMemberMetadataKey,
    StreamsGroupMemberMetadataValue,
    StreamsGroupMetadataKey,
    StreamsGroupMetadataValue,
    StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupTargetAssignmentMemberValue,
    StreamsGroupTargetAssignmentMetadataKey,
    StreamsGroupTargetAssignmentMetadataValue,
    StreamsGroupTopologyKey,
    StreamsGroupTopologyValue,
)


class StreamsGroupLoader:
    """Collects the last record of each key, in any order, and makes groups of them."""

    def __init__(self) -> None:
        self._groups: dict[str, StreamsGroup] = {}
        self._members: dict[tuple[str, str], tuple[StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue]] = {}
        self._currents: dict[tuple[str, str], StreamsGroupCurrentMemberAssignmentValue] = {}

    def add(self, key: StreamsGroupKey, value: object | None) -> None:
        """Take the last record of a key; no value is a tombstone."""
        if value is None:
            return
        group = self._groups.get(key.group_id)
        if group is None:
            group = self._groups[key.group_id] = StreamsGroup(group_id=key.group_id)
        match key, value:
            case StreamsGroupMetadataKey(), StreamsGroupMetadataValue():
                group.epoch, group.metadata_hash = value.epoch, value.metadata_hash
                group.validated_topology_epoch = value.validated_topology_epoch
                group.assignment_configs = read_assignment_configs(value)
                group.stored_description_epoch = value.stored_description_topology_epoch
                group.failed_description_epoch = value.failed_description_topology_epoch
            case StreamsGroupTopologyKey(), StreamsGroupTopologyValue():
                group.topology = StreamsTopology.from_record(value)
            case StreamsGroupMemberMetadataKey(), StreamsGroupMemberMetadataValue():
                self._members[key.group_id, key.member_id] = key, value
            case StreamsGroupCurrentMemberAssignmentKey(), StreamsGroupCurrentMemberAssignmentValue():
                self._currents[key.group_id, key.member_id] = value
            case StreamsGroupTargetAssignmentMemberKey(), StreamsGroupTargetAssignmentMemberValue():
                group.targets[key.member_id] = read_target(value)
            case StreamsGroupTargetAssignmentMetadataKey(), StreamsGroupTargetAssignmentMetadataValue():
                group.assignment_epoch = value.assignment_epoch
            case _:
                raise AssertionError(f"{type(value).__name__} is not the value of {type(key).__name__}")

    def groups(self) -> Iterator[StreamsGroup]:
        """Yield the groups that exist, with their members."""
        for (group_id, member_id), (key, value) in self._members.items():
            self._groups[group_id].put(read_member(key, value, self._currents.get((group_id, member_id))))
        yield from self._groups.values()

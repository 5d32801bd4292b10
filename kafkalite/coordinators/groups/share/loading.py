"""Rebuild share groups from the records of ``__consumer_offsets``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kafkalite.coordinators.groups.share.group import ShareGroup
from kafkalite.coordinators.groups.share.member import ShareMember
from kafkalite.coordinators.groups.share.records import partitions_of
from kafkalite_wire.messages.share_group_records import (
    ShareGroupCurrentMemberAssignmentKey,
    ShareGroupCurrentMemberAssignmentValue,
    ShareGroupKey,
    ShareGroupMemberMetadataKey,
    ShareGroupMemberMetadataValue,
    ShareGroupMetadataKey,
    ShareGroupMetadataValue,
    ShareGroupStatePartitionMetadataKey,
    ShareGroupStatePartitionMetadataValue,
    ShareGroupTargetAssignmentMemberKey,
    ShareGroupTargetAssignmentMemberValue,
    ShareGroupTargetAssignmentMetadataKey,
    ShareGroupTargetAssignmentMetadataValue,
)


class ShareGroupLoader:
    """Collects the last record of each key, in any order, and makes groups of them."""

    def __init__(self) -> None:
        self._groups: dict[str, ShareGroup] = {}
        self._currents: dict[tuple[str, str], ShareGroupCurrentMemberAssignmentValue] = {}

    def add(self, key: ShareGroupKey, value: object | None) -> None:
        """Take the last record of a key; no value is a tombstone."""
        if value is None:
            return
        group = self._groups.get(key.group_id)
        if group is None:
            group = self._groups[key.group_id] = ShareGroup(group_id=key.group_id)
        match key, value:
            case ShareGroupMetadataKey(), ShareGroupMetadataValue():
                group.epoch, group.metadata_hash = value.epoch, value.metadata_hash
            case ShareGroupMemberMetadataKey(), ShareGroupMemberMetadataValue():
                group.members[key.member_id] = ShareMember(
                    member_id=key.member_id,
                    rack_id=value.rack_id,
                    client_id=value.client_id,
                    client_host=value.client_host,
                    subscribed_topics=frozenset(value.subscribed_topic_names),
                )
            case ShareGroupCurrentMemberAssignmentKey(), ShareGroupCurrentMemberAssignmentValue():
                self._currents[key.group_id, key.member_id] = value
            case ShareGroupTargetAssignmentMemberKey(), ShareGroupTargetAssignmentMemberValue():
                group.targets[key.member_id] = partitions_of(value.topic_partitions)
            case ShareGroupTargetAssignmentMetadataKey(), ShareGroupTargetAssignmentMetadataValue():
                group.assignment_epoch = value.assignment_epoch
            case ShareGroupStatePartitionMetadataKey(), ShareGroupStatePartitionMetadataValue():
                # What was being made is made again: the state of such a partition may be missing.
                group.initialized = {
                    topic.topic_id: (topic.topic_name, frozenset(topic.partitions))
                    for topic in value.initialized_topics
                }
            case _:
                raise AssertionError(f"{type(value).__name__} is not the value of {type(key).__name__}")

    def groups(self) -> Iterator[ShareGroup]:
        """Yield the groups that exist, with their members."""
        for (group_id, member_id), current in self._currents.items():
            members = self._groups[group_id].members
            if member_id in members:
                members[member_id] = replace(
                    members[member_id],
                    member_epoch=current.member_epoch,
                    previous_member_epoch=current.previous_member_epoch,
                    assigned=partitions_of(current.assigned_partitions),
                )
        yield from self._groups.values()

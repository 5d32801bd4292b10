"""Streams groups as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.coordinators.groups.streams.member import AssignedTasks, MemberState, StreamsMember, TargetTasks
from kafkalite.coordinators.java_strings import utf16_order
from kafkalite_wire.messages.coordinator_records import Key, Value, encode_key, encode_value
from kafkalite_wire.messages.streams_group_records import (
    KeyValue,
    LastAssignmentConfig,
    StreamsGroupCurrentMemberAssignmentKey,
    StreamsGroupCurrentMemberAssignmentValue,
    StreamsGroupMemberMetadataKey,
    StreamsGroupMemberMetadataValue,
    StreamsGroupMetadataKey,
    StreamsGroupMetadataValue,
    StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupTargetAssignmentMemberValue,
    StreamsGroupTargetAssignmentMetadataKey,
    StreamsGroupTargetAssignmentMetadataValue,
    StreamsGroupTopologyKey,
    TargetTaskIds,
    TaskIds,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.streams.member import PartitionEpochs, Partitions
    from kafkalite.coordinators.groups.streams.topology import StreamsTopology
    from kafkalite.coordinators.results import ResultBuilder

NO_EPOCH: Final = -1
"""The epoch of a topology that has not been validated or described."""

_VALUE_VERSION: Final = 0
_T = TypeVar("_T")


def write_epoch(
    group_id: str,
    epoch: int,
    metadata_hash: int,
    result: ResultBuilder,
    *,
    validated_topology_epoch: int = NO_EPOCH,
    assignment_configs: Mapping[str, str],
    stored_description_epoch: int = NO_EPOCH,
    failed_description_epoch: int = NO_EPOCH,
) -> None:
    """Record a group's epoch, with the topology and the settings that its next target is computed for."""
    value = StreamsGroupMetadataValue(
        epoch=epoch,
        metadata_hash=metadata_hash,
        validated_topology_epoch=validated_topology_epoch,
        last_assignment_configs=tuple(
            LastAssignmentConfig(key=name, value=setting) for name, setting in assignment_configs.items()
        ),
        stored_description_topology_epoch=stored_description_epoch,
        failed_description_topology_epoch=failed_description_epoch,
    )
    _write(group_id, StreamsGroupMetadataKey(group_id=group_id), value, result)


def write_member(group_id: str, member: StreamsMember, result: ResultBuilder) -> None:
    """Record who a member is."""
    value = StreamsGroupMemberMetadataValue(
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        topology_epoch=member.topology_epoch,
        process_id=member.process_id,
        user_endpoint=member.user_endpoint,
        client_tags=tuple(KeyValue(key=name, value=tag) for name, tag in _by_name(member.client_tags)),
    )
    _write(group_id, StreamsGroupMemberMetadataKey(group_id=group_id, member_id=member.member_id), value, result)


def write_topology(group_id: str, topology: StreamsTopology, result: ResultBuilder) -> None:
    """Record a group's topology."""
    _write(group_id, StreamsGroupTopologyKey(group_id=group_id), topology.as_record(), result)


def write_target_epoch(group_id: str, epoch: int, timestamp: int, result: ResultBuilder) -> None:
    """Record the epoch of the target assignment, and when it was computed."""
    value = StreamsGroupTargetAssignmentMetadataValue(assignment_epoch=epoch, assignment_timestamp=timestamp)
    _write(group_id, StreamsGroupTargetAssignmentMetadataKey(group_id=group_id), value, result)


def write_target(group_id: str, member_id: str, target: TargetTasks, result: ResultBuilder) -> None:
    """Record the tasks that a member is to have."""
    value = StreamsGroupTargetAssignmentMemberValue(
        active_tasks=_target_tasks(target.active),
        standby_tasks=_target_tasks(target.standby),
        warmup_tasks=_target_tasks(target.warmup),
    )
    key = StreamsGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id)
    _write(group_id, key, value, result)


def write_current(group_id: str, member: StreamsMember, result: ResultBuilder) -> None:
    """Record the epochs of a member, and the tasks that it has."""
    assigned, revoked = member.assigned, member.pending_revocation
    value = StreamsGroupCurrentMemberAssignmentValue(
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=member.state,
        active_tasks=_with_epochs(assigned.active),
        standby_tasks=_tasks(assigned.standby),
        warmup_tasks=_tasks(assigned.warmup),
        active_tasks_pending_revocation=_with_epochs(revoked.active),
        standby_tasks_pending_revocation=_tasks(revoked.standby),
        warmup_tasks_pending_revocation=_tasks(revoked.warmup),
    )
    key = StreamsGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member.member_id)
    _write(group_id, key, value, result)


def write_removed_member(group_id: str, member_id: str, result: ResultBuilder) -> None:
    """Record that a member is no more."""
    for kind in _KEYS_OF_MEMBERS:
        _write(group_id, kind(group_id=group_id, member_id=member_id), None, result)


def write_removed_group(group_id: str, members: Iterable[str], result: ResultBuilder) -> None:
    """Record that a group is no more."""
    listed = tuple(members)
    currents, targets, metadata = (
        [kind(group_id=group_id, member_id=member_id) for member_id in listed] for kind in _KEYS_OF_MEMBERS
    )
    for key in (
        *currents,
        *targets,
        StreamsGroupTargetAssignmentMetadataKey(group_id=group_id),
        *metadata,
        StreamsGroupMetadataKey(group_id=group_id),
        StreamsGroupTopologyKey(group_id=group_id),
    ):
        _write(group_id, key, None, result)


def read_member(
    key: StreamsGroupMemberMetadataKey,
    value: StreamsGroupMemberMetadataValue,
    current: StreamsGroupCurrentMemberAssignmentValue | None,
) -> StreamsMember:
    """Return a member from its two records."""
    member = StreamsMember(
        member_id=key.member_id,
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        topology_epoch=value.topology_epoch,
        process_id=value.process_id,
        user_endpoint=value.user_endpoint,
        client_tags={tag.key: tag.value for tag in value.client_tags},
    )
    if current is None:
        return member
    return replace(
        member,
        member_epoch=current.member_epoch,
        previous_member_epoch=current.previous_member_epoch,
        state=MemberState(current.state),
        assigned=AssignedTasks(
            active=_epochs(current.active_tasks, current.member_epoch),
            standby=_partitions(current.standby_tasks),
            warmup=_partitions(current.warmup_tasks),
        ),
        pending_revocation=AssignedTasks(
            active=_epochs(current.active_tasks_pending_revocation, current.member_epoch),
            standby=_partitions(current.standby_tasks_pending_revocation),
            warmup=_partitions(current.warmup_tasks_pending_revocation),
        ),
    )


def read_target(value: StreamsGroupTargetAssignmentMemberValue) -> TargetTasks:
    """Return the tasks that a member is to have."""
    return TargetTasks(
        active=_partitions(value.active_tasks),
        standby=_partitions(value.standby_tasks),
        warmup=_partitions(value.warmup_tasks),
    )


def read_assignment_configs(value: StreamsGroupMetadataValue) -> dict[str, str]:
    """Return the settings that the last target was computed for."""
    return {config.key: config.value for config in value.last_assignment_configs or ()}


_KEYS_OF_MEMBERS: Final = (
    StreamsGroupCurrentMemberAssignmentKey,
    StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupMemberMetadataKey,
)


def _target_tasks(tasks: Partitions) -> tuple[TargetTaskIds, ...]:
    return tuple(
        TargetTaskIds(subtopology_id=name, partitions=tuple(sorted(partitions))) for name, partitions in _by_name(tasks)
    )


def _tasks(tasks: Partitions) -> tuple[TaskIds, ...]:
    return tuple(
        TaskIds(subtopology_id=name, partitions=tuple(sorted(partitions))) for name, partitions in _by_name(tasks)
    )


def _with_epochs(tasks: PartitionEpochs) -> tuple[TaskIds, ...]:
    return tuple(
        TaskIds(
            subtopology_id=name,
            partitions=tuple(sorted(epochs)),
            assignment_epochs=tuple(epochs[partition] for partition in sorted(epochs)),
        )
        for name, epochs in _by_name(tasks)
    )


def _by_name(values: Mapping[str, _T]) -> list[tuple[str, _T]]:
    return sorted(values.items(), key=lambda item: utf16_order(item[0]))


def _partitions(tasks: Iterable[TaskIds | TargetTaskIds]) -> Partitions:
    return {task.subtopology_id: frozenset(task.partitions) for task in tasks}


def _epochs(tasks: Iterable[TaskIds], member_epoch: int) -> PartitionEpochs:
    return {
        task.subtopology_id: dict(
            zip(task.partitions, task.assignment_epochs, strict=True)
            if task.assignment_epochs is not None and len(task.assignment_epochs) == len(task.partitions)
            else dict.fromkeys(task.partitions, member_epoch)
        )
        for task in tasks
    }


def _write(group_id: str, key: Key, value: Value | None, result: ResultBuilder) -> None:
    result.record(group_id, encode_key(key), None if value is None else encode_value(value, _VALUE_VERSION))

"""Consumer groups as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.consumer.member import ClassicProtocol, ConsumerMember, MemberState, PartitionEpochs
from kafkalite_wire.messages.consumer_group_records import (
    VALUE_VERSION,
    ClassicMemberMetadata,
    ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue,
    ConsumerGroupPartitionMetadataKey,
    ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
    TopicPartition,
    TopicPartitions,
)
from kafkalite_wire.messages.consumer_group_records import ClassicProtocol as ClassicProtocolRecord
from kafkalite_wire.messages.coordinator_records import Key, Value, encode_key, encode_value
from kafkalite_wire.messages.join_group import JoinGroupRequestProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.subscriptions import ResolvedRegex
    from kafkalite.coordinators.results import ResultBuilder


def write_epoch(group_id: str, epoch: int, metadata_hash: int, result: ResultBuilder) -> None:
    """Record a group's epoch."""
    value = ConsumerGroupMetadataValue(epoch=epoch, metadata_hash=metadata_hash)
    _write(group_id, ConsumerGroupMetadataKey(group_id=group_id), value, result)


def write_member(group_id: str, member: ConsumerMember, result: ResultBuilder) -> None:
    """Record who a member is, and what it wants."""
    value = ConsumerGroupMemberMetadataValue(
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(sorted(member.subscribed_topics)),
        subscribed_topic_regex=member.subscribed_regex,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        server_assignor=member.server_assignor,
        classic_member_metadata=_classic_metadata(member),
    )
    _write(group_id, ConsumerGroupMemberMetadataKey(group_id=group_id, member_id=member.member_id), value, result)


def write_target_epoch(group_id: str, epoch: int, timestamp: int, result: ResultBuilder) -> None:
    """Record the epoch of the target assignment, and when it was computed."""
    value = ConsumerGroupTargetAssignmentMetadataValue(assignment_epoch=epoch, assignment_timestamp=timestamp)
    _write(group_id, ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id), value, result)


def write_target(group_id: str, member_id: str, target: Partitions, result: ResultBuilder) -> None:
    """Record the partitions that a member is to have."""
    topics = tuple(
        TopicPartition(topic_id=topic_id, partitions=tuple(sorted(partitions)))
        for topic_id, partitions in target.items()
    )
    value = ConsumerGroupTargetAssignmentMemberValue(topic_partitions=topics)
    key = ConsumerGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id)
    _write(group_id, key, value, result)


def write_current(group_id: str, member: ConsumerMember, result: ResultBuilder) -> None:
    """Record the epochs of a member, and the partitions that it has."""
    value = ConsumerGroupCurrentMemberAssignmentValue(
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=member.state,
        assigned_partitions=_with_epochs(member.assigned),
        partitions_pending_revocation=_with_epochs(member.pending_revocation),
    )
    key = ConsumerGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member.member_id)
    _write(group_id, key, value, result)


def write_regex(group_id: str, regex: str, resolved: ResolvedRegex | None, result: ResultBuilder) -> None:
    """Record the topics that match a regular expression, or with None that no member uses it any more."""
    value = None
    if resolved is not None:
        value = ConsumerGroupRegularExpressionValue(
            topics=tuple(sorted(resolved.topics)), version=resolved.version, timestamp=resolved.timestamp
        )
    _write(group_id, ConsumerGroupRegularExpressionKey(group_id=group_id, regular_expression=regex), value, result)


def write_removed_member(group_id: str, member_id: str, result: ResultBuilder) -> None:
    """Record that a member is no more."""
    for key in (
        ConsumerGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member_id),
        ConsumerGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id),
        ConsumerGroupMemberMetadataKey(group_id=group_id, member_id=member_id),
    ):
        _write(group_id, key, None, result)


def write_removed_group(group_id: str, members: Iterable[str], regexes: Iterable[str], result: ResultBuilder) -> None:
    """Record that a group is no more."""
    for member_id in members:
        write_removed_member(group_id, member_id, result)
    _write(group_id, ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id), None, result)
    for regex in regexes:
        write_regex(group_id, regex, None, result)
    _write(group_id, ConsumerGroupPartitionMetadataKey(group_id=group_id), None, result)
    _write(group_id, ConsumerGroupMetadataKey(group_id=group_id), None, result)


def read_member(
    key: ConsumerGroupMemberMetadataKey,
    value: ConsumerGroupMemberMetadataValue,
    current: ConsumerGroupCurrentMemberAssignmentValue | None,
) -> ConsumerMember:
    """Return a member from its two records."""
    member = ConsumerMember(
        member_id=key.member_id,
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        subscribed_topics=frozenset(value.subscribed_topic_names),
        subscribed_regex=value.subscribed_topic_regex or "",
        server_assignor=value.server_assignor,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        classic=_classic_protocol(value.classic_member_metadata),
    )
    if current is None:
        return member
    return replace(
        member,
        member_epoch=current.member_epoch,
        previous_member_epoch=current.previous_member_epoch,
        state=MemberState(current.state),
        assigned=_epochs(current.assigned_partitions, current.member_epoch),
        pending_revocation=_epochs(current.partitions_pending_revocation, current.member_epoch),
    )


def read_target(value: ConsumerGroupTargetAssignmentMemberValue) -> Partitions:
    """Return the partitions that a member is to have."""
    return {topic.topic_id: frozenset(topic.partitions) for topic in value.topic_partitions}


def _classic_metadata(member: ConsumerMember) -> ClassicMemberMetadata | None:
    if member.classic is None:
        return None
    return ClassicMemberMetadata(
        session_timeout_ms=member.classic.session_timeout_ms,
        supported_protocols=tuple(
            ClassicProtocolRecord(name=protocol.name, metadata=protocol.metadata)
            for protocol in member.classic.protocols
        ),
    )


def _classic_protocol(metadata: ClassicMemberMetadata | None) -> ClassicProtocol | None:
    if metadata is None or not metadata.supported_protocols:
        return None
    return ClassicProtocol(
        session_timeout_ms=metadata.session_timeout_ms,
        protocols=tuple(
            JoinGroupRequestProtocol(name=protocol.name, metadata=protocol.metadata)
            for protocol in metadata.supported_protocols
        ),
    )


def _epochs(topics: Iterable[TopicPartitions], member_epoch: int) -> PartitionEpochs:
    # Kafka before 4.3 did not keep the epochs of partitions.
    return {
        topic.topic_id: dict(
            zip(topic.partitions, topic.assignment_epochs or (member_epoch,) * len(topic.partitions), strict=False)
        )
        for topic in topics
    }


def _with_epochs(partitions: PartitionEpochs) -> tuple[TopicPartitions, ...]:
    return tuple(
        TopicPartitions(
            topic_id=topic_id,
            partitions=tuple(sorted(epochs)),
            assignment_epochs=tuple(epochs[partition] for partition in sorted(epochs)),
        )
        for topic_id, epochs in partitions.items()
    )


def _write(group_id: str, key: Key, value: Value | None, result: ResultBuilder) -> None:
    result.record(group_id, encode_key(key), None if value is None else encode_value(value, VALUE_VERSION))

"""Where share groups begin in their partitions: described, set and deleted (KIP-932)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.share.group import ShareGroup
from kafkalite.coordinators.share.state import NO_OFFSET, ShareKey
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.alter_share_group_offsets import (
    AlterShareGroupOffsetsRequest,
    AlterShareGroupOffsetsResponse,
    AlterShareGroupOffsetsResponsePartition,
    AlterShareGroupOffsetsResponseTopic,
)
from kafkalite_wire.messages.delete_share_group_offsets import (
    DeleteShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsResponse,
    DeleteShareGroupOffsetsResponseTopic,
)
from kafkalite_wire.messages.describe_share_group_offsets import (
    DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsRequestGroup,
    DescribeShareGroupOffsetsResponse,
    DescribeShareGroupOffsetsResponseGroup,
    DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator
    from kafkalite.requests.context import RequestContext

_UNKNOWN: Final = "This server does not host this topic-partition."
_NO_LAG: Final = -1


def describe_share_group_offsets(
    broker: BrokerEndpoint,
    request: DescribeShareGroupOffsetsRequest,
    context: RequestContext,
) -> Steps[DescribeShareGroupOffsetsResponse]:
    """Describe from which offsets share groups read on, and how many records they have still to process."""
    del context
    coordinator = yield from broker.cluster.groups.load()
    yield from broker.cluster.share_states.load()
    groups: list[DescribeShareGroupOffsetsResponseGroup] = []
    meter = WorkMeter()
    for wanted in request.groups:
        group = coordinator.shares.get(wanted.group_id)  # as in Kafka, it need not exist
        topics: list[DescribeShareGroupOffsetsResponseTopic] = []
        for name, topic_id, partitions in _named(broker, group, wanted):
            described: list[DescribeShareGroupOffsetsResponsePartition] = []
            for index in partitions:
                if meter.add(WORK_OF_OPENING_A_LOG):
                    yield
                described.append(_described(broker, ShareKey(wanted.group_id, topic_id, index), name))
            topics.append(
                DescribeShareGroupOffsetsResponseTopic(topic_name=name, topic_id=topic_id, partitions=tuple(described))
            )
        groups.append(DescribeShareGroupOffsetsResponseGroup(group_id=wanted.group_id, topics=tuple(topics)))
    return DescribeShareGroupOffsetsResponse(groups=tuple(groups))


def _named(
    broker: BrokerEndpoint, group: ShareGroup | None, wanted: DescribeShareGroupOffsetsRequestGroup
) -> Iterable[tuple[str, bytes, Iterable[int]]]:
    if wanted.topics is None:
        for topic_id, (name, partitions) in () if group is None else group.initialized.items():
            yield name, topic_id, sorted(partitions)
        return
    for topic in wanted.topics:
        found = broker.cluster.storage.topics.get(topic.topic_name)
        yield topic.topic_name, ZERO_UUID if found is None else found.topic_id, topic.partitions


def _described(broker: BrokerEndpoint, key: ShareKey, name: str) -> DescribeShareGroupOffsetsResponsePartition:
    state = broker.cluster.share_states.read(key)
    if state is None or state.start_offset == NO_OFFSET:
        return DescribeShareGroupOffsetsResponsePartition(
            partition_index=key.partition, start_offset=NO_OFFSET, leader_epoch=0
        )
    complete = max(state.delivery_complete_count, 0)
    log = guarded(lambda: broker.cluster.log(name, key.partition), lambda _: None)
    lag = _NO_LAG if log is None else max(log.high_watermark - state.start_offset - complete, 0)
    return DescribeShareGroupOffsetsResponsePartition(
        partition_index=key.partition, start_offset=state.start_offset, leader_epoch=state.leader_epoch, lag=lag
    )


def alter_share_group_offsets(
    broker: BrokerEndpoint, request: AlterShareGroupOffsetsRequest, context: RequestContext
) -> Steps[AlterShareGroupOffsetsResponse]:
    """Set from which offsets a share group without members reads on; the group is created if it does not exist."""
    del context
    cluster = broker.cluster
    coordinator = yield from cluster.groups.load()
    yield from cluster.share_states.load()
    group = coordinator.shares.get(request.group_id)
    if group is None and coordinator.has_no_group(request.group_id):
        group = ShareGroup(group_id=request.group_id)
    error, reason = _refusal(coordinator, request.group_id, group)
    if group is None or error:
        return AlterShareGroupOffsetsResponse(error_code=error, error_message=reason, responses=())
    meter = WorkMeter()
    responses: list[AlterShareGroupOffsetsResponseTopic] = []
    changed: dict[bytes, set[int]] = {}
    offsets: dict[ShareKey, int] = {}
    # As in Kafka, unknown topics come first.
    for topic in sorted(request.topics, key=lambda each: each.topic_name in cluster.storage.topics):
        found = cluster.storage.topics.get(topic.topic_name)
        topic_id = ZERO_UUID if found is None else found.topic_id
        results: list[AlterShareGroupOffsetsResponsePartition] = []
        for part in topic.partitions:
            index = part.partition_index
            if found is None or not 0 <= index < found.partitions:
                results.append(
                    AlterShareGroupOffsetsResponsePartition(
                        partition_index=index,
                        error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                        error_message=_UNKNOWN,
                    )
                )
                continue
            offsets[ShareKey(request.group_id, topic_id, index)] = part.start_offset
            changed.setdefault(topic_id, set()).add(index)
            results.append(AlterShareGroupOffsetsResponsePartition(partition_index=index))
        responses.append(
            AlterShareGroupOffsetsResponseTopic(
                topic_name=topic.topic_name, topic_id=topic_id, partitions=tuple(results)
            )
        )
    cluster.groups.perform(coordinator.shares.keep_states(group, changed, wall_ms=cluster.wall_ms()))
    for key, offset in offsets.items():
        if meter.add():
            yield
        cluster.share_states.initialize(key, state_epoch=group.epoch, start_offset=offset)
    cluster.share_partitions.forget(lambda key: key in offsets)
    return AlterShareGroupOffsetsResponse(responses=tuple(responses))


def delete_share_group_offsets(
    broker: BrokerEndpoint, request: DeleteShareGroupOffsetsRequest, context: RequestContext
) -> Steps[DeleteShareGroupOffsetsResponse]:
    """Forget how far a share group without members is in topics."""
    del context
    cluster = broker.cluster
    coordinator = yield from cluster.groups.load()
    yield from cluster.share_states.load()
    group = coordinator.shares.get(request.group_id)
    error, reason = _refusal(coordinator, request.group_id, group)
    if group is None or error:
        return DeleteShareGroupOffsetsResponse(error_code=error, error_message=reason, responses=())
    responses: list[DeleteShareGroupOffsetsResponseTopic] = []
    gone: set[bytes] = set()
    for topic in request.topics:
        found = cluster.storage.topics.get(topic.topic_name)
        if found is None:
            responses.append(
                DeleteShareGroupOffsetsResponseTopic(
                    topic_name=topic.topic_name,
                    topic_id=ZERO_UUID,
                    error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    error_message=_UNKNOWN,
                )
            )
            continue
        gone.add(found.topic_id)
        responses.append(DeleteShareGroupOffsetsResponseTopic(topic_name=topic.topic_name, topic_id=found.topic_id))
    keys = [
        ShareKey(group.group_id, topic_id, index)
        for topic_id, (_, partitions) in group.initialized.items()
        if topic_id in gone
        for index in partitions
    ]
    cluster.groups.perform(coordinator.shares.drop_states(group, gone, wall_ms=cluster.wall_ms()))
    meter = WorkMeter()
    for key in keys:
        if meter.add():
            yield
        cluster.share_states.delete(key)
    cluster.share_partitions.forget(lambda key: key.group_id == group.group_id and key.topic_id in gone)
    return DeleteShareGroupOffsetsResponse(responses=tuple(responses))


def _not_found(coordinator: GroupCoordinator, group_id: str) -> tuple[ErrorCode, str]:
    kind = "not found" if coordinator.has_no_group(group_id) else "is not a share group"
    return ErrorCode.GROUP_ID_NOT_FOUND, f"Group {group_id} {kind}."


def _refusal(coordinator: GroupCoordinator, group_id: str, group: ShareGroup | None) -> tuple[ErrorCode, str | None]:
    if group is None:
        return _not_found(coordinator, group_id)
    if group.members:
        return ErrorCode.NON_EMPTY_GROUP, "The group is not empty."
    return ErrorCode.NONE, None

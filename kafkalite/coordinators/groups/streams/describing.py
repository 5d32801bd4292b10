"""StreamsGroupDescribe: streams groups with their epochs, topologies, members and tasks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.modern.describing import describe_each
from kafkalite.coordinators.groups.streams.assignor import ASSIGNOR
from kafkalite.coordinators.groups.streams.group import StreamsGroup
from kafkalite.coordinators.groups.streams.owned import ReportedOffsets
from kafkalite.coordinators.java_strings import hash_map_order, utf16_order
from kafkalite_wire.messages.streams_group_describe import (
    Assignment,
    DescribedGroup,
    Endpoint,
    KeyValue,
    Member,
    StreamsGroupDescribeRequest,
    StreamsGroupDescribeResponse,
    Subtopology,
    TaskIds,
    TaskOffset,
    TopicInfo,
    Topology,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.streams.configuring import ConfiguredInternalTopic, ConfiguredTopology
    from kafkalite.coordinators.groups.streams.member import AssignedTasks, StreamsMember, TargetTasks
    from kafkalite.coordinators.groups.streams.owned import TaskOffsets
    from kafkalite.coordinators.groups.streams.topology import StreamsTopology
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.error_codes import ErrorCode
    from kafkalite_wire.messages import streams_group_records as records

_NOT_ASKED: Final = 0
_NOT_STORED: Final = 1
"""Whether the response has a description of the topology: a plug-in of Kafka keeps those that members send."""


def describe_streams_groups(
    request: StreamsGroupDescribeRequest, groups: Groups
) -> Steps[StreamsGroupDescribeResponse]:
    """Describe streams groups, in steps."""
    describe = partial(_described, status=_NOT_STORED if request.include_topology_description else _NOT_ASKED)
    described = yield from describe_each(request.group_ids, groups, "streams group", StreamsGroup, describe, _refused)
    return StreamsGroupDescribeResponse(groups=described)


def _refused(*, group_id: str, error_code: ErrorCode, error_message: str | None = None) -> DescribedGroup:
    return DescribedGroup(
        error_code=error_code,
        error_message=error_message,
        group_id=group_id,
        group_state="",
        group_epoch=0,
        assignment_epoch=0,
        members=(),
    )


def _described(group: StreamsGroup, *, status: int) -> DescribedGroup:
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state_name,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        topology=None if group.topology is None else describe_topology(group.topology, group.configured),
        members=tuple(_member(group, member) for member in group.members.values()),
        topology_description_status=status,
        assignor_name=ASSIGNOR,
    )


def describe_topology(topology: StreamsTopology, configured: ConfiguredTopology | None) -> Topology:
    """Describe a topology: with the partitions of its internal topics if it can run, and otherwise as it was sent."""
    if configured is not None and configured.problem is None and configured.subtopologies is not None:
        return Topology(
            epoch=configured.epoch,
            subtopologies=tuple(
                Subtopology(
                    subtopology_id=name,
                    source_topics=_sorted(each.source_topics),
                    repartition_sink_topics=_sorted(each.repartition_sink_topics),
                    state_changelog_topics=_by_name(map(_configured, each.state_changelog_topics.values())),
                    repartition_source_topics=_by_name(map(_configured, each.repartition_source_topics.values())),
                )
                for name, each in configured.subtopologies.items()
            ),
        )
    return Topology(
        epoch=topology.epoch,
        subtopologies=tuple(
            Subtopology(
                subtopology_id=name,
                source_topics=_sorted(topology.subtopologies[name].source_topics),
                repartition_sink_topics=_sorted(topology.subtopologies[name].repartition_sink_topics),
                state_changelog_topics=_by_name(map(_sent, topology.subtopologies[name].state_changelog_topics)),
                repartition_source_topics=_by_name(map(_sent, topology.subtopologies[name].repartition_source_topics)),
            )
            for name in _sorted(topology.subtopologies)
        ),
    )


def _member(group: StreamsGroup, member: StreamsMember) -> Member:
    endpoint = member.user_endpoint
    offsets = group.reported_offsets.get(member.member_id, ReportedOffsets())
    return Member(
        member_id=member.member_id,
        member_epoch=member.member_epoch,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        topology_epoch=member.topology_epoch,
        process_id=member.process_id,
        user_endpoint=None if endpoint is None else Endpoint(host=endpoint.host, port=endpoint.port),
        client_tags=_key_values(member.client_tags),
        task_offsets=_offsets(offsets.current),
        task_end_offsets=_offsets(offsets.end),
        assignment=_assignment(member.assigned),
        target_assignment=_assignment(group.targets.get(member.member_id)),
        is_classic=False,
    )


def _assignment(tasks: AssignedTasks | TargetTasks | None) -> Assignment:
    if tasks is None:
        return Assignment(active_tasks=(), standby_tasks=(), warmup_tasks=())
    return Assignment(
        active_tasks=_task_ids(tasks.active),
        standby_tasks=_task_ids(tasks.standby),
        warmup_tasks=_task_ids(tasks.warmup),
    )


def _task_ids(tasks: Mapping[str, Collection[int]]) -> tuple[TaskIds, ...]:
    return tuple(TaskIds(subtopology_id=name, partitions=tuple(sorted(tasks[name]))) for name in hash_map_order(tasks))


def _offsets(offsets: TaskOffsets) -> tuple[TaskOffset, ...]:
    return tuple(
        TaskOffset(subtopology_id=name, partition=partition, offset=offset)
        for name, held in offsets.items()
        for partition, offset in held.items()
    )


def _key_values(values: Mapping[str, str]) -> tuple[KeyValue, ...]:
    return tuple(KeyValue(key=name, value=value) for name, value in values.items())


def _configured(topic: ConfiguredInternalTopic) -> TopicInfo:
    return TopicInfo(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=_key_values(topic.configs),
    )


def _sent(topic: records.TopicInfo) -> TopicInfo:
    return TopicInfo(
        name=topic.name,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=tuple(KeyValue(key=config.key, value=config.value) for config in topic.topic_configs),
    )


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=utf16_order))


def _by_name(topics: Iterable[TopicInfo]) -> tuple[TopicInfo, ...]:
    return tuple(sorted(topics, key=lambda topic: utf16_order(topic.name)))

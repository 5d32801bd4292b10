"""ShareGroupDescribe: share groups with their epochs, members and assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.share.group import ShareGroup
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_group_describe import (
    Assignment,
    DescribedGroup,
    Member,
    ShareGroupDescribeRequest,
    ShareGroupDescribeResponse,
    TopicPartitions,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.share.assignor import Partitions
    from kafkalite.coordinators.topics import ClusterTopics

_ASSIGNOR = "simple"


def describe_share_groups(
    request: ShareGroupDescribeRequest, groups: Groups, topics: ClusterTopics
) -> Steps[ShareGroupDescribeResponse]:
    """Describe share groups, in steps."""
    described: list[DescribedGroup] = []
    work = WorkMeter()
    for group_id in sorted(request.group_ids, key=bool):  # as in Kafka, which refuses those without an id first
        if work.add():
            yield
        described.append(_described(group_id, groups, topics))
        work.add(len(described[-1].members))
    return ShareGroupDescribeResponse(groups=tuple(described))


def _described(group_id: str, groups: Groups, topics: ClusterTopics) -> DescribedGroup:
    if not group_id:
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.INVALID_GROUP_ID)
    if groups.is_failed(group_id):
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.NOT_COORDINATOR)
    group = groups.get(group_id)
    if not isinstance(group, ShareGroup):
        message = f"Group {group_id} not found." if group is None else f"Group {group_id} is not a share group."
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.GROUP_ID_NOT_FOUND, error_message=message)
    return DescribedGroup(
        group_id=group_id,
        group_state=group.state_name,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=_ASSIGNOR,
        members=tuple(
            Member(
                member_id=member.member_id,
                rack_id=member.rack_id,
                member_epoch=member.member_epoch,
                client_id=member.client_id,
                client_host=member.client_host,
                subscribed_topic_names=tuple(sorted(member.subscribed_topics)),
                assignment=_assignment(member.assigned, topics),
            )
            for member in group.members.values()
        ),
    )


def _assignment(partitions: Partitions, topics: ClusterTopics) -> Assignment:
    named = [(topics.topics_by_id.get(topic_id), topic_id, held) for topic_id, held in partitions.items()]
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, topic_name=topic.name, partitions=tuple(sorted(held)))
            for topic, topic_id, held in named
            if topic is not None
        )
    )

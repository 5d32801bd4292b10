"""ShareGroupDescribe: share groups with their epochs, members and assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.describing import describe_each, named_partitions
from kafkalite.coordinators.groups.share.group import ShareGroup
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
    from kafkalite.requests.steps import Steps

_ASSIGNOR = "simple"


def describe_share_groups(
    request: ShareGroupDescribeRequest, groups: Groups, topics: ClusterTopics
) -> Steps[ShareGroupDescribeResponse]:
    """Describe share groups, in steps."""
    described = yield from describe_each(
        request.group_ids, groups, "share group", ShareGroup, lambda group: _described(group, topics), DescribedGroup
    )
    return ShareGroupDescribeResponse(groups=described)


def _described(group: ShareGroup, topics: ClusterTopics) -> DescribedGroup:
    return DescribedGroup(
        group_id=group.group_id,
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
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, topic_name=name, partitions=held)
            for topic_id, name, held in named_partitions(partitions, topics)
        )
    )

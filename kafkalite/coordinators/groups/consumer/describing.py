"""ConsumerGroupDescribe: consumer groups with their epochs, members and assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_describe import (
    Assignment,
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedGroup,
    Member,
    TopicPartitions,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.member import ConsumerMember
    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.topics import ClusterTopics

_CONSUMER: Final = 1


def describe_consumer_groups(
    request: ConsumerGroupDescribeRequest, groups: Groups, topics: ClusterTopics, default_assignor: str
) -> Steps[ConsumerGroupDescribeResponse]:
    """Describe consumer groups, in steps."""
    described: list[DescribedGroup] = []
    work = WorkMeter()
    for group_id in sorted(request.group_ids, key=bool):  # as in Kafka, which refuses those without an id first
        if work.add():
            yield
        described.append(_described(group_id, groups, topics, default_assignor))
        work.add(len(described[-1].members))
    return ConsumerGroupDescribeResponse(groups=tuple(described))


def _described(group_id: str, groups: Groups, topics: ClusterTopics, default_assignor: str) -> DescribedGroup:
    if not group_id:
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.INVALID_GROUP_ID)
    if groups.is_failed(group_id):
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.NOT_COORDINATOR)
    group = groups.get(group_id)
    if not isinstance(group, ConsumerGroup):
        message = f"Group {group_id} not found." if group is None else f"Group {group_id} is not a consumer group."
        return DescribedGroup(group_id=group_id, error_code=ErrorCode.GROUP_ID_NOT_FOUND, error_message=message)
    return DescribedGroup(
        group_id=group_id,
        group_state=group.state_name,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.preferred_assignor(default_assignor),
        members=tuple(
            Member(
                member_id=member.member_id,
                instance_id=member.instance_id,
                rack_id=member.rack_id,
                member_epoch=member.member_epoch,
                client_id=member.client_id,
                client_host=member.client_host,
                subscribed_topic_names=tuple(sorted(member.subscribed_topics)),
                subscribed_topic_regex=member.subscribed_regex,
                assignment=_assignment(_owned(member), topics),
                target_assignment=_assignment(group.targets.get(member.member_id, {}), topics),
                member_type=_CONSUMER,
            )
            for member in group.members.values()
        ),
    )


def _owned(member: ConsumerMember) -> Partitions:
    """Return what a member has, and what it is still to give back."""
    owned: dict[bytes, frozenset[int]] = {}
    for partitions in (member.assigned, member.pending_revocation):
        for topic_id, epochs in partitions.items():
            owned[topic_id] = owned.get(topic_id, frozenset()) | epochs.keys()
    return owned


def _assignment(partitions: Partitions, topics: ClusterTopics) -> Assignment:
    named = [(topics.topics_by_id.get(topic_id), topic_id, held) for topic_id, held in partitions.items()]
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, topic_name=topic.name, partitions=tuple(sorted(held)))
            for topic, topic_id, held in named
            if topic is not None
        )
    )

"""ConsumerGroupDescribe: consumer groups with their epochs, members and assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
from kafkalite.coordinators.groups.modern.describing import describe_each, named_partitions
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
    from kafkalite.requests.steps import Steps

_CLASSIC: Final = 0
_CONSUMER: Final = 1


def describe_consumer_groups(
    request: ConsumerGroupDescribeRequest, groups: Groups, topics: ClusterTopics, default_assignor: str
) -> Steps[ConsumerGroupDescribeResponse]:
    """Describe consumer groups, in steps."""
    described = yield from describe_each(
        request.group_ids,
        groups,
        "consumer group",
        ConsumerGroup,
        lambda group: _described(group, topics, default_assignor),
        DescribedGroup,
    )
    return ConsumerGroupDescribeResponse(groups=described)


def _described(group: ConsumerGroup, topics: ClusterTopics, default_assignor: str) -> DescribedGroup:
    return DescribedGroup(
        group_id=group.group_id,
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
                member_type=_CONSUMER if member.classic is None else _CLASSIC,
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
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, topic_name=name, partitions=held)
            for topic_id, name, held in named_partitions(partitions, topics)
        )
    )

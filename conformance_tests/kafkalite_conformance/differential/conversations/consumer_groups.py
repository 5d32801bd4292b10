"""Groups of the consumer protocol (KIP-848): heartbeats, epochs, descriptions, and commits of members."""

from collections.abc import Sequence
from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.group_configs import configure_group
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup

_VERSIONS = (0, 1)
_LATEST = 1


def joining(group: str, member: str, *topics: str, regex: str | None = None) -> ConsumerGroupHeartbeatRequest:
    """Return the first heartbeat of a member."""
    return ConsumerGroupHeartbeatRequest(
        group_id=group,
        member_id=member,
        member_epoch=0,
        rebalance_timeout_ms=10_000,
        subscribed_topic_names=topics,
        subscribed_topic_regex=regex,
        topic_partitions=(),
    )


def beating(
    group: str, member: str, epoch: int, owned: Sequence[TopicPartitions] | None = None
) -> ConsumerGroupHeartbeatRequest:
    """Return a later heartbeat."""
    return ConsumerGroupHeartbeatRequest(
        group_id=group,
        member_id=member,
        member_epoch=epoch,
        topic_partitions=None if owned is None else tuple(owned),
    )


async def group_without_delay(talk: Talk) -> str:
    """Return the id of a group that is assigned without delay."""
    group = await talk.group()
    await configure_group(talk, group, {"consumer.assignment.interval.ms": "0"})
    return group


async def joined(voice: Voice, group: str, member: str, *topics: str) -> int:
    """Join, and return the epoch."""
    request = joining(group, member, *topics)
    answer = await voice.answer(request, _LATEST, ConsumerGroupHeartbeatResponse, f"{member} joins")
    return answer.member_epoch


@conversation
async def members_share_partitions(talk: Talk) -> None:
    """One joins, another joins, the first gives back, both leave."""
    for version in _VERSIONS:
        topic = await talk.topic(2)
        topic_id = await talk.topic_id(topic)
        group, voice = await group_without_delay(talk), await talk.voice()
        both = (TopicPartitions(topic_id=topic_id, partitions=(0, 1)),)
        describe = ConsumerGroupDescribeRequest(group_ids=(group,))
        first = await voice.answer(joining(group, "a", topic), version, ConsumerGroupHeartbeatResponse, "a joins")
        await voice.ask(beating(group, "a", first.member_epoch, both), version, "a has both")
        await voice.ask(beating(group, "a", first.member_epoch), version, "nothing new")
        await voice.ask(describe, version, "a alone")
        second = await voice.answer(joining(group, "b", topic), version, ConsumerGroupHeartbeatResponse, "b joins")
        await voice.ask(describe, version, "b waits")
        await voice.ask(beating(group, "b", second.member_epoch, ()), version, "b waits")
        revoking = beating(group, "a", first.member_epoch, both)
        answer = await voice.answer(revoking, version, ConsumerGroupHeartbeatResponse, "a is to give back")
        await voice.ask(describe, version, "a gives back")
        kept = () if answer.assignment is None else answer.assignment.topic_partitions
        await voice.ask(beating(group, "a", answer.member_epoch, kept), version, "a has given back")
        await voice.ask(beating(group, "b", second.member_epoch, ()), version, "b gets one")
        await voice.ask(describe, version, "both")
        await voice.ask(ListGroupsRequest(types_filter=("Consumer",)), 5, "listed")
        await voice.ask(DescribeGroupsRequest(groups=(group,)), 6, "as a classic group")
        await voice.ask(HeartbeatRequest(group_id=group, generation_id=1, member_id="a"), 4, "a classic heartbeat")
        await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "with members")
        await voice.ask(beating(group, "a", -1), version, "a leaves")
        await voice.ask(beating(group, "b", -1), version, "b leaves")
        await voice.ask(describe, version, "empty")
        await voice.ask(beating(group, "b", 1), version, "b is gone")
        await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "empty")
        await voice.ask(describe, version, "deleted")


@conversation
async def odd_heartbeats(talk: Talk) -> None:
    """What is missing, of wrong epochs, of unknown members, and what members do not own."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    group, voice = await group_without_delay(talk), await talk.voice()
    epoch = await joined(voice, group, "a", topic)
    good = joining(group, "b", topic)
    for version in _VERSIONS:
        for note, request in (
            ("no group", replace(good, group_id="")),
            ("an empty instance", replace(good, instance_id="")),
            ("an empty rack", replace(good, rack_id="")),
            ("no subscription", replace(good, subscribed_topic_names=None)),
            ("no time-out", replace(good, rebalance_timeout_ms=-1)),
            (
                "partitions before any",
                replace(good, topic_partitions=(TopicPartitions(topic_id=topic_id, partitions=(0,)),)),
            ),
            ("no partitions", replace(good, topic_partitions=None)),
            ("an unknown assignor", replace(good, server_assignor="nonsense")),
            ("epoch -3", replace(good, member_epoch=-3)),
            ("epoch -2 without an instance", replace(good, member_epoch=-2)),
            ("a bad expression", replace(good, subscribed_topic_names=None, subscribed_topic_regex="(")),
            ("an unknown member", beating(group, "z", 1)),
            ("an unknown member leaves", beating(group, "z", -1)),
            ("an unknown instance leaves", replace(beating(group, "z", -2), instance_id="i")),
            ("an unknown group", beating(f"x{group}", "a", 1)),
            ("an unknown group is left", beating(f"x{group}", "a", -1)),
            ("a future epoch", beating(group, "a", epoch + 1)),
            ("a former epoch", beating(group, "a", epoch - 1)),
        ):
            await voice.ask(request, version, note)
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(group,)), 1, "unchanged")
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(f"x{group}",)), 1, "an unknown group")
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(group, "")), 1, "an empty id")
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=()), 1, "no groups")


@conversation
async def static_members(talk: Talk) -> None:
    """One goes for a while and comes back with another id; another takes its instance while it is there."""
    topic = await talk.topic(2)
    group, voice = await group_without_delay(talk), await talk.voice()
    request = replace(joining(group, "a", topic), instance_id="i")
    first = await voice.answer(request, _LATEST, ConsumerGroupHeartbeatResponse, "joins")
    await voice.ask(replace(request, member_id="b"), _LATEST, "the instance is taken")
    await voice.ask(replace(beating(group, "b", first.member_epoch), instance_id="i"), _LATEST, "is fenced")
    await voice.ask(replace(beating(group, "a", -2), instance_id="i"), _LATEST, "goes for a while")
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(group,)), 1, "away")
    await voice.ask(replace(request, member_id="b"), _LATEST, "comes back")
    await voice.ask(replace(beating(group, "a", first.member_epoch), instance_id="i"), _LATEST, "the former one")
    await voice.ask(replace(beating(group, "b", -1), instance_id="i"), _LATEST, "leaves")


@conversation
async def commits_of_members(talk: Talk) -> None:
    """With the right epoch, with others, from outside; offsets are fetched likewise."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    group, voice = await group_without_delay(talk), await talk.voice()
    epoch = await joined(voice, group, "a", topic)
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=0, committed_metadata=None)
    for version in (8, 9, 10):
        row = OffsetCommitRequestTopic(name=topic, topic_id=topic_id, partitions=(partition,))
        for member, sent in (("a", epoch), ("a", epoch + 1), ("a", epoch - 1), ("z", epoch), ("", -1)):
            commit = OffsetCommitRequest(
                group_id=group, member_id=member, generation_id_or_member_epoch=sent, topics=(row,)
            )
            await voice.ask(commit, version, f"{member or 'nobody'} of epoch {sent - epoch}")
    for version in (9, 10):
        for who, sent in (("a", epoch), ("a", epoch + 1), ("a", epoch - 1), ("z", epoch), (None, -1)):
            of_group = OffsetFetchRequestGroup(group_id=group, member_id=who, member_epoch=sent, topics=None)
            await voice.ask(OffsetFetchRequest(groups=(of_group,)), version, f"{who} of epoch {sent - epoch}")
    deletion = OffsetDeleteRequest(
        group_id=group,
        topics=(OffsetDeleteRequestTopic(name=topic, partitions=(OffsetDeleteRequestPartition(partition_index=0),)),),
    )
    await voice.ask(deletion, 0, "subscribed")
    await voice.ask(beating(group, "a", -1), _LATEST, "leaves")
    await voice.ask(deletion, 0, "empty")

"""Streams groups (KIP-1071): heartbeats, tasks, topologies and their internal topics, descriptions, and commits."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.group_configs import configure_group
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kafkalite_wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
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
from kafkalite_wire.messages.streams_group_describe import StreamsGroupDescribeRequest
from kafkalite_wire.messages.streams_group_heartbeat import (
    CopartitionGroup,
    Endpoint,
    KeyValue,
    StreamsGroupHeartbeatRequest,
    StreamsGroupHeartbeatResponse,
    Subtopology,
    TaskIds,
    TaskOffset,
    TopicInfo,
    Topology,
)

_VERSIONS = (0, 1)
_LATEST = 1
_NO_DELAY = {"streams.assignment.interval.ms": "0", "streams.initial.rebalance.delay.ms": "0"}


def subtopology(name: str, *sources: str, **more: Any) -> Subtopology:
    """Return a subtopology that reads topics."""
    fields = {
        "source_topic_regex": (),
        "state_changelog_topics": (),
        "repartition_sink_topics": (),
        "repartition_source_topics": (),
        "copartition_groups": (),
    }
    return Subtopology(subtopology_id=name, source_topics=sources, **(fields | more))


def internal(name: str, partitions: int = 0, **configs: str) -> TopicInfo:
    """Return an internal topic."""
    rows = tuple(KeyValue(key=each.replace("_", "."), value=value) for each, value in configs.items())
    return TopicInfo(name=name, partitions=partitions, replication_factor=0, topic_configs=rows)


def joining(group: str, member: str, *subtopologies: Subtopology, epoch: int = 0) -> StreamsGroupHeartbeatRequest:
    """Return the first heartbeat of a member, with its topology."""
    return StreamsGroupHeartbeatRequest(
        group_id=group,
        member_id=member,
        member_epoch=0,
        endpoint_information_epoch=0,
        rebalance_timeout_ms=10_000,
        topology=Topology(epoch=epoch, subtopologies=subtopologies),
        active_tasks=(),
        standby_tasks=(),
        warmup_tasks=(),
        process_id=f"process-{member}",
        client_tags=(),
    )


def beating(
    group: str, member: str, epoch: int, active: Sequence[TaskIds] | None = None, standby: Sequence[TaskIds] = ()
) -> StreamsGroupHeartbeatRequest:
    """Return a later heartbeat, which may report tasks."""
    return StreamsGroupHeartbeatRequest(
        group_id=group,
        member_id=member,
        member_epoch=epoch,
        endpoint_information_epoch=0,
        active_tasks=None if active is None else tuple(active),
        standby_tasks=None if active is None else tuple(standby),
        warmup_tasks=None if active is None else (),
    )


def tasks(name: str, *partitions: int) -> TaskIds:
    """Return tasks of one subtopology."""
    return TaskIds(subtopology_id=name, partitions=partitions)


async def group_without_delay(talk: Talk, **configs: str) -> str:
    """Return the id of a group that is assigned without delay."""
    group = await talk.group()
    await configure_group(talk, group, _NO_DELAY | configs)
    return group


async def told(voice: Voice, request: StreamsGroupHeartbeatRequest, note: str) -> int:
    """Send a heartbeat, write down the answer, and return the epoch."""
    return (await voice.answer(request, _LATEST, StreamsGroupHeartbeatResponse, note)).member_epoch


async def until_ready(talk: Talk, voice: Voice, group: str, member: str, epoch: int, *, above: int = 0) -> int:
    """Beat until all topics are as they should be, and the epoch is above another one; return it."""
    now = epoch

    async def is_ready() -> bool:
        nonlocal now
        answer = await voice.whisper(beating(group, member, now), _LATEST, StreamsGroupHeartbeatResponse)
        now = answer.member_epoch
        return not answer.status and now > above

    await talk.until(is_ready, f"internal topics of {group}")
    return now


def describing(group: str) -> StreamsGroupDescribeRequest:
    """Return a request to describe one group."""
    return StreamsGroupDescribeRequest(group_ids=(group,), include_authorized_operations=False)


@conversation
async def members_share_tasks(talk: Talk) -> None:
    """One joins, another joins, the first gives back, both leave."""
    for version in _VERSIONS:
        topic, group, voice = await talk.topic(2), await group_without_delay(talk), await talk.voice()
        part = subtopology("0", topic)
        both, describe = tasks("0", 0, 1), describing(group)
        answer = StreamsGroupHeartbeatResponse
        first = (await voice.answer(joining(group, "a", part), version, answer, "a joins")).member_epoch
        await voice.ask(beating(group, "a", first, (both,)), version, "a has both")
        await voice.ask(beating(group, "a", first), version, "nothing new")
        await voice.ask(describe, version, "a alone")
        second = (await voice.answer(joining(group, "b", part), version, answer, "b joins")).member_epoch
        await voice.ask(describe, version, "b waits")
        await voice.ask(beating(group, "b", second, ()), version, "b waits")
        await voice.ask(beating(group, "a", first, (both,)), version, "a is to give one back")
        await voice.ask(describe, version, "a revokes")
        await voice.ask(beating(group, "a", first), version, "a says nothing")
        one = await voice.answer(beating(group, "a", first, (tasks("0", 0),)), version, answer, "a has given one back")
        second = (await voice.answer(beating(group, "b", second, ()), version, answer, "b gets it")).member_epoch
        await voice.ask(beating(group, "b", second, (tasks("0", 1),)), version, "b has it")
        await voice.ask(beating(group, "a", one.member_epoch, (tasks("0", 0),)), version, "a has the other")
        await voice.ask(describe, version, "stable")
        await voice.ask(ListGroupsRequest(types_filter=("streams",)), 5)
        await voice.ask(DescribeGroupsRequest(groups=(group,)), 6, "not for streams groups")
        await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "with members")
        await voice.ask(beating(group, "b", -1), version, "b leaves")
        await voice.ask(beating(group, "a", one.member_epoch, (tasks("0", 0),)), version, "a gets both")
        await voice.ask(beating(group, "a", -1), version, "a leaves")
        await voice.ask(describe, version, "empty")
        await voice.ask(joining(group, "c", part), version, "c joins")
        await voice.ask(beating(group, "c", -1), version, "c leaves")
        await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "without members")
        await voice.ask(describe, version, "deleted")


@conversation
async def internal_topics_are_created(talk: Talk) -> None:
    """A repartition topic between two subtopologies, and a changelog of the second one."""
    topic, group, voice = await talk.topic(3), await group_without_delay(talk), await talk.voice()
    between, state = f"{group}-between-repartition", f"{group}-state-changelog"
    parts = (
        subtopology("0", topic, repartition_sink_topics=(between,)),
        subtopology(
            "1",
            repartition_source_topics=(internal(between, retention_ms="-1"),),
            state_changelog_topics=(internal(state, cleanup_policy="compact"),),
            copartition_groups=(
                CopartitionGroup(source_topics=(), source_topic_regex=(), repartition_source_topics=(0,)),
            ),
        ),
    )
    epoch = await told(voice, joining(group, "a", *parts), "a joins")
    await voice.ask(describing(group), _LATEST, "a has joined")
    epoch = await until_ready(talk, voice, group, "a", epoch)
    await voice.ask(joining(group, "a", *parts), _LATEST, "a joins again")
    await voice.ask(describing(group), _LATEST, "ready")
    await voice.ask(beating(group, "a", epoch, (tasks("0", 0, 1, 2), tasks("1", 0, 1, 2))), _LATEST, "all tasks")
    for name, config in ((between, "retention.ms"), (state, "cleanup.policy")):
        await talk.until_served(name, 3)
        asked = DescribeConfigsResource(resource_type=2, resource_name=name, configuration_keys=(config,))
        await voice.ask(DescribeConfigsRequest(resources=(asked,)), 4, config)
    await voice.ask(beating(group, "a", epoch, (tasks("0", 3),)), _LATEST, "a task that does not exist")
    await voice.ask(beating(group, "a", epoch, (tasks("7", 0),)), _LATEST, "a subtopology that does not exist")
    await voice.ask(beating(group, "a", -1), _LATEST, "a leaves")


@conversation
async def standby_tasks_follow(talk: Talk) -> None:
    """Two processes keep a copy of each other's state; one leaves, and the other takes its tasks over."""
    topic = await talk.topic(2)
    group = await group_without_delay(talk, **{"streams.num.standby.replicas": "1"})
    voice = await talk.voice()
    part = subtopology("0", topic, state_changelog_topics=(internal(f"{group}-state-changelog"),))
    first = await told(voice, joining(group, "a", part), "a joins")
    first = await until_ready(talk, voice, group, "a", first)
    both = tasks("0", 0, 1)
    first = await told(voice, beating(group, "a", first, (both,)), "a has both")
    second = await told(voice, joining(group, "b", part), "b joins")
    first = await told(voice, beating(group, "a", first, (both,)), "a has both")
    second = await told(voice, beating(group, "b", second, ()), "b waits")
    await voice.ask(describing(group), _LATEST, "on the way")
    first = await told(voice, beating(group, "a", first, (tasks("0", 0),), (tasks("0", 1),)), "a has given one back")
    second = await told(voice, beating(group, "b", second, ()), "b gets it")
    first = await told(voice, beating(group, "a", first, (tasks("0", 0),), (tasks("0", 1),)), "a goes on")
    second = await told(voice, beating(group, "b", second, (tasks("0", 1),), (tasks("0", 0),)), "b goes on")
    await voice.ask(describing(group), _LATEST, "stable")
    await voice.ask(beating(group, "a", -1), _LATEST, "a leaves")
    second = await told(voice, beating(group, "b", second, (tasks("0", 1),), (tasks("0", 0),)), "b takes over")
    second = await told(voice, beating(group, "b", second, (both,)), "b has both")
    await voice.ask(describing(group), _LATEST, "b alone")


@conversation
async def members_of_one_process(talk: Talk) -> None:
    """Two threads of one process never hold the same task, one as active and one as standby task."""
    topic = await talk.topic(2)
    group = await group_without_delay(talk, **{"streams.num.standby.replicas": "1"})
    voice = await talk.voice()
    part = subtopology("0", topic, state_changelog_topics=(internal(f"{group}-state-changelog"),))
    first = await told(voice, replace(joining(group, "a", part), process_id="p"), "a joins")
    first = await until_ready(talk, voice, group, "a", first)
    second = await told(voice, replace(joining(group, "b", part), process_id="p"), "b joins")
    third = await told(voice, replace(joining(group, "c", part), process_id="q"), "c joins")
    for _ in range(2):
        first = await told(voice, beating(group, "a", first, ()), "a has nothing")
        second = await told(voice, beating(group, "b", second, ()), "b has nothing")
        third = await told(voice, beating(group, "c", third, ()), "c has nothing")
    await voice.ask(describing(group), _LATEST)


@conversation
async def odd_heartbeats(talk: Talk) -> None:
    """What is missing, of wrong epochs, and of unknown members."""
    topic, group, voice = await talk.topic(1), await group_without_delay(talk), await talk.voice()
    part = subtopology("0", topic)
    join = joining(group, "a", part)
    epoch = await told(voice, join, "a joins")
    other, fixed = joining(group, "b", part), subtopology("0", state_changelog_topics=(internal("c", 1),))
    for note, request in (
        ("no group", replace(other, group_id="")),
        ("no member", replace(other, member_id="")),
        ("an empty instance", replace(other, instance_id="")),
        ("an empty rack", replace(other, rack_id="")),
        ("no time-out", replace(other, rebalance_timeout_ms=-1)),
        ("no active tasks", replace(other, active_tasks=None)),
        ("tasks of one that joins", replace(other, active_tasks=(tasks("0", 0),))),
        ("standby tasks of one that joins", replace(other, standby_tasks=(tasks("0", 0),))),
        ("warm-up tasks of one that joins", replace(other, warmup_tasks=(tasks("0", 0),))),
        ("no topology", replace(other, topology=None)),
        ("a regular expression", joining(group, "b", subtopology("0", topic, source_topic_regex=("x.*",)))),
        ("partitions of a changelog", joining(group, "b", fixed)),
        ("an internal topic", joining(group, "b", subtopology("0", "__consumer_offsets"))),
        ("a bad name", joining(group, "b", subtopology("0", "a b"))),
        ("another topology", joining(group, "b", subtopology("1", topic))),
        ("a later topology", joining(group, "b", part, epoch=1)),
        ("epoch -3", beating(group, "b", -3)),
        ("epoch -2 without an instance", beating(group, "b", -2)),
        ("an unknown member", beating(group, "b", 1)),
        ("an unknown member leaves", beating(group, "b", -1)),
        ("an unknown group", beating(f"x{group}", "a", 1)),
        ("an unknown group is left", beating(f"x{group}", "a", -1)),
        ("only active tasks", replace(beating(group, "a", epoch), active_tasks=())),
        ("a topology later on", replace(beating(group, "a", epoch), topology=join.topology)),
        ("a future epoch", beating(group, "a", epoch + 1)),
        ("a past epoch", beating(group, "a", epoch - 1)),
        ("the previous epoch", beating(group, "a", 1, ())),
        ("nothing new", beating(group, "a", epoch)),
    ):
        await voice.ask(request, _LATEST, note)
    await voice.ask(describing(group), _LATEST, "a alone")
    await voice.ask(describing(f"x{group}"), _LATEST, "an unknown group")
    await voice.ask(describing(""), _LATEST, "no group")
    await voice.ask(replace(describing(group), include_authorized_operations=True), _LATEST, "with operations")
    await voice.ask(replace(describing(group), include_topology_description=True), _LATEST, "with a description")


@conversation
async def topologies_with_problems(talk: Talk) -> None:
    """Source topics that are missing or have unequal partitions; topologies that are old, or impossible."""
    two, three, voice = await talk.topic(2), await talk.topic(3), await talk.voice()
    joined = CopartitionGroup(source_topics=(0, 1), source_topic_regex=(), repartition_source_topics=())
    missing = f"{two}-missing"
    for note, parts in (
        ("a missing topic", (subtopology("0", two, missing),)),
        ("unequal partitions", (subtopology("0", two, three, copartition_groups=(joined,)),)),
        ("no sources", (subtopology("0"),)),
        ("a source that no one writes", (subtopology("0", repartition_source_topics=(internal("r"),)),)),
        ("an unknown copartition", (subtopology("0", two, copartition_groups=(joined,)),)),
        ("nothing", ()),
    ):
        group = await group_without_delay(talk)
        await voice.ask(joining(group, "a", *parts), _LATEST, note)
        await voice.ask(describing(group), _LATEST, note)
    group = await group_without_delay(talk)
    await voice.ask(joining(group, "a", subtopology("0", two), epoch=3), _LATEST, "epoch 3")
    epoch = await told(voice, joining(group, "b", subtopology("1", three), epoch=2), "an older topology")
    await voice.ask(beating(group, "b", epoch), _LATEST, "still older")
    await voice.ask(describing(group), _LATEST, "with an older one")


@conversation
async def static_members_come_back(talk: Talk) -> None:
    """One leaves for a while and comes back, another is fenced."""
    topic, group, voice = await talk.topic(2), await group_without_delay(talk), await talk.voice()
    part, both = subtopology("0", topic), tasks("0", 0, 1)
    join = replace(joining(group, "a", part), instance_id="i")
    epoch = await told(voice, join, "a joins")
    await voice.ask(replace(join, member_id="b"), _LATEST, "b wants its instance id")
    await voice.ask(replace(beating(group, "b", epoch), instance_id="i"), _LATEST, "b uses its instance id")
    await voice.ask(replace(beating(group, "a", epoch), instance_id="j"), _LATEST, "an unknown instance id")
    await voice.ask(replace(beating(group, "b", -1), instance_id="i"), _LATEST, "b leaves for it")
    await voice.ask(replace(beating(group, "b", -2), instance_id="i"), _LATEST, "b leaves for a while for it")
    await voice.ask(replace(beating(group, "a", -2), instance_id="i"), _LATEST, "a leaves for a while")
    await voice.ask(describing(group), _LATEST, "away")
    await voice.ask(replace(beating(group, "a", epoch, (both,)), instance_id="i"), _LATEST, "a was away")
    epoch = await told(voice, replace(join, member_id="b"), "b comes for it")
    await voice.ask(describing(group), _LATEST, "back")
    await voice.ask(replace(beating(group, "a", epoch), instance_id="i"), _LATEST, "a is fenced")
    await voice.ask(replace(beating(group, "b", epoch, (both,)), instance_id="i"), _LATEST, "b has both")
    await voice.ask(replace(beating(group, "b", -1), instance_id="i"), _LATEST, "b leaves")
    await voice.ask(describing(group), _LATEST, "empty")


@conversation
async def members_tell_where_they_answer(talk: Talk) -> None:
    """Endpoints for interactive queries, task offsets, client tags, and the end of the whole application."""
    topic, group, voice = await talk.topic(2), await group_without_delay(talk), await talk.voice()
    part = subtopology("0", topic)
    here, there = Endpoint(host="here", port=1), Endpoint(host="there", port=65_535)
    offsets = (TaskOffset(subtopology_id="0", partition=0, offset=5),)
    join = replace(joining(group, "a", part), user_endpoint=here, task_offsets=offsets)
    first = await told(voice, join, "a joins")
    await voice.ask(describing(group), _LATEST, "a has joined")
    first = await told(voice, replace(beating(group, "a", first), endpoint_information_epoch=-1), "a knows none")
    first = await told(voice, replace(beating(group, "a", first), endpoint_information_epoch=1), "a knows epoch 1")
    first = await told(voice, replace(beating(group, "a", first), user_endpoint=there), "a has moved")
    second = await told(voice, joining(group, "b", part), "b joins")
    first = await told(voice, beating(group, "a", first, (tasks("0", 0),)), "a gives one back")
    first = await told(voice, beating(group, "a", first, (tasks("0", 0),)), "a has one")
    second = await told(voice, beating(group, "b", second, ()), "b gets the other")
    second = await told(voice, replace(beating(group, "b", second), user_endpoint=here), "b has an endpoint, too")
    first = await told(voice, replace(beating(group, "a", first), task_offsets=offsets), "a reports offsets")
    first = await told(voice, replace(beating(group, "a", first), task_end_offsets=offsets), "a reports end offsets")
    tags = (KeyValue(key="zone", value="x"),)
    first = await told(voice, replace(beating(group, "a", first), client_tags=tags), "a has a tag")
    first = await told(voice, replace(beating(group, "a", first), rack_id="r"), "a has a rack")
    first = await told(voice, replace(beating(group, "a", first), process_id="p"), "a has another process")
    await voice.ask(describing(group), _LATEST)
    await voice.ask(replace(beating(group, "b", second), shutdown_application=True), _LATEST, "b ends all")
    await voice.ask(beating(group, "a", first), _LATEST, "a hears of it")
    await voice.ask(replace(beating(group, "a", -1), shutdown_application=True), _LATEST, "a leaves")
    await voice.ask(beating(group, "b", -1), _LATEST, "b leaves")
    await voice.ask(joining(group, "c", part), _LATEST, "c hears nothing of it")


def committing(group: str, member: str, epoch: int, topic: str, partition: int) -> OffsetCommitRequest:
    """Return a commit for one partition."""
    row = OffsetCommitRequestPartition(partition_index=partition, committed_offset=1, committed_metadata="")
    return OffsetCommitRequest(
        group_id=group,
        member_id=member,
        generation_id_or_member_epoch=epoch,
        topics=(OffsetCommitRequestTopic(name=topic, partitions=(row,)),),
    )


@conversation
async def members_commit(talk: Talk) -> None:
    """Commits and fetches by members, at older epochs, and from outside."""
    topic, another = await talk.topic(2), await talk.topic(1)
    group, voice = await group_without_delay(talk), await talk.voice()
    part = subtopology("0", topic)
    first = await told(voice, joining(group, "a", part), "a joins")
    await told(voice, joining(group, "b", part), "b joins")
    later = await told(voice, beating(group, "a", first, (tasks("0", 0),)), "a has given one back")
    for note, member, epoch, name, partition in (
        ("at its epoch", "a", later, topic, 0),
        ("at the epoch before", "a", first, topic, 0),
        ("at an epoch before it had the task", "a", first - 1, topic, 0),
        ("of the task given back", "a", first, topic, 1),
        ("of a topic that it does not read", "a", first, another, 0),
        ("at a future epoch", "a", later + 1, topic, 0),
        ("by an unknown member", "x", later, topic, 0),
        ("from outside", "", -1, topic, 0),
    ):
        await voice.ask(committing(group, member, epoch, name, partition), 9, note)
    await voice.ask(committing(group, "a", later, topic, 0), 8, "in an old version")
    for note, member_id, epoch in (
        ("by a member", "a", later),
        ("at an old epoch", "a", first),
        ("unknown", "x", later),
        ("from outside", None, -1),
    ):
        wanted = OffsetFetchRequestGroup(group_id=group, member_id=member_id, member_epoch=epoch, topics=None)
        await voice.ask(OffsetFetchRequest(groups=(wanted,)), 9, note)
    rows = tuple(
        OffsetDeleteRequestTopic(name=name, partitions=(OffsetDeleteRequestPartition(partition_index=0),))
        for name in (topic, another)
    )
    await voice.ask(OffsetDeleteRequest(group_id=group, topics=rows), 0, "with members")
    await voice.ask(beating(group, "a", -1), _LATEST, "a leaves")
    await voice.ask(beating(group, "b", -1), _LATEST, "b leaves")
    await voice.ask(committing(group, "", -1, topic, 1), 9, "from outside, without members")
    await voice.ask(OffsetDeleteRequest(group_id=group, topics=rows), 0, "without members")


@conversation
async def topics_change(talk: Talk) -> None:
    """Partitions are added to a source topic; it is deleted; the groups of another kind keep their ids."""
    topic, group, voice = await talk.topic(1), await group_without_delay(talk), await talk.voice()
    part = subtopology("0", topic)
    epoch = await told(voice, joining(group, "a", part), "a joins")
    epoch = await told(voice, beating(group, "a", epoch, (tasks("0", 0),)), "a has it")
    wanted = CreatePartitionsTopic(name=topic, count=2, assignments=None)
    more = CreatePartitionsRequest(topics=(wanted,), timeout_ms=5000, validate_only=False)
    await voice.whisper(more, 3, object)
    await talk.until_served(topic, 2)
    epoch = await until_ready(talk, voice, group, "a", epoch, above=epoch)
    await voice.ask(joining(group, "a", part), _LATEST, "with two partitions")
    deletion = DeleteTopicsRequest(topics=(DeleteTopicState(name=topic, topic_id=bytes(16)),), timeout_ms=5000)
    await voice.whisper(deletion, 6, object)

    async def is_missed() -> bool:
        request = beating(group, "a", epoch, (tasks("0", 0, 1),))
        return bool((await voice.whisper(request, _LATEST, StreamsGroupHeartbeatResponse)).status)

    await talk.until(is_missed, "the deletion")
    epoch = await told(voice, beating(group, "a", epoch, (tasks("0", 0, 1),)), "without its topic")
    await voice.ask(beating(group, "a", epoch, ()), _LATEST, "it has given all back")
    await voice.ask(describing(group), _LATEST, "without its topic")


@conversation
async def kinds_of_groups_do_not_mix(talk: Talk) -> None:
    """A streams group has an id, and a consumer group has another one."""
    topic, group, other = await talk.topic(1), await group_without_delay(talk), await talk.group()
    voice, part = await talk.voice(), subtopology("0", topic)
    await told(voice, joining(group, "a", part), "a joins")
    consumer = ConsumerGroupHeartbeatRequest(
        group_id=other,
        member_id="c",
        member_epoch=0,
        rebalance_timeout_ms=10_000,
        subscribed_topic_names=(topic,),
        topic_partitions=(),
    )
    await voice.ask(replace(consumer, group_id=group), 1, "a consumer wants to join the streams group")
    await voice.ask(consumer, 1, "a consumer joins")
    await voice.ask(joining(other, "a", part), _LATEST, "a streams member wants to join the consumer group")
    await voice.ask(beating(other, "a", -1), _LATEST, "it wants to leave it")
    await voice.ask(describing(other), _LATEST, "a consumer group")
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(group,)), 1, "a streams group")
    await voice.ask(replace(consumer, member_epoch=-1), 1, "the consumer leaves")
    await voice.ask(joining(other, "a", part), _LATEST, "into an empty consumer group")
    classic = await group_without_delay(talk)
    await voice.ask(committing(classic, "", -1, topic, 0), 9, "makes a classic group")
    await voice.ask(joining(classic, "a", part), _LATEST, "into an empty classic group")
    wanted = OffsetFetchRequestGroup(group_id=classic, member_id=None, member_epoch=-1, topics=None)
    await voice.ask(OffsetFetchRequest(groups=(wanted,)), 9, "its offset has stayed")


@conversation
async def tasks_move_among_three(talk: Talk) -> None:
    """Members come and go while others are still on the way; each reports what it has been given."""
    topic = await talk.topic(5)
    group = await group_without_delay(talk, **{"streams.num.standby.replicas": "1"})
    voice = await talk.voice()
    part = subtopology("0", topic, state_changelog_topics=(internal(f"{group}-state-changelog"),))
    epochs: dict[str, int] = {}
    held: dict[str, tuple[tuple[TaskIds, ...], tuple[TaskIds, ...]]] = {}

    async def comes(member: str) -> None:
        epochs[member] = await told(voice, joining(group, member, part), f"{member} joins")
        held[member] = (), ()

    async def beats(member: str) -> None:
        request = beating(group, member, epochs[member], *held[member])
        answer = await voice.answer(request, _LATEST, StreamsGroupHeartbeatResponse, f"{member} beats")
        epochs[member] = answer.member_epoch
        if answer.active_tasks is not None and answer.standby_tasks is not None:
            held[member] = answer.active_tasks, answer.standby_tasks

    await comes("a")
    epochs["a"] = await until_ready(talk, voice, group, "a", epochs["a"])
    held["a"] = (tasks("0", 0, 1, 2, 3, 4),), ()
    await beats("a")
    await comes("b")
    await beats("a")
    await comes("c")
    for member in "bcabacbcabca":
        await beats(member)
    await voice.ask(describing(group), _LATEST, "with three")
    await voice.ask(beating(group, "b", -1), _LATEST, "b leaves")
    for member in "caacca":
        await beats(member)
    await comes("d")
    for member in "cdadcaadc":
        await beats(member)
    await voice.ask(describing(group), _LATEST, "with three again")


@conversation
async def tags_are_asked_for(talk: Talk) -> None:
    """A group wants client tags, which members are told if they lack them; a change of that is a rebalance."""
    topic = await talk.topic(1)
    group = await group_without_delay(talk, **{"streams.rack.aware.assignment.tags": "zone,cluster"})
    voice, part = await talk.voice(), subtopology("0", topic)
    tags = (KeyValue(key="zone", value="x"),)
    for version in _VERSIONS:
        await voice.ask(joining(group, "a", part), version, "without tags")
        await voice.ask(replace(joining(group, "b", part), client_tags=tags), version, "with one of them")
    await voice.ask(describing(group), _LATEST)
    await configure_group(talk, group, {"streams.rack.aware.assignment.tags": "zone"})
    await voice.ask(joining(group, "b", part), _LATEST, "when fewer are wanted")


@conversation
async def assignments_are_delayed(talk: Talk) -> None:
    """The first assignment waits for further members, and the next ones for their time."""
    topic, group = await talk.topic(2), await talk.group()
    delays = {"streams.assignment.interval.ms": "15000", "streams.initial.rebalance.delay.ms": "1000"}
    await configure_group(talk, group, delays)
    voice, part = await talk.voice(), subtopology("0", topic)
    first = await told(voice, joining(group, "a", part), "a joins")
    second = await told(voice, joining(group, "b", part), "b joins")
    first = await told(voice, beating(group, "a", first, ()), "a waits")
    await voice.ask(describing(group), _LATEST, "while they wait")

    async def is_over() -> bool:
        answer = await voice.whisper(beating(group, "a", first, ()), _LATEST, StreamsGroupHeartbeatResponse)
        return not answer.status

    await talk.until(is_over, "the end of the delay")
    second = await told(voice, beating(group, "b", second, ()), "b has its task")
    await voice.ask(joining(group, "c", part), _LATEST, "c joins")
    await voice.ask(beating(group, "b", second), _LATEST, "b goes on")
    await voice.ask(describing(group), _LATEST, "while c waits")


@dataclass
class _Members:
    """Members that come, beat, leave and come back, and report what they have been told."""

    voice: Voice
    group: str
    subtopologies: tuple[Subtopology, ...]
    epochs: dict[str, int] = field(default_factory=dict[str, int])
    tasks: dict[str, tuple[tuple[TaskIds, ...], tuple[TaskIds, ...]]] = field(
        default_factory=dict[str, tuple[tuple[TaskIds, ...], tuple[TaskIds, ...]]]
    )
    instances: dict[str, str] = field(default_factory=dict[str, str])
    processes: dict[str, str] = field(default_factory=dict[str, str])

    async def join(self, member: str) -> None:
        """Join, perhaps again."""
        request = joining(self.group, member, *self.subtopologies)
        await self._send(member, replace(request, process_id=self.processes[member]), "joins")

    async def beat(self, member: str, *, fully: bool = True, **changes: Any) -> None:
        """Report what the member has, or nothing."""
        held = self.tasks[member] if fully else ()
        await self._send(member, replace(beating(self.group, member, self.epochs[member], *held), **changes), "beats")

    async def leave(self, member: str, epoch: int) -> None:
        """Leave, with the epoch that says how."""
        request = replace(beating(self.group, member, epoch), instance_id=self.instances.get(member))
        await self.voice.ask(request, _LATEST, f"{member} leaves")
        del self.epochs[member]

    async def _send(self, member: str, request: StreamsGroupHeartbeatRequest, does: str) -> None:
        request = replace(request, instance_id=self.instances.get(member))
        answer = await self.voice.answer(request, _LATEST, StreamsGroupHeartbeatResponse, f"{member} {does}")
        if answer.error_code:
            self.epochs.pop(member, None)
            return
        self.epochs[member] = answer.member_epoch
        if answer.active_tasks is not None and answer.standby_tasks is not None:
            self.tasks[member] = answer.active_tasks, answer.standby_tasks


async def _come_and_go(talk: Talk, chance: random.Random) -> None:
    """Let members do what chance decides; the answers are the same, so both brokers are asked the same."""
    partitions = chance.randint(1, 6)
    first, second = await talk.topic(partitions), await talk.topic(max(1, partitions - 1))
    group = await group_without_delay(talk, **{"streams.num.standby.replicas": str(chance.randint(0, 2))})
    voice = await talk.voice()
    state = internal(f"{group}-state-changelog")
    parts = (subtopology("0", first, state_changelog_topics=(state,)), subtopology("1", second))
    members, away = _Members(voice, group, parts), list[str]()
    members.processes["m0"] = "p0"
    await members.join("m0")
    members.epochs["m0"] = await until_ready(talk, voice, group, "m0", members.epochs["m0"])
    await members.join("m0")
    for number in range(1, 60):
        present, action = sorted(members.epochs), chance.random()
        if not present or (action < 0.2 and len(present) < 6):
            member = f"m{number}"
            members.processes[member] = f"p{chance.randint(0, 3)}"
            if away:
                members.instances[member] = away.pop()
            elif chance.random() < 0.3:
                members.instances[member] = f"i{number}"
            await members.join(member)
            continue
        member = chance.choice(present)
        if action < 0.25:
            await members.join(member)
        elif action < 0.33:
            instance = members.instances.get(member)
            is_back_soon = instance is not None and chance.random() < 0.7
            await members.leave(member, -2 if is_back_soon else -1)
            if instance is not None and is_back_soon:
                away.append(instance)
        elif action < 0.4:
            await members.beat(member, user_endpoint=Endpoint(host=member, port=chance.randint(1, 99)))
        elif action < 0.5:
            offsets = tuple(
                TaskOffset(subtopology_id="0", partition=each, offset=chance.randint(0, 9))
                for each in range(partitions)
            )
            await members.beat(member, task_offsets=offsets)
        else:
            await members.beat(member, fully=chance.random() < 0.85)
    await voice.ask(describing(group), _LATEST, "at the end")


@conversation
async def members_come_and_go(talk: Talk) -> None:
    """What chance decides, of a few seeds: processes with several members, static members, endpoints, offsets."""
    for seed in range(4):
        await _come_and_go(talk, random.Random(seed))

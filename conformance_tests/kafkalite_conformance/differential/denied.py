"""What Apache Kafka says to those who may not: conversations for a Kafka whose authorizer knows no user.

They run on Kafka alone, to record its responses: kafkalite has no authorizer.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import Conversation
from kafkalite_conformance.differential.conversations.commits import commit, topic_row
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.conversations.refusals import forget, settings, shorten, versions_of
from kafkalite_conformance.differential.denying import READABLE, SECRET, VISIBLE
from kafkalite_conformance.differential.member import join_request
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.describe_log_dirs import DescribeLogDirsRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite_wire.messages.sync_group import SyncGroupRequest

_topic_ids: Final[dict[str, bytes]] = {}
_ALL_OF_GROUPS_SINCE: Final = 2
_SEVERAL_GROUPS_SINCE: Final = 8
_MEMBERS_LEAVE_SINCE: Final = 3
_DELETED_BY_ID_SINCE: Final = 6
_IDS_IN_METADATA_SINCE: Final = 12
_TOPIC, _BROKER = 2, 4
_TRANSACTIONS: Final = 1


async def prepare(talk: Talk) -> None:
    """Create what the conversations need before `deny`, and look up what cannot be looked up afterwards."""
    names = (SECRET, VISIBLE, READABLE)
    topics = tuple(CreatableTopic(name=name, num_partitions=2, replication_factor=1) for name in names)
    voice = await talk.voice()
    await voice.whisper(CreateTopicsRequest(topics=topics), 7, object)
    for name in names:
        await talk.until_served(name, 2)
        _topic_ids[name] = await talk.topic_id(name)
    await talk.group()


async def topics_that_are_denied(talk: Talk) -> None:
    """Their records, their offsets, their description."""
    voice = await talk.voice()
    data = batch(b"x", timestamp=talk.now_ms)
    for name in (SECRET, VISIBLE):
        topic_id = _topic_ids[name]
        pairs = ((0, 0), (1, 0))
        listed = tuple(ListOffsetsPartition(partition_index=index, timestamp=-1) for index, _ in pairs)
        ended = tuple(OffsetForLeaderPartition(partition=index, leader_epoch=0) for index, _ in pairs)
        for note, request in (
            ("", produce(name, data, topic_id=topic_id)),
            ("", fetch(name, row(0), row(1), topic_id=topic_id)),
            ("in a session", replace(fetch(name, topic_id=topic_id), session_epoch=0)),
            ("", ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=name, partitions=listed),))),
            ("", MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=False)),
            (
                "",
                OffsetForLeaderEpochRequest(
                    replica_id=-1, topics=(OffsetForLeaderTopic(topic=name, partitions=ended),)
                ),
            ),
            ("", shorten(name, {0: 0, 1: 0})),
            ("", commit(talk.name(), topic_row(name, topic_id, {0: 1, 1: 1}))),
        ):
            for version in versions_of(request):
                await voice.ask(request, version, f"{name}{note and ' '}{note}")
    for version in versions_of(MetadataRequest(topics=None)):
        everything = MetadataRequest(topics=None if version else ())
        await voice.ask(everything, version, "all topics")
    missing = MetadataRequest(topics=(MetadataRequestTopic(name=talk.name()),))
    for version in versions_of(missing):
        await voice.ask(missing, version, "may not be created")
    for version in range(_IDS_IN_METADATA_SINCE, 14):
        for name in (SECRET, VISIBLE):
            by_id = (MetadataRequestTopic(name=None, topic_id=_topic_ids[name]),)
            await voice.ask(MetadataRequest(topics=by_id), version, f"{name} by id")


async def administration_that_is_denied(talk: Talk) -> None:
    """Topics, settings, directories and the cluster."""
    voice = await talk.voice()
    for name in (SECRET, VISIBLE, "new"):
        made = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
        grown = CreatePartitionsTopic(name=name, count=9, assignments=None)
        described = DescribeConfigsResource(resource_type=_TOPIC, resource_name=name, configuration_keys=None)
        for request in (
            CreateTopicsRequest(topics=(made,)),
            CreatePartitionsRequest(topics=(grown,), timeout_ms=1000, validate_only=True),
            DescribeConfigsRequest(resources=(described,)),
            *settings(_TOPIC, name, "retention.ms", "1000"),
        ):
            for version in versions_of(request):
                await voice.ask(request, version, name)
        for version in range(1, 7):
            by_name = (DeleteTopicState(name=name, topic_id=bytes(16)),)
            request = DeleteTopicsRequest(topic_names=(name,), topics=by_name, timeout_ms=1000)
            await voice.ask(request, version, name)
    for name in (SECRET, VISIBLE):
        by_id = (DeleteTopicState(name=None, topic_id=_topic_ids[name]),)
        await voice.ask(DeleteTopicsRequest(topics=by_id, timeout_ms=1000), _DELETED_BY_ID_SINCE, f"{name} by id")
    broker = DescribeConfigsResource(resource_type=_BROKER, resource_name="1", configuration_keys=None)
    for request in (
        DescribeConfigsRequest(resources=(broker,)),
        *settings(_BROKER, "1", "log.retention.ms", "1000"),
        DescribeLogDirsRequest(topics=None),
        DescribeClusterRequest(include_cluster_authorized_operations=False),
        InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000),
        InitProducerIdRequest(transactional_id=SECRET, transaction_timeout_ms=1000),
    ):
        for version in versions_of(request):
            await voice.ask(request, version, "the cluster")
    transactional = batch(
        b"x", timestamp=talk.now_ms, producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True
    )
    request = produce(VISIBLE, transactional, transactional_id=SECRET, topic_id=_topic_ids[VISIBLE])
    for version in versions_of(request):
        await voice.ask(request, version, "a transactional id")


async def groups_that_are_denied(talk: Talk) -> None:
    """Members, offsets and administrators."""
    voice = await talk.voice()
    topic_id = _topic_ids[VISIBLE]
    leaving = MemberIdentity(member_id="m")
    for note, request in (
        ("", join_request(SECRET)),
        ("with an id", join_request(SECRET, "m")),
        ("", HeartbeatRequest(group_id=SECRET, generation_id=1, member_id="m")),
        ("", SyncGroupRequest(group_id=SECRET, generation_id=1, member_id="m", assignments=())),
        ("", commit(SECRET, topic_row(VISIBLE, topic_id, {0: 1, 1: 1}))),
        ("", DescribeGroupsRequest(groups=(SECRET,))),
        ("", DeleteGroupsRequest(groups_names=(SECRET, talk.name()))),
        ("", forget(SECRET, VISIBLE, 0, 1)),
        ("", FindCoordinatorRequest(key=SECRET, coordinator_keys=(SECRET,))),
        ("", ListGroupsRequest()),
    ):
        for version in versions_of(request):
            await voice.ask(request, version, note)
    for version in range(6):
        leave = LeaveGroupRequest(
            group_id=SECRET,
            member_id="m" if version < _MEMBERS_LEAVE_SINCE else "",
            members=(leaving,) if version >= _MEMBERS_LEAVE_SINCE else (),
        )
        await voice.ask(leave, version)
    for version in range(1, 7):
        find = FindCoordinatorRequest(key=SECRET, key_type=_TRANSACTIONS, coordinator_keys=(SECRET,))
        await voice.ask(find, version, "of transactions")
    await voice.ask(forget(talk.name(), SECRET, 0), 0, "a topic")
    for group, topic, note in ((SECRET, VISIBLE, ""), (talk.name(), SECRET, "a topic"), ("", VISIBLE, "no group")):
        for version in range(1, 11):
            wanted = OffsetFetchRequestTopics(name=topic, topic_id=_topic_ids[topic], partition_indexes=(0, 1))
            for which, topics in ((note, (wanted,)), (f"{note} all", None)):
                if version >= _SEVERAL_GROUPS_SINCE:
                    groups = (OffsetFetchRequestGroup(group_id=group, topics=topics),)
                    await voice.ask(OffsetFetchRequest(groups=groups), version, which)
                elif topics or version >= _ALL_OF_GROUPS_SINCE:
                    named = (OffsetFetchRequestTopic(name=topic, partition_indexes=(0, 1)),) if topics else None
                    await voice.ask(OffsetFetchRequest(group_id=group, topics=named), version, which)


DENIED: Final[Sequence[Conversation]] = tuple(
    Conversation(name=f"denied.{script.__name__}", script=script)
    for script in (topics_that_are_denied, administration_that_is_denied, groups_that_are_denied)
)
"""The conversations; `deny` comes first."""

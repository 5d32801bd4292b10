"""Requests about groups through a broker; compared with Apache Kafka 4.4.0."""

from __future__ import annotations

from dataclasses import replace

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.frames import api_of, encode_request
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic
from tests.support.protocol_client import ProtocolClient

# READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, as Apache Kafka answers without an authorizer.
EVERYTHING = 3400
NOT_TOLD = -(2**31)


def commit(topic: str, *partitions: int) -> OffsetCommitRequest:
    rows = tuple(
        OffsetCommitRequestPartition(partition_index=index, committed_offset=5, committed_metadata="")
        for index in partitions
    )
    return OffsetCommitRequest(
        group_id="g", member_id="", topics=(OffsetCommitRequestTopic(name=topic, partitions=rows),)
    )


async def create(client: ProtocolClient, name: str) -> None:
    topic = CreatableTopic(name=name, num_partitions=2, replication_factor=1)
    await client.call(CreateTopicsRequest(topics=(topic,)), 7)


async def test_partitions_that_do_not_exist_are_answered_beside_those_that_do(client: ProtocolClient) -> None:
    await create(client, "t")
    response = await client.call(commit("t", 0, 2, -1), 8)
    assert [topic.name for topic in response.topics] == ["t"]
    assert [(row.partition_index, row.error_code) for row in response.topics[0].partitions] == [
        (2, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (0, ErrorCode.NONE),
    ]


async def test_a_commit_for_no_partition_of_a_topic_is_answered_with_nothing(client: ProtocolClient) -> None:
    await create(client, "t")
    assert (await client.call(commit("t"), 8)).topics == ()


async def test_authorized_operations_are_told_when_asked_for(client: ProtocolClient) -> None:
    await create(client, "t")
    await client.call(commit("t", 0), 8)
    for asked, told in ((True, EVERYTHING), (False, NOT_TOLD)):
        request = DescribeGroupsRequest(groups=("g", "unknown"), include_authorized_operations=asked)
        response = await client.call(request, 5)
        assert [group.authorized_operations for group in response.groups] == [told, told]
        # From version 6 on a group that nobody knows is an error, about which there is nothing to tell.
        response = await client.call(request, 6)
        assert [group.authorized_operations for group in response.groups] == [told, NOT_TOLD]


async def test_a_large_commit_is_carried_out_in_parts_and_answered_once(client: ProtocolClient) -> None:
    for name, partitions in (("a", 900), ("b", 300)):
        topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
        await client.call(CreateTopicsRequest(topics=(topic,)), 7)
    request = replace(
        commit("a"), topics=commit("a", *range(901)).topics + commit("b", *range(300)).topics + commit("c", 0).topics
    )
    response = await client.call(request, 8)
    assert [topic.name for topic in response.topics] == ["a", "b", "c"]
    errors = [{row.partition_index: row.error_code for row in topic.partitions} for topic in response.topics]
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert errors == [dict.fromkeys(range(900), 0) | {900: unknown}, dict.fromkeys(range(300), 0), {0: unknown}]
    fetched = await client.call(OffsetFetchRequest(group_id="g", topics=None), 7)
    assert [(topic.name, len(topic.partitions)) for topic in fetched.topics] == [("a", 900), ("b", 300)]


async def test_many_groups_are_deleted_in_parts_and_answered_once(client: ProtocolClient) -> None:
    await create(client, "t")
    names = tuple(f"g{number}" for number in range(120))
    for name in names:
        await client.call(replace(commit("t", 0), group_id=name), 8)
    response = await client.call(DeleteGroupsRequest(groups_names=(*names, "unknown", "g0")), 2)
    assert [(result.group_id, result.error_code) for result in response.results] == [
        *((name, ErrorCode.NONE) for name in names),
        ("unknown", ErrorCode.GROUP_ID_NOT_FOUND),
    ]
    assert (await client.call(DeleteGroupsRequest(groups_names=()), 2)).results == ()


async def test_a_commit_behind_a_large_commit_is_the_later_one(client: ProtocolClient) -> None:
    topic = CreatableTopic(name="a", num_partitions=900, replication_factor=1)
    await client.call(CreateTopicsRequest(topics=(topic,)), 7)
    await client.call(commit("a", 0), 8)
    later = OffsetCommitRequestPartition(partition_index=899, committed_offset=6, committed_metadata="")
    small = replace(commit("a"), topics=(OffsetCommitRequestTopic(name="a", partitions=(later,)),))
    frames = [
        encode_request(api_of(request), 8, correlation_id, "test", request)
        for correlation_id, request in enumerate((commit("a", *range(900)), small))
    ]
    await client.stream.send_all(b"".join(frames))
    for _ in frames:
        await client.receive(OffsetCommitResponse, 8)
    asked = OffsetFetchRequest(group_id="g", topics=(OffsetFetchRequestTopic(name="a", partition_indexes=(898, 899)),))
    fetched = await client.call(asked, 7)
    assert [row.committed_offset for row in fetched.topics[0].partitions] == [5, 6]

"""Requests about groups, as far as handlers add to what the coordinator says; held against Apache Kafka 4.4.0."""

from __future__ import annotations

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
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

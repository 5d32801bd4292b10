"""Requests about groups through a broker; compared with Apache Kafka 4.4.0."""

from __future__ import annotations

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.frames import api_of, encode_request
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import commit

# READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, as Apache Kafka answers without an authorizer.
EVERYTHING = 3400
NOT_TOLD = -(2**31)


async def test_partitions_that_do_not_exist_are_answered_beside_those_that_do(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)
    response = await client.call(commit("g", {("t", 0): 5, ("t", 2): 5, ("t", -1): 5}), 8)
    assert [topic.name for topic in response.topics] == ["t"]
    assert [(row.partition_index, row.error_code) for row in response.topics[0].partitions] == [
        (2, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (0, ErrorCode.NONE),
    ]


async def test_a_commit_for_no_partition_of_a_topic_is_answered_with_nothing(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)
    request = OffsetCommitRequest(
        group_id="g", member_id="", topics=(OffsetCommitRequestTopic(name="t", partitions=()),)
    )
    assert (await client.call(request, 8)).topics == ()


async def test_authorized_operations_are_told_when_asked_for(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)
    await client.call(commit("g", {("t", 0): 5}), 8)
    for asked, told in ((True, EVERYTHING), (False, NOT_TOLD)):
        request = DescribeGroupsRequest(groups=("g", "unknown"), include_authorized_operations=asked)
        response = await client.call(request, 5)
        assert [group.authorized_operations for group in response.groups] == [told, told]
        # From version 6 on an unknown group is an error without further fields.
        response = await client.call(request, 6)
        assert [group.authorized_operations for group in response.groups] == [told, NOT_TOLD]


async def test_a_large_commit_is_carried_out_in_parts_and_answered_once(client: ProtocolClient) -> None:
    for name, partitions in (("a", 900), ("b", 300)):
        await create_topic(client, name, partitions)
    offsets = {("a", index): 5 for index in range(901)} | {("b", index): 5 for index in range(300)} | {("c", 0): 5}
    request = commit("g", offsets)
    response = await client.call(request, 8)
    assert [topic.name for topic in response.topics] == ["a", "b", "c"]
    errors = [{row.partition_index: row.error_code for row in topic.partitions} for topic in response.topics]
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert errors == [dict.fromkeys(range(900), 0) | {900: unknown}, dict.fromkeys(range(300), 0), {0: unknown}]
    fetched = await client.call(OffsetFetchRequest(group_id="g", topics=None), 7)
    assert [(topic.name, len(topic.partitions)) for topic in fetched.topics] == [("a", 900), ("b", 300)]


async def test_many_groups_are_deleted_in_parts_and_answered_once(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)
    names = tuple(f"g{number}" for number in range(120))
    for name in names:
        await client.call(commit(name, {("t", 0): 5}), 8)
    response = await client.call(DeleteGroupsRequest(groups_names=(*names, "unknown", "g0")), 2)
    assert [(result.group_id, result.error_code) for result in response.results] == [
        *((name, ErrorCode.NONE) for name in names),
        ("unknown", ErrorCode.GROUP_ID_NOT_FOUND),
    ]
    assert (await client.call(DeleteGroupsRequest(groups_names=()), 2)).results == ()


async def test_a_commit_behind_a_large_commit_is_the_later_one(client: ProtocolClient) -> None:
    await create_topic(client, "a", 900)
    await client.call(commit("g", {("a", 0): 5}), 8)
    large, small = commit("g", {("a", index): 5 for index in range(900)}), commit("g", {("a", 899): 6})
    frames = [
        encode_request(api_of(request), 8, correlation_id, "test", request)
        for correlation_id, request in enumerate((large, small))
    ]
    await client.stream.send_all(b"".join(frames))
    for _ in frames:
        await client.receive(OffsetCommitResponse, 8)
    asked = OffsetFetchRequest(group_id="g", topics=(OffsetFetchRequestTopic(name="a", partition_indexes=(898, 899)),))
    fetched = await client.call(asked, 7)
    assert [row.committed_offset for row in fetched.topics[0].partitions] == [5, 6]

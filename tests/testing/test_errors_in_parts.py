"""Errors for some parts of a request, while the others are really handled: each API that has parts."""

from __future__ import annotations

from typing import Any

import pytest

from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.fetch import ForgottenTopic
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kafkalite_wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from tests.support.broker_with_faults import errors, faulty_broker
from tests.support.requests import LATEST, batch, commit, fetch_each, list_offsets, produce_each

# Errors for some partitions, while the others are really handled


async def test_one_partition_of_a_produce_fails_and_only_that_is_not_written() -> None:
    async with faulty_broker(a=2, b=1) as (broker, client):
        broker.inject(api="Produce", topic="a", partition=1, error="NOT_LEADER_OR_FOLLOWER")
        response = await client.call(produce_each(("a", 1), ("b", 0), ("a", 0)), 9)
        assert errors(response) == [("a", 1, ErrorCode.NOT_LEADER_OR_FOLLOWER), ("a", 0, 0), ("b", 0, 0)]
        assert [broker.values(*at) for at in (("a", 0), ("a", 1), ("b", 0))] == [1, 0, 1]
        assert [(fired.api, fired.api_version, fired.about) for fired in broker.fired] == [("Produce", 9, ("a-1",))]


async def test_a_topic_that_is_told_by_its_id_is_matched_by_its_name() -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Produce", topic="t", error="KAFKA_STORAGE_ERROR")
        data = TopicProduceData(
            topic_id=broker.topic_id("t"), partition_data=(PartitionProduceData(index=0, records=batch(b"one")),)
        )
        response = await client.call(ProduceRequest(acks=1, timeout_ms=1000, topic_data=(data,)), 13)
        assert response.responses[0].topic_id == broker.topic_id("t")
        assert response.responses[0].partition_responses[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
        assert broker.values("t") == 0


async def test_an_error_on_the_reply_hides_that_the_records_are_written() -> None:
    async with faulty_broker(t=2) as (broker, client):
        broker.inject(api="Produce", partition=1, error="REQUEST_TIMED_OUT", on="reply")
        response = await client.call(produce_each(("t", 0), ("t", 1)), 9)
        assert errors(response) == [("t", 0, 0), ("t", 1, ErrorCode.REQUEST_TIMED_OUT)]
        assert [broker.values("t", index) for index in (0, 1)] == [1, 1]


@pytest.mark.parametrize("words", [{}, {"on": "reply"}])
async def test_an_unsupported_version_of_api_versions_is_answered_in_version_0(words: dict[str, Any]) -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="ApiVersions", error="UNSUPPORTED_VERSION", **words)
        request = ApiVersionsRequest(client_software_name="c", client_software_version="1")
        await client.send(request, 3)
        _, response = await client.receive(ApiVersionsResponse, 0)
        assert response.error_code == ErrorCode.UNSUPPORTED_VERSION
        own = APIS[ApiKey.API_VERSIONS]
        assert [(each.api_key, each.min_version, each.max_version) for each in response.api_keys] == [
            (own.key, own.min_version, own.max_version)
        ]


@pytest.mark.parametrize("words", [{}, {"partition": 1}, {"on": "reply"}])
async def test_an_error_without_a_reply_to_tell_it_in_ends_the_connection(words: dict[str, Any]) -> None:
    async with faulty_broker(t=2) as (broker, client):
        broker.inject(api="Produce", error="NOT_LEADER_OR_FOLLOWER", **words)
        await client.send(produce_each(("t", 0), ("t", 1), acks=0), 9)
        assert await client.is_closed()
        written = [broker.values("t", index) for index in (0, 1)]
        assert written == {(): [0, 0], ("partition",): [1, 0], ("on",): [1, 1]}[tuple(words)]


async def test_one_partition_of_a_fetch_fails_at_once_and_the_others_are_read() -> None:
    async with faulty_broker(t=2) as (broker, client):
        await client.call(produce_each(("t", 0), ("t", 1)), 9)
        broker.inject(api="Fetch", topic="t", partition=0, error="OFFSET_OUT_OF_RANGE")
        # The broker's clock stands still: a fetch that waits would never be answered.
        response = await client.call(fetch_each(0, 1, max_wait_ms=60_000, min_bytes=1 << 20), 12)
        assert errors(response) == [("t", 0, ErrorCode.OFFSET_OUT_OF_RANGE), ("t", 1, 0)]
        first, second = response.responses[0].partitions
        assert (len(first.records), len(second.records)) == (0, len(batch(b"one")))


@pytest.mark.parametrize("version", [12, 13])
async def test_a_fetch_session_meets_a_fault_in_partitions_that_it_does_not_name_again(version: int) -> None:
    async with faulty_broker(t=3) as (broker, client):
        topic = "t" if version == 12 else broker.topic_id("t")
        opened = await client.call(fetch_each(0, 1, topic=topic, session_epoch=0), version)
        rule = broker.inject(api="Fetch", topic="t", partition=1, error="NOT_LEADER_OR_FOLLOWER", times=1)
        await client.call(produce_each(("t", 0), ("t", 1)), 9)
        session = opened.session_id
        response = await client.call(fetch_each(session_id=session, session_epoch=1), version)
        assert [(index, error) for _, index, error in errors(response)] == [(0, 0), (1, 6)]
        assert rule.fault.error_code == 6
        # The session is as it was, and the partition is served again.
        response = await client.call(fetch_each(0, topic=topic, offset=1, session_id=session, session_epoch=2), version)
        assert [(index, error) for _, index, error in errors(response)] == [(1, 0)]


async def test_a_partition_that_was_taken_out_of_its_session_meets_no_fault() -> None:
    async with faulty_broker(t=2) as (broker, client):
        opened = await client.call(fetch_each(0, 1, session_epoch=0), 12)
        broker.inject(api="Fetch", partition=1, error="NOT_LEADER_OR_FOLLOWER")
        forgotten = (ForgottenTopic(topic="t", partitions=(1,)),)
        await client.call(
            fetch_each(session_id=opened.session_id, session_epoch=1, forgotten_topics_data=forgotten), 12
        )
        assert broker.fired == []


async def test_a_fetch_session_can_be_refused_as_such() -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Fetch", error="FETCH_SESSION_ID_NOT_FOUND")
        response = await client.call(fetch_each(0, session_epoch=0), 12)
        assert (response.error_code, response.responses) == (ErrorCode.FETCH_SESSION_ID_NOT_FOUND, ())


async def test_other_errors_of_a_whole_fetch_are_told_of_its_partitions() -> None:
    async with faulty_broker(t=2) as (broker, client):
        broker.inject(api="Fetch", error="UNKNOWN_LEADER_EPOCH")
        response = await client.call(fetch_each(0, 1, max_wait_ms=60_000), 12)
        assert response.error_code == 0
        assert [error for _, _, error in errors(response)] == [ErrorCode.UNKNOWN_LEADER_EPOCH] * 2


async def test_one_partition_of_a_question_for_offsets_fails() -> None:
    async with faulty_broker(t=2) as (broker, client):
        broker.inject(api="ListOffsets", partition=0, error="LEADER_NOT_AVAILABLE")
        response = await client.call(list_offsets("t", LATEST, (0, 1)), 7)
        assert errors(response) == [("t", 0, ErrorCode.LEADER_NOT_AVAILABLE), ("t", 1, 0)]


async def test_one_partition_of_a_commit_fails_and_only_that_is_not_committed() -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        await client.call(FindCoordinatorRequest(key="g"), 3)
        broker.inject(api="OffsetCommit", group="g", topic="b", error="UNSTABLE_OFFSET_COMMIT")
        response = await client.call(commit("g", {("a", 0): 1, ("b", 0): 1}), 8)
        assert errors(response) == [("a", 0, 0), ("b", 0, ErrorCode.UNSTABLE_OFFSET_COMMIT)]
        group = OffsetFetchRequestGroup(group_id="g", topics=None)
        fetched = await client.call(OffsetFetchRequest(groups=(group,)), 8)
        assert [topic.name for topic in fetched.groups[0].topics] == ["a"]
        assert broker.fired[0].about == ("b-0 of group g",)


async def test_offsets_are_withheld_also_where_all_were_asked_for() -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        await client.call(FindCoordinatorRequest(key="g"), 3)
        await client.call(commit("g", {("a", 0): 1, ("b", 0): 2}), 8)
        broker.inject(api="OffsetFetch", topic="a", error="UNSTABLE_OFFSET_COMMIT")
        group = OffsetFetchRequestGroup(group_id="g", topics=None)
        (fetched,) = (await client.call(OffsetFetchRequest(groups=(group,)), 8)).groups
        told = {topic.name: topic.partitions[0] for topic in fetched.topics}
        assert (told["a"].error_code, told["a"].committed_offset) == (ErrorCode.UNSTABLE_OFFSET_COMMIT, -1)
        assert (told["b"].error_code, told["b"].committed_offset) == (0, 2)
        named = OffsetFetchRequestGroup(
            group_id="g", topics=(OffsetFetchRequestTopics(name="b", partition_indexes=(0,)),)
        )
        (fetched,) = (await client.call(OffsetFetchRequest(groups=(named,)), 8)).groups
        assert fetched.topics[0].partitions[0].committed_offset == 2
        assert len(broker.fired) == 1


async def test_one_group_of_several_is_refused() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(group="a", error="COORDINATOR_LOAD_IN_PROGRESS")
        found = await client.call(FindCoordinatorRequest(coordinator_keys=("a", "b")), 4)
        assert [(each.key, each.error_code) for each in found.coordinators] == [("a", 14), ("b", 0)]
        groups = tuple(OffsetFetchRequestGroup(group_id=name, topics=None) for name in ("b", "a"))
        fetched = await client.call(OffsetFetchRequest(groups=groups), 8)
        assert [(each.group_id, each.error_code) for each in fetched.groups] == [("b", 0), ("a", 14)]


# Errors for topics


@pytest.mark.parametrize("named", [True, False], ids=["by name", "with all"])
async def test_metadata_refuses_a_topic_and_tells_brokers_all_the_same(named: bool) -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        broker.inject(api="Metadata", topic="a", error="LEADER_NOT_AVAILABLE")
        topics = tuple(MetadataRequestTopic(name=name) for name in ("a", "b")) if named else None
        response: MetadataResponse = await client.call(MetadataRequest(topics=topics), 9)
        told = {topic.name: (topic.error_code, len(topic.partitions)) for topic in response.topics}
        assert told == {"a": (ErrorCode.LEADER_NOT_AVAILABLE, 0), "b": (0, 1)}
        assert len(response.brokers) == 1


async def test_metadata_tells_of_one_partition_that_it_has_no_leader() -> None:
    async with faulty_broker(t=2) as (broker, client):
        broker.inject(api="Metadata", topic="t", partition=1, error="LEADER_NOT_AVAILABLE")
        (topic,) = (await client.call(MetadataRequest(topics=(MetadataRequestTopic(name="t"),)), 9)).topics
        assert [(each.error_code, each.leader_id) for each in topic.partitions] == [(0, broker.endpoint.id), (5, -1)]


@pytest.mark.parametrize("version", [0, 1, 9])
async def test_a_topic_that_metadata_refuses_is_not_created(version: int) -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="Metadata", error="TOPIC_AUTHORIZATION_FAILED")
        response = await client.call(MetadataRequest(topics=(MetadataRequestTopic(name="new"),)), version)
        assert [(topic.name, topic.error_code) for topic in response.topics] == [("new", 29)]
        assert len(response.brokers) == 1
        assert "new" not in broker.cluster.storage.topics


async def test_a_question_for_other_topics_does_not_count() -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        broker.inject(api="Metadata", topic="a", error="LEADER_NOT_AVAILABLE", times=1)
        await client.call(MetadataRequest(topics=(MetadataRequestTopic(name="b"),)), 9)
        assert broker.fired == []
        await client.call(MetadataRequest(topics=None), 9)
        assert len(broker.fired) == 1


async def test_a_topic_is_refused_and_another_is_created() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="CreateTopics", topic="a*", error="POLICY_VIOLATION")
        topics = tuple(CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("b", "a1"))
        response = await client.call(CreateTopicsRequest(topics=topics), 5)
        assert [(topic.name, topic.error_code) for topic in response.topics] == [("b", 0), ("a1", 44)]
        assert [name in broker.cluster.storage.topics for name in ("a1", "b")] == [False, True]


async def test_a_topic_that_is_deleted_by_id_is_refused_by_name() -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        broker.inject(api="DeleteTopics", topic="a", error="TOPIC_DELETION_DISABLED")
        topics = tuple(DeleteTopicState(topic_id=broker.topic_id(name)) for name in ("a", "b"))
        response = await client.call(DeleteTopicsRequest(topics=topics, timeout_ms=1000), 6)
        assert [topic.error_code for topic in response.responses] == [ErrorCode.TOPIC_DELETION_DISABLED, 0]
        assert [name in broker.cluster.storage.topics for name in ("a", "b")] == [True, False]


async def test_one_partition_keeps_its_records_and_another_loses_them() -> None:
    async with faulty_broker(t=2) as (broker, client):
        await client.call(produce_each(("t", 0), ("t", 1)), 9)
        broker.inject(api="DeleteRecords", partition=0, error="REQUEST_TIMED_OUT")
        partitions = tuple(DeleteRecordsPartition(partition_index=index, offset=-1) for index in (0, 1))
        request = DeleteRecordsRequest(topics=(DeleteRecordsTopic(name="t", partitions=partitions),), timeout_ms=1000)
        assert errors(await client.call(request, 2)) == [("t", 0, ErrorCode.REQUEST_TIMED_OUT), ("t", 1, 0)]
        starts = [log.log_start_offset for index in (0, 1) if (log := broker.cluster.log("t", index)) is not None]
        assert starts == [0, 1]


async def test_the_configuration_of_a_topic_is_refused_and_the_brokers_is_told() -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="DescribeConfigs", topic="t", error="TOPIC_AUTHORIZATION_FAILED")
        resources = tuple(
            DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=())
            for kind, name in ((2, "t"), (4, str(broker.endpoint.id)))
        )
        response = await client.call(DescribeConfigsRequest(resources=resources), 4)
        assert [each.error_code for each in response.results] == [ErrorCode.TOPIC_AUTHORIZATION_FAILED, 0]

"""Answers to odd requests, as Apache Kafka 4.4.0 gave them when the differential suite asked it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.fetch import FetchPartition
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, fetch_each, list_offsets, produce


def wanted(partition: int = 0, *, max_bytes: int = 1 << 20, epoch: int = -1) -> FetchPartition:
    return FetchPartition(
        partition=partition, fetch_offset=0, partition_max_bytes=max_bytes, current_leader_epoch=epoch
    )


async def test_a_batch_beyond_the_limit_of_its_partition_is_left_out_when_another_one_came(
    client: ProtocolClient,
) -> None:
    await create_topic(client, "t", 2)
    for partition in (0, 1):
        await client.call(produce("t", batch(b"x" * 200), partition=partition), 9)
    response = await client.call(fetch_each(wanted(0, max_bytes=100), wanted(1, max_bytes=100)), 11)
    sizes = [len(partition.records) for partition in response.responses[0].partitions]
    assert sizes[0] > 200
    assert sizes[1] == 0


async def test_a_partition_that_is_fetched_twice_is_answered_once(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    response = await client.call(fetch_each(wanted(), wanted()), 11)
    assert len(response.responses[0].partitions) == 1


async def test_any_negative_leader_epoch_means_that_a_fetch_does_not_know_it(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    response = await client.call(fetch_each(wanted(epoch=-2)), 11)
    assert response.responses[0].partitions[0].error_code == ErrorCode.NONE


async def test_a_fetch_session_may_begin_with_nothing(client: ProtocolClient) -> None:
    response = await client.call(fetch_each(session_epoch=0), 11)
    assert response.session_id != 0


async def offset_codes(client: ProtocolClient, name: str, timestamp: int, *, topics: int = 1) -> list[int]:
    request = list_offsets(name, timestamp)
    request = replace(request, topics=request.topics * topics)
    response = await client.call(request, 5)
    return [row.error_code for topic in response.topics for row in topic.partitions]


@pytest.mark.parametrize(("topic", "timestamp"), [("t", -7), ("t", -100), ("missing", -100), ("missing", -3)])
async def test_a_special_time_that_a_version_does_not_know_is_refused_before_anything_else(
    topic: str, timestamp: int, client: ProtocolClient
) -> None:
    await create_topic(client, "t")
    assert await offset_codes(client, topic, timestamp) == [ErrorCode.UNSUPPORTED_VERSION]


async def test_a_partition_in_two_topics_of_one_name_is_looked_up_twice_and_refused_once(
    client: ProtocolClient,
) -> None:
    await create_topic(client, "t")
    assert await offset_codes(client, "t", -1, topics=2) == [ErrorCode.INVALID_REQUEST]


@pytest.mark.parametrize("name", ["a b", "", "..", "x" * 250])
async def test_a_name_that_no_topic_can_have_is_invalid_whether_or_not_it_may_be_created(
    name: str, client: ProtocolClient
) -> None:
    request = MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=False)
    assert (await client.call(request, 9)).topics[0].error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


async def test_metadata_goes_by_the_id_where_a_name_is_given_too(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    request = MetadataRequest(topics=(MetadataRequestTopic(name="t", topic_id=b"?" * 16),))
    topic = (await client.call(request, 12)).topics[0]
    assert (topic.error_code, topic.name, topic.topic_id) == (ErrorCode.UNKNOWN_TOPIC_ID, None, b"?" * 16)


async def deleted(client: ProtocolClient, *topics: tuple[str | None, bytes]) -> list[tuple[str | None, int]]:
    states = tuple(DeleteTopicState(name=name, topic_id=topic_id) for name, topic_id in topics)
    response = await client.call(DeleteTopicsRequest(topics=states, timeout_ms=1000), 6)
    return [(row.name, row.error_code) for row in response.responses]


async def test_a_topic_that_is_to_be_deleted_twice_is_not_deleted(client: ProtocolClient) -> None:
    topic_id = (await create_topic(client, "t")).topics[0].topic_id
    refused = ErrorCode.INVALID_REQUEST
    response = await client.call(DeleteTopicsRequest(topic_names=("t", "t"), timeout_ms=1000), 5)
    assert [(row.name, row.error_code) for row in response.responses] == [("t", refused)]
    assert await deleted(client, (None, topic_id), (None, topic_id)) == [(None, refused)]
    assert await deleted(client, ("t", bytes(16)), (None, topic_id)) == [("t", refused)]
    assert await deleted(client, (None, topic_id), ("t", bytes(16))) == [("t", refused)]
    assert await deleted(client, (None, bytes(16))) == [(None, refused)]
    assert await deleted(client, (None, topic_id)) == [("t", ErrorCode.NONE)]


@pytest.mark.parametrize(
    ("producer_id", "epoch", "code"),
    [(7, -1, ErrorCode.INVALID_REQUEST), (-1, 3, ErrorCode.INVALID_REQUEST), (7, 3, ErrorCode.NONE)],
)
async def test_a_producer_names_its_id_and_epoch_together_or_neither(
    producer_id: int, epoch: int, code: ErrorCode, client: ProtocolClient
) -> None:
    request = InitProducerIdRequest(
        transactional_id=None, transaction_timeout_ms=0, producer_id=producer_id, producer_epoch=epoch
    )
    assert (await client.call(request, 4)).error_code == code


async def test_a_sequence_that_does_not_fit_is_refused_beside_the_start_of_the_log(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    made = await client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 4)
    for sequence in (0, 2):
        records = batch(b"x", producer_id=made.producer_id, producer_epoch=0, base_sequence=sequence)
        response = await client.call(produce("t", records), 9)
    partition = response.responses[0].partition_responses[0]
    assert partition.error_code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert (partition.base_offset, partition.log_start_offset) == (-1, 0)


async def test_defaults_are_synonyms_only_where_the_broker_has_one_of_that_very_kind(client: ProtocolClient) -> None:
    await create_topic(client, "t", cleanup_policy="compact", retention_ms="1000")
    keys = ("cleanup.policy", "retention.ms", "segment.ms", "remote.storage.enable")
    resource = DescribeConfigsResource(resource_type=2, resource_name="t", configuration_keys=keys)
    response = await client.call(DescribeConfigsRequest(resources=(resource,), include_synonyms=True), 4)
    told = {row.name: [synonym.name for synonym in row.synonyms] for row in response.results[0].configs}
    assert told == {
        "cleanup.policy": ["cleanup.policy", "log.cleanup.policy"],
        "retention.ms": ["retention.ms"],
        "segment.ms": [],
        "remote.storage.enable": [],
    }


async def test_of_a_partition_that_is_produced_to_twice_the_last_batch_is_kept_and_answered(
    client: ProtocolClient,
) -> None:
    await create_topic(client, "t", 2)
    await create_topic(client, "u")

    def topic(name: str, *rows: tuple[int, bytes]) -> TopicProduceData:
        data = tuple(PartitionProduceData(index=index, records=records) for index, records in rows)
        return TopicProduceData(name=name, partition_data=data)

    async def answers(*topics: TopicProduceData) -> list[tuple[str, list[tuple[int, int, int]]]]:
        response = await client.call(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics), 9)
        return [
            (topic.name, [(row.index, row.error_code, row.base_offset) for row in topic.partition_responses])
            for topic in response.responses
        ]

    one, three = batch(b"a"), batch(b"b", b"c", b"d")
    assert await answers(topic("t", (0, one), (0, three))) == [("t", [(0, 0, 0)])]
    assert await answers(topic("t", (0, one)), topic("u", (0, one)), topic("t", (0, one), (1, one))) == [
        ("t", [(0, 0, 3), (1, 0, 0)]),
        ("u", [(0, 0, 0)]),
    ]
    assert await answers(topic("t", (0, one), (0, bytes(70)))) == [("t", [(0, ErrorCode.CORRUPT_MESSAGE, -1)])]
    assert await answers(topic("t"), topic("u", (0, one))) == [("u", [(0, 0, 1)])]
    response = await client.call(fetch_each(wanted(), wanted(1)), 11)
    assert [row.high_watermark for row in response.responses[0].partitions] == [4, 1]

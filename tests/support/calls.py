"""Calls of a broker, kafkalite or Apache Kafka, over a blocking client; an error in a response is an AssertionError."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.fetch import PartitionData
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
)
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from kafkalite_wire.records import walk_batches
from tests.support import requests
from tests.support.blocking_client import BlockingClient
from tests.support.requests import LATEST

TOPIC = 2
"""The resource type of a topic's configuration."""
_TOPIC_OVERRIDE = 1


def create_topic(client: BlockingClient, name: str, partitions: int = 1, **configs: str) -> bytes:
    """Make a topic, wait until it is served, and return its id; configurations are named with underscores."""
    [result] = client.call(requests.create_topics(name, partitions, **configs), 7).topics
    assert result.error_code == 0, result
    deadline = time.monotonic() + 60
    while not is_served(client, name, range(partitions)):
        assert time.monotonic() < deadline
    topic_id: bytes = result.topic_id
    return topic_id


def new_producer_id(client: BlockingClient) -> int:
    """Ask for a producer id; Kafka says for a moment after its start that it has none yet."""
    deadline = time.monotonic() + 60
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
    while (answer := client.call(request, 4)).error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
        assert time.monotonic() < deadline
    assert answer.error_code == 0, answer
    producer_id: int = answer.producer_id
    return producer_id


def produce(client: BlockingClient, topic: str, partition: int, batch: bytes, *, error: int = 0) -> int:
    """Append a batch and return its first offset; `error` is the error that is due."""
    answer = client.call(requests.produce(topic, batch, partition=partition), 9)
    [result] = answer.responses[0].partition_responses
    assert result.error_code == error, result
    offset: int = result.base_offset
    return offset


def fetch(client: BlockingClient, topic: str, partition: int, offset: int, *, committed: bool = False) -> PartitionData:
    request = requests.fetch(topic, offset, partition=partition, wait_ms=1000, isolation_level=int(committed))
    answer = client.call(request, 11)
    [data] = answer.responses[0].partitions
    assert data.error_code == 0, data
    return data  # type: ignore[no-any-return]  # a response of any type


def whole_batches(data: PartitionData) -> memoryview:
    """Return the records of a fetch, without a last batch that the size limit has cut off."""
    records = data.records if isinstance(data.records, memoryview) else memoryview(b"")
    end = 0
    for position, header in walk_batches(records):
        end = position + header.size
    return records[:end]


def offsets(client: BlockingClient, topic: str, partitions: Iterable[int], timestamp: int) -> dict[int, int]:
    """Ask for the offsets of a time, or of LATEST, EARLIEST or NEWEST."""
    found = _list_offsets(client, topic, partitions, timestamp)
    assert all(each.error_code == 0 for each in found), found
    return {each.partition_index: each.offset for each in found}


def is_served(client: BlockingClient, topic: str, partitions: Iterable[int]) -> bool:
    """Return whether the broker leads these partitions already, even if its metadata does not say so."""
    return all(each.error_code == 0 for each in _list_offsets(client, topic, partitions, LATEST))


def _list_offsets(
    client: BlockingClient, topic: str, partitions: Iterable[int], timestamp: int
) -> tuple[ListOffsetsPartitionResponse, ...]:
    answer: ListOffsetsResponse = client.call(requests.list_offsets(topic, timestamp, partitions), 7)
    return answer.topics[0].partitions


def commit(
    client: BlockingClient,
    group: str,
    topic: str,
    offsets: Mapping[int, int],
    *,
    member: str = "",
    generation: int = -1,
    metadata: str = "",
) -> None:
    request = requests.commit(
        group,
        {(topic, partition): offset for partition, offset in offsets.items()},
        member=member,
        generation=generation,
        metadata=metadata,
    )
    answer = client.call(request, 8)
    assert all(each.error_code == 0 for each in answer.topics[0].partitions), answer


def committed(client: BlockingClient, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    topics = (OffsetFetchRequestTopics(name=topic, partition_indexes=tuple(partitions)),)
    answer = client.call(OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=group, topics=topics),)), 8)
    [found] = answer.groups
    assert found.error_code == 0, found
    return {each.partition_index: each.committed_offset for each in found.topics[0].partitions}


def metadata(client: BlockingClient) -> MetadataResponse:
    """Ask for all topics."""
    answer: MetadataResponse = client.call(MetadataRequest(topics=None), 12)
    return answer


def topic_overrides(client: BlockingClient, topic: str) -> dict[str, str | None]:
    """Ask which configurations a topic has of its own."""
    resource = DescribeConfigsResource(resource_type=TOPIC, resource_name=topic, configuration_keys=None)
    [result] = client.call(DescribeConfigsRequest(resources=(resource,)), 4).results
    assert result.error_code == 0, result
    return {each.name: each.value for each in result.configs if each.config_source == _TOPIC_OVERRIDE}

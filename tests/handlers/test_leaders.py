"""Handlers in a cluster of two brokers, in memory: each leads its own partitions."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.config import load
from kafkalite.errors import RefusedError
from kafkalite.handlers import describe_cluster, metadata, produce
from kafkalite.requests.context import RequestContext
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Record, build_batch

Brokers = tuple[BrokerEndpoint, BrokerEndpoint]


@pytest.fixture
async def brokers() -> Brokers:
    """Two brokers; partition 0 of topic t is led by 1, partition 1 by 2."""
    config = load(listen=["127.0.0.1:0"], data="/data")
    cluster = Cluster(config, TimerQueue(), MemoryFileSystem())
    made = BrokerEndpoint(cluster, config), BrokerEndpoint(cluster, replace(config, node_id=2))
    cluster.create_topic("t", 2, {})
    cluster.storage.move_leader("t", 1, 2, now_ms=0)
    return made


def context(api: ApiKey, version: int) -> RequestContext:
    return RequestContext(api=APIS[api], api_version=version)


def run(steps: Generator[None, None, Any]) -> tuple[int, Any]:
    """Run a stepwise handler; return how often it yielded, and its response."""
    turns = 0
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return turns, finished.value
        turns += 1


def described(broker: BrokerEndpoint) -> MetadataResponse:
    _, response = run(metadata.handle(broker, MetadataRequest(topics=None), context(ApiKey.METADATA, 12)))
    assert isinstance(response, MetadataResponse)
    return response


async def test_metadata_tells_the_leaders_and_the_brokers_that_are_up(brokers: Brokers) -> None:
    for broker in brokers:
        response = described(broker)
        assert [each.node_id for each in response.brokers] == [1, 2]
        assert response.controller_id == 1
        assert [(row.leader_id, row.leader_epoch, row.error_code) for row in response.topics[0].partitions] == [
            (1, 0, ErrorCode.NONE),
            (2, 1, ErrorCode.NONE),
        ]


async def test_the_leader_of_a_broker_that_is_down_is_not_available(brokers: Brokers) -> None:
    del brokers[0].cluster.endpoints[2]
    response = described(brokers[0])
    assert [each.node_id for each in response.brokers] == [1]
    row = response.topics[0].partitions[1]
    assert (row.leader_id, row.leader_epoch, row.error_code) == (-1, 1, ErrorCode.LEADER_NOT_AVAILABLE)


async def test_a_cluster_is_described_with_all_brokers_that_are_up(brokers: Brokers) -> None:
    response = describe_cluster.handle(
        brokers[1],
        DescribeClusterRequest(include_cluster_authorized_operations=False),
        context(ApiKey.DESCRIBE_CLUSTER, 2),
    )
    assert [each.broker_id for each in response.brokers] == [1, 2]
    assert response.controller_id == 1


async def test_only_the_leader_appends(brokers: Brokers) -> None:
    batch = build_batch([Record(key=None, value=b"v", timestamp=1)])

    def rows() -> Iterator[PartitionProduceData]:
        for index in (0, 1):
            yield PartitionProduceData(index=index, records=memoryview(bytearray(batch)))

    request = ProduceRequest(
        acks=-1, timeout_ms=1000, topic_data=(TopicProduceData(name="t", partition_data=tuple(rows())),)
    )
    response = produce.handle(brokers[0], request, context(ApiKey.PRODUCE, 12))
    assert response is not None
    first, second = response.responses[0].partition_responses
    assert (first.error_code, first.base_offset) == (ErrorCode.NONE, 0)
    assert second.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert (second.current_leader.leader_id, second.current_leader.leader_epoch) == (2, 1)


async def test_a_log_is_found_by_its_leader_only(brokers: Brokers) -> None:
    assert brokers[1].led_log("t", 1).log_end_offset == 0
    for index, code in ((0, ErrorCode.NOT_LEADER_OR_FOLLOWER), (7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)):
        with pytest.raises(RefusedError) as refused:
            brokers[1].led_log("t", index)
        assert refused.value.code == code


async def test_metadata_of_many_partitions_is_answered_in_steps(brokers: Brokers) -> None:
    request = MetadataRequest(topics=None)
    assert run(metadata.handle(brokers[0], request, context(ApiKey.METADATA, 12)))[0] == 0
    brokers[0].cluster.create_topic("many", 2000, {})
    turns, response = run(metadata.handle(brokers[0], request, context(ApiKey.METADATA, 12)))
    assert turns >= 4
    assert [len(topic.partitions) for topic in response.topics] == [2, 2000]

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
from kafkalite.handlers import describe_cluster, fetch, metadata, produce
from kafkalite.requests.context import RequestContext
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Record, build_batch
from tests.support.partition_requests import codes, deleted, ended, fetched, finish, listed
from tests.support.storage.controls import move_leader

Brokers = tuple[BrokerEndpoint, BrokerEndpoint]


@pytest.fixture
async def brokers() -> Brokers:
    """Two brokers; partition 0 of topic t is led by 1, partition 1 by 2."""
    config = load(listen=["127.0.0.1:0"], data="/data")
    cluster = Cluster(config, TimerQueue(), MemoryFileSystem())
    made = BrokerEndpoint(cluster, config), BrokerEndpoint(cluster, replace(config, node_id=2))
    cluster.create_topic("t", 2, {})
    move_leader(cluster.storage, "t", 1, 2, now_ms=0)
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
    response, _ = finish(produce.handle(brokers[0], request, context(ApiKey.PRODUCE, 12)))
    first, second = response.responses[0].partition_responses
    assert (first.error_code, first.base_offset) == (ErrorCode.NONE, 0)
    assert second.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert (second.current_leader.leader_id, second.current_leader.leader_epoch) == (2, 1)


async def test_only_the_leader_serves_a_partition(brokers: Brokers) -> None:
    for broker, led in zip(brokers, (0, 1), strict=True):
        expected = [ErrorCode.NONE if index == led else ErrorCode.NOT_LEADER_OR_FOLLOWER for index in (0, 1)]
        for ask in (fetched, listed, ended, deleted):
            assert codes(ask(broker, 0, 1)[0]) == expected


async def test_a_stale_epoch_is_fenced_before_the_leader_is_checked(brokers: Brokers) -> None:
    for ask in (fetched, listed, ended):
        assert codes(ask(brokers[0], 1, epoch=0)[0]) == [ErrorCode.FENCED_LEADER_EPOCH]
        assert codes(ask(brokers[0], 1, epoch=1)[0]) == [ErrorCode.NOT_LEADER_OR_FOLLOWER]


async def test_a_fetch_is_told_the_leader(brokers: Brokers) -> None:
    for epoch, version, told in ((0, 16, (2, 1)), (-1, 16, (2, 1)), (-1, 15, (-1, -1))):
        wanted = FetchPartition(partition=1, fetch_offset=0, partition_max_bytes=1000, current_leader_epoch=epoch)
        topic = FetchTopic(topic_id=brokers[0].cluster.storage.topics["t"].topic_id, partitions=(wanted,))
        request = FetchRequest(max_wait_ms=0, min_bytes=1, topics=(topic,))
        _, response = run(fetch.handle(brokers[0], request, context(ApiKey.FETCH, version)))
        [row] = response.responses[0].partitions
        assert (row.current_leader.leader_id, row.current_leader.leader_epoch) == told


async def test_metadata_of_many_partitions_is_answered_in_steps(brokers: Brokers) -> None:
    request = MetadataRequest(topics=None)
    assert run(metadata.handle(brokers[0], request, context(ApiKey.METADATA, 12)))[0] == 0
    brokers[0].cluster.create_topic("many", 2000, {})
    turns, response = run(metadata.handle(brokers[0], request, context(ApiKey.METADATA, 12)))
    assert turns >= 4
    assert [len(topic.partitions) for topic in response.topics] == [2, 2000]


async def test_a_broker_leads_all_partitions_of_its_directory_after_a_start() -> None:
    file_system = MemoryFileSystem()
    config = load(listen=["127.0.0.1:0"], data="/data")
    cluster = Cluster(config, TimerQueue(), file_system)
    cluster.create_topic("t", 2, {})
    move_leader(cluster.storage, "t", 1, 2, now_ms=0)
    cluster.close()
    broker = BrokerEndpoint(Cluster(config, TimerQueue(), file_system), config)
    rows = described(broker).topics[0].partitions
    assert [(row.leader_id, row.leader_epoch, row.error_code) for row in rows] == [(1, 0, 0), (1, 2, 0)]
    for ask in (fetched, listed, ended, deleted):
        assert codes(ask(broker, 0, 1)[0]) == [0, 0]

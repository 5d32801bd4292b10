"""Metadata keeps what it has described, until a leader, a topic or the set of brokers changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import describe_topic_partitions, metadata
from kafkalite.requests.context import RequestContext
from kafkalite.requests.steps import finish
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponsePartition
from tests.support.storage.controls import move_leader

Partitions = tuple[MetadataResponsePartition, ...]


def partitions(broker: BrokerEndpoint) -> Partitions:
    context = RequestContext(api=APIS[ApiKey.METADATA], api_version=12)
    (topic,) = finish(metadata.handle(broker, MetadataRequest(topics=None), context)).topics
    described: Partitions = topic.partitions
    return described


def pages(broker: BrokerEndpoint, limit: int, cursor: Cursor | None = None) -> list[list[int]]:
    context = RequestContext(api=APIS[ApiKey.DESCRIBE_TOPIC_PARTITIONS], api_version=0)
    request = DescribeTopicPartitionsRequest(
        topics=(TopicRequest(name="t"),), response_partition_limit=limit, cursor=cursor
    )
    response: Any = finish(describe_topic_partitions.handle(broker, request, context))
    page = [partition.partition_index for topic in response.topics for partition in topic.partitions]
    return [page, *(pages(broker, limit, response.next_cursor) if response.next_cursor else [])]


def test_the_second_answer_is_the_first(broker: BrokerEndpoint) -> None:
    first = partitions(broker)
    broker.cluster.storage.alter_configs("t", {"retention.ms": "1"}, now_ms=0)
    assert partitions(broker) is first


def test_a_leader_that_moves_is_seen(broker: BrokerEndpoint) -> None:
    before = partitions(broker)
    BrokerEndpoint(broker.cluster, replace(broker.config, node_id=2))
    move_leader(broker.cluster.storage, "t", 1, 2, now_ms=0)
    assert [(p.leader_id, p.leader_epoch) for p in before] == [(1, 0), (1, 0)]
    assert [(p.leader_id, p.leader_epoch) for p in partitions(broker)] == [(1, 0), (2, 1)]


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_broker_that_is_down_is_seen(broker: BrokerEndpoint, *, comes_back: bool) -> None:
    up = partitions(broker)
    endpoint = broker.cluster.endpoints.pop(broker.id)
    down = partitions(broker)
    assert {(p.error_code, p.leader_id, p.offline_replicas) for p in down} == {
        (ErrorCode.LEADER_NOT_AVAILABLE, -1, (1,))
    }
    if comes_back:
        broker.cluster.endpoints[broker.id] = endpoint
        assert partitions(broker) == up


def test_new_partitions_are_seen(broker: BrokerEndpoint) -> None:
    partitions(broker)
    broker.cluster.create_partitions("t", 3)
    assert [p.partition_index for p in partitions(broker)] == [0, 1, 2]


def test_a_topic_of_the_same_name_is_described_again(broker: BrokerEndpoint) -> None:
    partitions(broker)
    broker.cluster.delete_topic("t")
    broker.cluster.create_topic("t", 1, {})
    assert [p.partition_index for p in partitions(broker)] == [0]


@pytest.mark.parametrize(("limit", "expected"), [(2, [[0, 1]]), (1, [[0], [1]])])
def test_pages_are_parts_of_what_is_kept(broker: BrokerEndpoint, limit: int, expected: list[list[int]]) -> None:
    assert pages(broker, limit) == expected
    assert pages(broker, limit) == expected


def test_a_cursor_behind_the_last_partition_finds_none(broker: BrokerEndpoint) -> None:
    assert pages(broker, 10, Cursor(topic_name="t", partition_index=5)) == [[]]

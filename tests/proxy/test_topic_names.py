"""The names of topics that requests name by id: learned from Metadata, and asked for when unknown."""

from __future__ import annotations

from typing import Any

import pytest

from kafkalite.controls.faults.fault import Fault
from kafkalite.controls.faults.injector import injector_for
from kafkalite.proxy.topic_names import TOPIC_IDS_SINCE, TopicNames
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseTopic
from kafkalite_wire.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from kafkalite_wire.schema import fields_of
from tests.proxy.test_proxy import ClusterSide, proxied

ORDERS, OTHERS = b"o" * 16, b"x" * 16
ERROR = 6
UNKNOWN_TOPIC_ID = 100


def metadata(*topics: tuple[bytes, str | None], error: int = 0) -> MetadataResponse:
    listed = tuple(
        MetadataResponseTopic(error_code=error, name=name, topic_id=id_, partitions=()) for id_, name in topics
    )
    return MetadataResponse(brokers=(), topics=listed)


def produce(topic_id: bytes) -> ProduceRequest:
    data = TopicProduceData(topic_id=topic_id, partition_data=(PartitionProduceData(index=0, records=b""),))
    return ProduceRequest(acks=-1, timeout_ms=1, topic_data=(data,))


def produced(topic_id: bytes) -> ProduceResponse:
    answered = PartitionProduceResponse(index=0, error_code=0, base_offset=5)
    return ProduceResponse(responses=(TopicProduceResponse(topic_id=topic_id, partition_responses=(answered,)),))


class Cluster:
    """Answers Produce, and Metadata for ORDERS; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, side: ClusterSide) -> None:
        while True:
            frame = await side.receive()
            header = read_request_header(memoryview(frame))
            self.asked.append(header.api.name)
            if header.api.key is ApiKey.METADATA:
                await side.answer(frame, metadata((ORDERS, "orders")))
            else:
                await side.answer(frame, produced(OTHERS))


def errors(response: Any) -> list[int]:
    return [each.error_code for topic in response.responses for each in topic.partition_responses]


async def test_a_fault_for_a_topic_is_injected_into_the_first_request_that_names_it_by_id() -> None:
    cluster = Cluster()
    async with proxied(cluster.serve) as (proxy, client):
        injector_for(proxy).add(Fault(api="Produce", topic="orders", error="NOT_LEADER_OR_FOLLOWER"))
        for _ in range(2):
            assert errors(await client.call(produce(ORDERS), 13)) == [ERROR]
    assert cluster.asked == ["Metadata"]


async def test_requests_stay_in_order_while_a_name_is_asked_for() -> None:
    cluster = Cluster()
    async with proxied(cluster.serve) as (proxy, client):
        injector_for(proxy).add(Fault(api="Produce", topic="orders", error="NOT_LEADER_OR_FOLLOWER"))
        await client.send(produce(OTHERS), 13)
        await client.send(MetadataRequest(topics=()), 12)
        _, first = await client.receive(ProduceResponse, 13)
        assert errors(first) == [0]
        _, second = await client.receive(MetadataResponse, 12)
        assert second.topics[0].name == "orders"
    assert cluster.asked == ["Metadata", "Produce", "Metadata"]


async def test_nothing_is_asked_where_no_interceptor_wants_the_request() -> None:
    cluster = Cluster()
    async with proxied(cluster.serve) as (_, client):
        assert errors(await client.call(produce(ORDERS), 13)) == [0]
    assert cluster.asked == ["Produce"]


def test_a_topic_that_is_gone_is_forgotten() -> None:
    names = TopicNames()
    names.learn(metadata((ORDERS, "orders"), (OTHERS, "others")))
    names.learn(metadata((ORDERS, None), error=UNKNOWN_TOPIC_ID))
    assert names.by_id() == {OTHERS: "others"}


def test_a_topic_that_was_created_again_has_its_new_id_only() -> None:
    names = TopicNames()
    names.learn(metadata((ORDERS, "orders")))
    names.learn(metadata((OTHERS, "orders")))
    assert names.by_id() == {OTHERS: "orders"}


def test_of_too_many_topics_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kafkalite.proxy.topic_names._MOST", 2)
    names = TopicNames()
    names.learn(metadata(*((bytes([number]) * 16, f"t{number}") for number in range(1, 5))))
    assert set(names.by_id().values()) == {"t3", "t4"}


def test_every_request_with_topic_ids_of_its_parts_is_known() -> None:
    # A heartbeat names the partitions that a member owns, and is about none of them.
    not_about_them = {ApiKey.METADATA, ApiKey.CONSUMER_GROUP_HEARTBEAT}
    since = {key: min(found) for key, api in DECLARED_APIS.items() if (found := list(_with_ids(api.request_type)))}
    assert {key: first for key, first in since.items() if key not in not_about_them} == TOPIC_IDS_SINCE


def _with_ids(declared: type[Any], low: int = 0) -> Any:
    for field in fields_of(declared):
        first = max(low, field.versions.low)
        if field.name == "topic_id":
            yield first
        struct = (field.type.element or field.type).struct
        if struct is not None:
            yield from _with_ids(struct, first)

"""Each of several brokers coordinates its own groups and transactional ids, and serves what it has replicas of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite.coordinators.results import TransactionMarker
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.add_partitions_to_txn import AddPartitionsToTxnRequest, AddPartitionsToTxnTopic
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.describe_transactions import DescribeTransactionsRequest
from kafkalite_wire.messages.end_txn import EndTxnRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.messages.write_share_group_state import (
    PartitionData as WrittenState,
)
from kafkalite_wire.messages.write_share_group_state import (
    WriteShareGroupStateRequest,
    WriteStateData,
)
from kafkalite_wire.records import Record, build_batch
from kafkalite_wire.schema import format_uuid
from tests.support.protocol_client import ProtocolClient

Clients = dict[int, ProtocolClient]
GROUPS = tuple(f"group-{number}" for number in range(9))
SETTINGS = [
    "offsets.topic.num.partitions=3",
    "share.coordinator.state.topic.num.partitions=3",
    "transaction.state.log.num.partitions=3",
    "broker.rack=a,b,c",
    "replica.selector.class=RackAwareReplicaSelector",
]


@pytest.fixture
async def brokers() -> AsyncIterator[Broker]:
    config = load(listen=["127.0.0.1:0"], data="/k", brokers=3, settings=SETTINGS)
    async with Broker(config, file_system=MemoryFileSystem()) as broker:
        broker.cluster.create_topic("t", 3, {}, replication_factor=2)
        yield broker


@pytest.fixture
async def clients(brokers: Broker) -> AsyncIterator[Clients]:
    streams = [await trio.open_tcp_stream(*address) for address in brokers.addresses]
    yield {number: ProtocolClient(stream) for number, stream in enumerate(streams, 1)}
    for stream in streams:
        await trio.aclose_forcefully(stream)


async def coordinators(client: ProtocolClient, kind: int, keys: tuple[str, ...]) -> dict[str, int]:
    request = FindCoordinatorRequest(key_type=kind, coordinator_keys=keys)
    response = await client.call(request, 4)
    return {each.key: each.node_id for each in response.coordinators}


def commit(group: str) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata="")
    topic = OffsetCommitRequestTopic(name="t", partitions=(partition,))
    return OffsetCommitRequest(group_id=group, member_id="", topics=(topic,))


def added_to(transactional_id: str, producer_id: int, producer_epoch: int) -> AddPartitionsToTxnRequest:
    return AddPartitionsToTxnRequest(
        v3_and_below_transactional_id=transactional_id,
        v3_and_below_producer_id=producer_id,
        v3_and_below_producer_epoch=producer_epoch,
        v3_and_below_topics=(AddPartitionsToTxnTopic(name="t", partitions=(0,)),),
    )


async def test_a_group_has_one_coordinator(clients: Clients) -> None:
    found = await coordinators(clients[1], 0, GROUPS)
    assert set(found.values()) == {1, 2, 3}
    assert found == await coordinators(clients[3], 0, GROUPS)
    for group, coordinator in found.items():
        for broker, client in clients.items():
            response = await client.call(commit(group), 8)
            code = response.topics[0].partitions[0].error_code
            assert code == (ErrorCode.NONE if broker == coordinator else ErrorCode.NOT_COORDINATOR)
    for broker, client in clients.items():
        own = {group for group, coordinator in found.items() if coordinator == broker}
        listed = await client.call(ListGroupsRequest(), 4)
        assert {each.group_id for each in listed.groups} == own
        described = await client.call(DescribeGroupsRequest(groups=GROUPS), 5)
        assert [each.group_id for each in described.groups] == list(GROUPS)
        refused = {each.group_id for each in described.groups if each.error_code == ErrorCode.NOT_COORDINATOR}
        assert refused == set(GROUPS) - own


async def test_a_transactional_id_has_one_coordinator(clients: Clients) -> None:
    ids = tuple(f"id-{number}" for number in range(9))
    found = await coordinators(clients[2], 1, ids)
    assert set(found.values()) == {1, 2, 3}
    for each, coordinator in found.items():
        request = InitProducerIdRequest(transactional_id=each, transaction_timeout_ms=60_000)
        for broker, client in clients.items():
            response = await client.call(request, 4)
            assert response.error_code == (0 if broker == coordinator else ErrorCode.NOT_COORDINATOR)
    for broker, client in clients.items():
        own = {each for each, coordinator in found.items() if coordinator == broker}
        listed = await client.call(ListTransactionsRequest(state_filters=(), producer_id_filters=()), 0)
        assert {each.transactional_id for each in listed.transaction_states} == own
        described = await client.call(DescribeTransactionsRequest(transactional_ids=ids), 0)
        states = {each.transactional_id: each.error_code for each in described.transaction_states}
        assert states == {each: 0 if each in own else ErrorCode.NOT_COORDINATOR for each in ids}


async def test_a_coordinator_with_too_few_replicas_in_sync_writes_nothing(brokers: Broker, clients: Clients) -> None:
    cluster, client = brokers.cluster, clients[1]
    for topic in ("__consumer_offsets", "__transaction_state"):
        cluster.ensure_internal_topic(topic)
        cluster.storage.alter_configs(topic, {"min.insync.replicas": "2"}, now_ms=0)
    group = next(each for each, node in (await coordinators(client, 0, GROUPS)).items() if node == 1)
    name = next(each for each, node in (await coordinators(client, 1, GROUPS)).items() if node == 1)
    starting = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=60_000)
    started = await client.call(starting, 4)
    producer = started.producer_id, started.producer_epoch
    adding = added_to(name, *producer)
    ending = EndTxnRequest(transactional_id=name, producer_id=producer[0], producer_epoch=producer[1], committed=True)
    deleting = DeleteGroupsRequest(groups_names=(group,))

    async def codes() -> list[int]:
        topic = (await client.call(adding, 3)).results_by_topic_v3_and_below[0]
        return [
            topic.results_by_partition[0].partition_error_code,
            (await client.call(ending, 3)).error_code,
            (await client.call(starting, 4)).error_code,
            (await client.call(commit(group), 8)).topics[0].partitions[0].error_code,
            (await client.call(deleting, 2)).results[0].error_code,
        ]

    assert (await client.call(commit(group), 8)).topics[0].partitions[0].error_code == 0
    await brokers.stop_broker(2)
    await brokers.stop_broker(3)
    assert await codes() == [ErrorCode.COORDINATOR_NOT_AVAILABLE] * 5
    fetched = await client.call(OffsetFetchRequest(group_id=group, topics=None), 7)
    assert fetched.topics[0].partitions[0].committed_offset == 1
    await brokers.start_broker(2)
    assert await codes() == [0] * 5


async def test_a_marker_waits_for_enough_replicas_in_sync(brokers: Broker) -> None:
    cluster = brokers.cluster
    cluster.storage.alter_configs("t", {"min.insync.replicas": "2"}, now_ms=0)
    marker = TransactionMarker(producer_id=1, producer_epoch=0, commit=True, coordinator_epoch=0)
    errors: list[ErrorCode] = []
    await brokers.stop_broker(2)
    cluster.write_marker("t", 0, marker, errors.append)
    await brokers.start_broker(2)
    cluster.write_marker("t", 0, marker, errors.append)
    assert errors == [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.NONE]


async def test_groups_move_with_the_leader_of_their_partition(brokers: Broker, clients: Clients) -> None:
    found = await coordinators(clients[1], 0, GROUPS)
    group = next(each for each, coordinator in found.items() if coordinator == 2)
    await clients[2].call(commit(group), 8)
    await brokers.stop_broker(2)
    coordinator = (await coordinators(clients[1], 0, GROUPS))[group]
    assert coordinator != 2
    listed = await clients[coordinator].call(ListGroupsRequest(), 4)
    assert group in {each.group_id for each in listed.groups}
    for broker in (1, 3):
        await brokers.stop_broker(broker)
    assert brokers.cluster.controller_id == brokers.config.node_id
    await brokers.start_broker(2)
    assert brokers.cluster.groups.coordinator.group(group) is not None


async def test_a_producer_is_told_where_the_leader_is(brokers: Broker, clients: Clients) -> None:
    batch = memoryview(bytearray(build_batch([Record(value=b"v", timestamp=1)])))
    data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=1, records=batch),))
    request = ProduceRequest(acks=1, timeout_ms=1000, topic_data=(data,))
    response = await clients[1].call(request, 12)
    (row,) = response.responses[0].partition_responses
    assert (row.error_code, row.current_leader.leader_id) == (ErrorCode.NOT_LEADER_OR_FOLLOWER, 2)
    (endpoint,) = response.node_endpoints
    assert (endpoint.node_id, (endpoint.host, endpoint.port), endpoint.rack) == (2, brokers.addresses[1], "b")


async def test_consumers_may_read_from_followers(brokers: Broker, clients: Clients) -> None:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = FetchRequest(max_wait_ms=0, min_bytes=1, topics=(FetchTopic(topic="t", partitions=(partition,)),))

    async def row(broker: int, version: int = 11, **changes: object) -> tuple[int, int]:
        response = await clients[broker].call(replace(request, **changes), version)  # type: ignore[arg-type]
        (answer,) = response.responses[0].partitions
        return answer.error_code, answer.preferred_read_replica

    assert brokers.cluster.storage.topics["t"].assignment[0].replicas == (1, 2)
    assert await row(2) == (0, -1)
    assert await row(3) == (ErrorCode.NOT_LEADER_OR_FOLLOWER, -1)
    assert (await row(2, 10))[0] == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert await row(1, rack_id="b") == (0, 2)
    for rack in ("a", "c", "z"):
        assert await row(1, rack_id=rack) == (0, -1)


def written(topic_id: bytes, *partitions: int) -> WriteShareGroupStateRequest:
    rows = tuple(
        WrittenState(partition=index, state_epoch=0, leader_epoch=0, start_offset=-1, state_batches=())
        for index in partitions
    )
    return WriteShareGroupStateRequest(group_id="g", topics=(WriteStateData(topic_id=topic_id, partitions=rows),))


async def test_the_state_of_a_share_partition_has_one_coordinator(brokers: Broker, clients: Clients) -> None:
    topic_id = brokers.cluster.storage.topics["t"].topic_id
    request = written(topic_id, 0, 1, 2)
    response = await clients[1].call(request, 1)
    assert {each.error_code for each in response.results[0].partitions} == {ErrorCode.NOT_COORDINATOR}  # no topic yet
    keys = {index: f"g:{format_uuid(topic_id)}:{index}" for index in range(3)}
    found = await coordinators(clients[1], 2, tuple(keys.values()))
    assert len(set(found.values())) > 1
    for broker, client in clients.items():
        own = {index for index, key in keys.items() if found[key] == broker}
        for index in range(3):
            response = await client.call(written(topic_id, index), 1)
            error = ErrorCode.INVALID_REQUEST if index in own else ErrorCode.NOT_COORDINATOR  # not initialized
            assert response.results[0].partitions[0].error_code == error
        response = await client.call(request, 1)
        refused = {each.partition for each in response.results[0].partitions if each.error_code == 16}
        assert [each.partition for each in response.results[0].partitions] == [0, 1, 2]
        assert refused == set(range(3)) - own

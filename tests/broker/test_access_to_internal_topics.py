"""The broker's own topics: what clients may do with them, as Apache Kafka 4.4.0 answered, and how they are created."""

from __future__ import annotations

from contextlib import closing

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.config import BrokerConfig
from kafkalite_storage.storage import Storage
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponseTopic
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from tests.support.config_calls import described
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, commit, produce

OFFSETS, TRANSACTIONS, SHARES = "__consumer_offsets", "__transaction_state", "__share_group_state"
METADATA = "__cluster_metadata"
CONFIGS = {
    OFFSETS: {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"},
    TRANSACTIONS: {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "min.insync.replicas": "1",
        "segment.bytes": "104857600",
        "unclean.leader.election.enable": "false",
    },
    SHARES: {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "min.insync.replicas": "1",
        "retention.ms": "-1",
        "segment.bytes": "104857600",
    },
}
"""What Apache Kafka 4.4.0 with one replica creates them with."""


async def overrides(client: ProtocolClient, topic: str) -> dict[str, str | None]:
    return {name: row.value for name, row in (await described(client, topic)).items() if row.config_source == 1}


async def told(client: ProtocolClient, name: str, *, may_create: bool = True) -> MetadataResponseTopic:
    request = MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=may_create)
    topic: MetadataResponseTopic = (await client.call(request, 9)).topics[0]
    return topic


async def produced(client: ProtocolClient, topic: str, partition: int = 0) -> int:
    response = await client.call(produce(topic, batch(b"v"), partition=partition), 9)
    code: int = response.responses[0].partition_responses[0].error_code
    return code


@pytest.mark.parametrize(("name", "partitions"), [(OFFSETS, 3), (TRANSACTIONS, 50), (SHARES, 50)])
async def test_a_metadata_request_creates_an_internal_topic_as_the_broker_would(
    client: ProtocolClient, name: str, partitions: int
) -> None:
    first = await told(client, name)
    assert (first.error_code, first.is_internal) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, True)
    second = await told(client, name)
    assert (second.error_code, second.is_internal, len(second.partitions)) == (ErrorCode.NONE, True, partitions)
    assert await overrides(client, name) == CONFIGS[name]


async def test_a_coordinator_that_is_looked_up_creates_the_same(client: ProtocolClient) -> None:
    await client.call(FindCoordinatorRequest(key_type=0, coordinator_keys=("g",)), 4)
    assert len((await told(client, OFFSETS)).partitions) == 3
    assert await overrides(client, OFFSETS) == CONFIGS[OFFSETS]


async def test_a_client_may_create_one_and_its_own_configurations_hold(client: ProtocolClient) -> None:
    response = await create_topic(client, OFFSETS, 2, retention_ms="5")
    assert {row.name for row in response.topics[0].configs or () if row.config_source == 1} == {
        *CONFIGS[OFFSETS],
        "retention.ms",
    }
    assert await overrides(client, OFFSETS) == {**CONFIGS[OFFSETS], "retention.ms": "5"}
    assert len((await told(client, OFFSETS)).partitions) == 2
    by_default = CreatableTopic(name=SHARES, num_partitions=-1, replication_factor=-1)
    response = await client.call(CreateTopicsRequest(topics=(by_default,)), 7)
    assert response.topics[0].num_partitions == 50


async def test_the_topic_of_the_metadata_log_can_be_neither_created_nor_seen(client: ProtocolClient) -> None:
    response = await create_topic(client, METADATA)
    assert response.topics[0].error_code == ErrorCode.INVALID_REQUEST
    for _ in range(2):
        topic = await told(client, METADATA)
        assert (topic.error_code, topic.is_internal) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, False)


async def test_only_the_admin_client_may_write_to_an_internal_topic(client: ProtocolClient) -> None:
    for name in CONFIGS:
        assert await produced(client, name) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        await told(client, name)
        assert await produced(client, name) == ErrorCode.INVALID_TOPIC_EXCEPTION
        assert await produced(client, name, partition=99) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    client.client_id = "__admin_client"
    assert await produced(client, SHARES) == ErrorCode.NONE


async def test_groups_are_forgotten_with_the_topic_that_keeps_them(client: ProtocolClient) -> None:
    await create_topic(client, "orders")

    async def committed() -> int:
        topics = (OffsetFetchRequestTopics(name="orders", partition_indexes=(0,)),)
        request = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id="billing", topics=topics),))
        offset: int = (await client.call(request, 8)).groups[0].topics[0].partitions[0].committed_offset
        return offset

    await client.call(commit("billing", {("orders", 0): 7}), 8)
    assert await committed() == 7
    deleted = await client.call(DeleteTopicsRequest(topic_names=(OFFSETS,), timeout_ms=1000), 5)
    assert deleted.responses[0].error_code == ErrorCode.NONE
    assert await committed() == -1
    await client.call(commit("billing", {("orders", 0): 7}), 8)
    assert await committed() == 7
    assert await overrides(client, OFFSETS) == CONFIGS[OFFSETS]


async def test_one_that_an_earlier_release_created_wrong_is_repaired_at_start(
    config: BrokerConfig, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Storage.open(config.data_dir, new_uuid=lambda: b"0123456789abcdef", now_ms=0)) as storage:
        storage.create_topic(OFFSETS, 1, {"retention.ms": "9000"}, now_ms=0)
    for warnings in (1, 0):
        caplog.clear()
        async with Broker(config) as broker:
            stream = await trio.open_tcp_stream(*broker.addresses[0])
            client = ProtocolClient(stream)
            assert await overrides(client, OFFSETS) == {**CONFIGS[OFFSETS], "retention.ms": "9000"}
            assert len((await told(client, OFFSETS)).partitions) == 1
            await trio.aclose_forcefully(stream)
        assert sum("internal topic __consumer_offsets" in record.message for record in caplog.records) == warnings

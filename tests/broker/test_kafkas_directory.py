"""A data directory that Apache Kafka led: clients get leaders and leader epochs from its metadata log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kafkalite.config import BrokerConfig, load
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.metadata import MetadataRequest
from tests.support.protocol_client import ProtocolClient

GOLDEN = Path(__file__).parents[1] / "storage" / "golden"


@pytest.fixture
def config(tmp_path: Path) -> BrokerConfig:
    shutil.copytree(GOLDEN / "kafka-4.4.0", tmp_path / "data")
    return load(listen=["127.0.0.1:0"], data=tmp_path / "data")


async def test_the_epochs_of_metadata_are_those_that_reads_are_checked_against(client: ProtocolClient) -> None:
    described = await client.call(MetadataRequest(topics=None), 12)
    partitions = [
        (topic.name, row.partition_index, row.leader_id, row.leader_epoch)
        for topic in described.topics
        for row in topic.partitions
    ]
    assert {leader for _, _, leader, _ in partitions} == {1}
    assert max(epoch for *_, epoch in partitions) > 0
    for topic, index, _, epoch in partitions:
        wanted = ListOffsetsPartition(partition_index=index, current_leader_epoch=epoch, timestamp=-1)
        request = ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=topic, partitions=(wanted,)),))
        answer = (await client.call(request, 7)).topics[0].partitions[0]
        assert (answer.error_code, answer.leader_epoch) == (ErrorCode.NONE, epoch)
        read = FetchPartition(
            partition=index, current_leader_epoch=epoch, fetch_offset=answer.offset, partition_max_bytes=1000
        )
        fetch = FetchRequest(max_wait_ms=0, min_bytes=0, topics=(FetchTopic(topic=topic, partitions=(read,)),))
        assert (await client.call(fetch, 11)).responses[0].partitions[0].error_code == ErrorCode.NONE

"""Requests about partitions, as calls of their handlers on a broker in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import delete_records, fetch, list_offsets, offset_for_leader_epoch, produce
from kafkalite.requests.context import RequestContext
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Record, build_batch

NOW = 1_700_000_000_000
LATEST = -1


class StoppedClock:
    """A clock outside of any event loop."""

    def now(self) -> float:
        return 0.0

    def wall_ms(self) -> int:
        return NOW

    def loop_time(self, when: float) -> float:
        return when

    def on_changed(self, call: Callable[[], None]) -> None:
        pass


def finish(answer: Any) -> tuple[Any, int]:
    """Return a handler's response, and in how many steps it came; 1 for one that was returned at once."""
    if not isinstance(answer, GeneratorType):
        return answer, 1
    work: Generator[None, None, Any] = answer
    steps = 1
    while True:
        try:
            next(work)
        except StopIteration as finished:
            return finished.value, steps
        steps += 1


def context(key: ApiKey, version: int) -> RequestContext:
    return RequestContext(api=APIS[key], api_version=version)


def fetched(broker: BrokerEndpoint, *partitions: int, topic: str = "t", epoch: int = -1) -> tuple[Any, int]:
    wanted = tuple(
        FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=1000, current_leader_epoch=epoch)
        for index in partitions
    )
    request = FetchRequest(max_wait_ms=0, min_bytes=1, topics=(FetchTopic(topic=topic, partitions=wanted),))
    return finish(fetch.handle(broker, request, context(ApiKey.FETCH, 12)))


def listed(
    broker: BrokerEndpoint, *partitions: int, topic: str = "t", timestamp: int = LATEST, epoch: int = -1
) -> tuple[Any, int]:
    wanted = tuple(
        ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=epoch)
        for index in partitions
    )
    request = ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=topic, partitions=wanted),))
    return finish(list_offsets.handle(broker, request, context(ApiKey.LIST_OFFSETS, 7)))


def ended(broker: BrokerEndpoint, *partitions: int, topic: str = "t", epoch: int = -1) -> tuple[Any, int]:
    wanted = tuple(
        OffsetForLeaderPartition(partition=index, current_leader_epoch=epoch, leader_epoch=0) for index in partitions
    )
    request = OffsetForLeaderEpochRequest(replica_id=-1, topics=(OffsetForLeaderTopic(topic=topic, partitions=wanted),))
    return finish(offset_for_leader_epoch.handle(broker, request, context(ApiKey.OFFSET_FOR_LEADER_EPOCH, 4)))


def deleted(broker: BrokerEndpoint, *partitions: int, topic: str = "t", offset: int = 0) -> tuple[Any, int]:
    wanted = tuple(DeleteRecordsPartition(partition_index=index, offset=offset) for index in partitions)
    request = DeleteRecordsRequest(topics=(DeleteRecordsTopic(name=topic, partitions=wanted),), timeout_ms=1000)
    return finish(delete_records.handle(broker, request, context(ApiKey.DELETE_RECORDS, 2)))


def produced(broker: BrokerEndpoint, *partitions: int, topic: str = "t") -> tuple[Any, int]:
    batch = build_batch([Record(key=None, value=b"v", timestamp=NOW)])
    wanted = tuple(PartitionProduceData(index=index, records=memoryview(bytearray(batch))) for index in partitions)
    request = ProduceRequest(
        acks=-1, timeout_ms=1000, topic_data=(TopicProduceData(name=topic, partition_data=wanted),)
    )
    return finish(produce.handle(broker, request, context(ApiKey.PRODUCE, 12)))


def codes(response: Any) -> list[int]:
    """Return the error code of each partition in a response."""
    topics = response.responses if hasattr(response, "responses") else response.topics
    return [
        partition.error_code
        for topic in topics
        for partition in getattr(topic, "partitions", None) or topic.partition_responses
    ]

"""Handlers that work on each partition of a request, called directly over a broker in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.config import load
from kafkalite.handlers import delete_records, fetch, list_offsets, offset_for_leader_epoch
from kafkalite.requests.context import RequestContext
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite_wire.records import Record, build_batch

NOW = 1_700_000_000_000
EARLIEST, LATEST = -2, -1


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


@pytest.fixture
def broker() -> Iterator[BrokerEndpoint]:
    config = load(listen=["127.0.0.1:0"], data="/data")
    cluster = Cluster(config, TimerQueue(StoppedClock()), MemoryFileSystem())
    made = BrokerEndpoint(cluster, config)
    made.cluster.create_topic("t", 2, {})
    yield made
    made.cluster.close()


def finish(answer: Any) -> tuple[Any, int]:
    """Return a handler's response, and in how many steps it came."""
    assert isinstance(answer, GeneratorType)
    steps = 1
    while True:
        try:
            next(answer)
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


def codes(response: Any) -> list[int]:
    topics = response.responses if hasattr(response, "responses") else response.topics
    return [partition.error_code for topic in topics for partition in topic.partitions]


ALL = pytest.mark.parametrize("ask", [fetched, listed, ended, deleted])


@ALL
def test_each_partition_has_an_error_of_its_own(broker: BrokerEndpoint, ask: Any) -> None:
    assert codes(ask(broker, 0, 7, 1)[0]) == [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0]
    assert codes(ask(broker, 0, topic="u")[0]) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


@ALL
def test_an_unreadable_partition_is_a_storage_error(
    broker: BrokerEndpoint, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Storage.log

    def log(storage: Storage, name: str, partition: int) -> PartitionLog:
        if partition == 0:
            raise StorageFailure("a bad disk")
        return real(storage, name, partition)

    monkeypatch.setattr(Storage, "log", log)
    assert codes(ask(broker, 0, 1)[0]) == [ErrorCode.KAFKA_STORAGE_ERROR, 0]


@ALL
def test_many_partitions_are_handled_in_steps(broker: BrokerEndpoint, ask: Any) -> None:
    broker.cluster.create_topic("many", 500, {})
    response, steps = ask(broker, *range(500), topic="many")
    assert codes(response) == [0] * 500
    assert steps >= 100


@pytest.mark.parametrize("ask", [fetched, listed, ended])
def test_the_leader_epoch_is_that_of_the_metadata(broker: BrokerEndpoint, ask: Any) -> None:
    broker.cluster.storage.move_leader("t", 0, broker.id, now_ms=NOW)
    assert codes(ask(broker, 0, epoch=0)[0]) == [ErrorCode.FENCED_LEADER_EPOCH]
    assert codes(ask(broker, 0, epoch=1)[0]) == [0]
    assert codes(ask(broker, 0, epoch=2)[0]) == [ErrorCode.UNKNOWN_LEADER_EPOCH]


def test_the_earliest_offset_has_the_epoch_that_wrote_it(broker: BrokerEndpoint) -> None:
    log = broker.cluster.storage.log("t", 0)
    log.append(build_batch([Record(None, b"old", NOW)]), now_ms=NOW)
    broker.cluster.storage.move_leader("t", 0, broker.id, now_ms=NOW)
    for timestamp, offset, epoch in ((EARLIEST, 0, 0), (LATEST, 1, 1)):
        [found] = listed(broker, 0, timestamp=timestamp)[0].topics[0].partitions
        assert (found.offset, found.leader_epoch) == (offset, epoch)


def test_an_internal_topic_keeps_its_records(broker: BrokerEndpoint) -> None:
    broker.cluster.ensure_internal_topic("__consumer_offsets")
    assert codes(deleted(broker, 0, topic="__consumer_offsets")[0]) == [ErrorCode.INVALID_TOPIC_EXCEPTION]

"""Handlers that work on each partition of a request, called directly over a broker in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import describe_log_dirs
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.storage import Storage
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_log_dirs import DescribeLogDirsRequest
from kafkalite_wire.records import Record, build_batch
from tests.support.partition_requests import (
    LATEST,
    NOW,
    codes,
    context,
    deleted,
    ended,
    fetched,
    finish,
    listed,
    produced,
)
from tests.support.storage.controls import move_leader

EARLIEST = -2


STEPWISE = pytest.mark.parametrize("ask", [fetched, listed, ended, deleted])
ALL = pytest.mark.parametrize("ask", [fetched, listed, ended, deleted, produced])


@ALL
def test_each_partition_has_an_error_of_its_own(broker: BrokerEndpoint, ask: Any) -> None:
    assert codes(ask(broker, 0, 7, 1)[0]) == [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0]
    assert codes(ask(broker, 0, topic="u")[0]) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


@ALL
def test_an_unreadable_partition_is_a_storage_error(
    broker: BrokerEndpoint, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(real: Callable[[Storage, str, int], Any]) -> Callable[[Storage, str, int], Any]:
        def look_up(storage: Storage, name: str, partition: int) -> Any:
            if partition == 0:
                raise StorageFailure("a bad disk")
            return real(storage, name, partition)

        return look_up

    monkeypatch.setattr(Storage, "log", failing(Storage.log))
    monkeypatch.setattr(Storage, "log_offsets", failing(Storage.log_offsets))
    assert codes(ask(broker, 0, 1)[0]) == [ErrorCode.KAFKA_STORAGE_ERROR, 0]


def test_an_unreadable_partition_fails_its_directory(broker: BrokerEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def size(storage: Storage, name: str, partition: int) -> int:
        raise StorageFailure("a bad disk")

    def usage(path: object) -> SimpleNamespace:
        return SimpleNamespace(total=2, free=1)

    monkeypatch.setattr(Storage, "partition_size", size)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    request = DescribeLogDirsRequest(topics=None)
    response, _ = finish(describe_log_dirs.handle(broker, request, context(ApiKey.DESCRIBE_LOG_DIRS, 4)))
    [result] = response.results
    assert (result.error_code, result.topics) == (ErrorCode.KAFKA_STORAGE_ERROR, ())


@STEPWISE
def test_many_partitions_are_handled_in_steps(broker: BrokerEndpoint, ask: Any) -> None:
    broker.cluster.create_topic("many", 500, {})
    response, steps = ask(broker, *range(500), topic="many")
    assert codes(response) == [0] * 500
    assert steps >= 100


@pytest.mark.parametrize("ask", [fetched, listed, ended])
def test_the_leader_epoch_is_that_of_the_metadata(broker: BrokerEndpoint, ask: Any) -> None:
    move_leader(broker.cluster.storage, "t", 0, broker.id, now_ms=NOW)
    assert codes(ask(broker, 0, epoch=0)[0]) == [ErrorCode.FENCED_LEADER_EPOCH]
    assert codes(ask(broker, 0, epoch=1)[0]) == [0]
    assert codes(ask(broker, 0, epoch=2)[0]) == [ErrorCode.UNKNOWN_LEADER_EPOCH]


def test_the_earliest_offset_has_the_epoch_that_wrote_it(broker: BrokerEndpoint) -> None:
    log = broker.cluster.storage.log("t", 0)
    log.append(build_batch([Record(None, b"old", NOW)]), now_ms=NOW)
    move_leader(broker.cluster.storage, "t", 0, broker.id, now_ms=NOW)
    for timestamp, offset, epoch in ((EARLIEST, 0, 0), (LATEST, 1, 1)):
        [found] = listed(broker, 0, timestamp=timestamp)[0].topics[0].partitions
        assert (found.offset, found.leader_epoch) == (offset, epoch)


def test_an_internal_topic_keeps_its_records(broker: BrokerEndpoint) -> None:
    broker.cluster.ensure_internal_topic("__consumer_offsets")
    assert codes(deleted(broker, 0, topic="__consumer_offsets")[0]) == [ErrorCode.INVALID_TOPIC_EXCEPTION]

"""When a fetch is complete: each rule of the reader's table, over a storage in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from kafkalite.fetch.reader import FetchReader
from kafkalite.fetch.sessions import FetchPartition, TopicKey
from kafkalite.requests.steps import finish
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker
from tests.support.storage.controls import move_leader

NOW = 1_700_000_000_000
T0, T1 = ("t", 0), ("t", 1)
ONE = len(build_batch([Record(None, b"v" * 40, NOW)]))


@pytest.fixture
def storage() -> Iterator[Storage]:
    ids = count(1)
    made = Storage.open("/data", fs=MemoryFileSystem(), new_uuid=lambda: next(ids).to_bytes(16), now_ms=NOW)
    made.create_topic("t", 2, {"internal.segment.bytes": str(4 * ONE)}, now_ms=NOW)
    yield made
    made.close()


def append(storage: Storage, times: int = 1, partition: int = 0, **options: Any) -> None:
    for _ in range(times):
        storage.log("t", partition).append(build_batch([Record(None, b"v" * 40, NOW)], **options), now_ms=NOW)


def wanted(index: int = 0, offset: int = 0, *, topic: TopicKey = "t", size: int = 1 << 20, epoch: int = -1,
           last_epoch: int = -1) -> FetchPartition:  # fmt: skip
    return FetchPartition(
        topic=topic,
        name="t",
        index=index,
        fetch_offset=offset,
        max_bytes=size,
        current_leader_epoch=epoch,
        last_fetched_epoch=last_epoch,
    )


def reading(
    storage: Storage,
    *partitions: FetchPartition,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    read_committed: bool = False,
) -> FetchReader:
    reader = FetchReader(
        storage, partitions, broker_id=1, min_bytes=min_bytes, max_bytes=max_bytes, read_committed=read_committed
    )
    read(reader)
    return reader


def read(reader: FetchReader) -> int:
    """Read and return the number of steps."""
    return sum(1 for _ in reader.read()) + 1


def waiting(storage: Storage, *partitions: FetchPartition, **options: Any) -> FetchReader:
    """Return the reader of a fetch that waits."""
    reader = reading(storage, *partitions, **options)
    assert not reader.is_satisfied
    assert not finish(reader.watch(lambda _: True))
    return reader


def test_enough_to_read_is_answered_at_once(storage: Storage) -> None:
    append(storage)
    assert reading(storage, wanted(), min_bytes=ONE).is_satisfied
    assert not reading(storage, wanted(), min_bytes=ONE + 1).is_satisfied


def test_an_error_is_answered_at_once(storage: Storage) -> None:
    for partition, code in (
        (wanted(7), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (wanted(topic=bytes(15) + b"x"), ErrorCode.INCONSISTENT_TOPIC_ID),
        (wanted(offset=1), ErrorCode.OFFSET_OUT_OF_RANGE),
        (wanted(epoch=9), ErrorCode.UNKNOWN_LEADER_EPOCH),
        (wanted(last_epoch=9), ErrorCode.OFFSET_OUT_OF_RANGE),
    ):
        reader = reading(storage, wanted(1), partition)
        assert reader.is_satisfied
        assert [each.error_code for each in reader.reads] == [ErrorCode.NONE, code]


def test_an_id_that_no_topic_has_is_unknown(storage: Storage) -> None:
    partition = wanted(topic=bytes(15) + b"x")
    partition.name = None
    assert [each.error_code for each in reading(storage, partition).reads] == [ErrorCode.UNKNOWN_TOPIC_ID]


def test_a_partition_that_cannot_be_read_is_an_error_of_its_own(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> PartitionLog:
        raise StorageFailure("a bad disk")

    monkeypatch.setattr(Storage, "log", fail)
    assert reading(storage, wanted()).reads[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR


def test_bytes_of_all_partitions_count_together(storage: Storage) -> None:
    reader = waiting(storage, wanted(0), wanted(1), min_bytes=3 * ONE)
    append(storage, 2)
    assert not reader.is_complete(T0)
    append(storage, partition=1)
    assert reader.is_complete(T1)
    read(reader)
    assert [len(each.records) for each in reader.reads] == [2 * ONE, ONE]


def test_what_the_first_look_found_counts(storage: Storage) -> None:
    append(storage, 2)
    reader = waiting(storage, wanted(), min_bytes=3 * ONE)
    append(storage)
    assert reader.is_complete(T0)


def test_a_partition_counts_with_its_own_limit(storage: Storage) -> None:
    reader = waiting(storage, wanted(0, size=ONE), wanted(1), min_bytes=2 * ONE)
    append(storage, 3)
    assert not reader.is_complete(T0)
    append(storage, partition=1)
    assert reader.is_complete(T1)


def test_min_bytes_are_at_most_max_bytes(storage: Storage) -> None:
    append(storage, 3)
    assert reading(storage, wanted(), min_bytes=1 << 30, max_bytes=2 * ONE).is_satisfied


def test_a_fetch_from_an_older_segment_does_not_wait(storage: Storage) -> None:
    append(storage, 9)
    assert len(storage.log("t", 0).segments) == 3
    reader = reading(storage, wanted(), min_bytes=1 << 19)
    assert not reader.is_satisfied
    assert finish(reader.watch(lambda _: True))


def test_a_change_between_the_steps_of_a_read_completes_a_fetch(storage: Storage) -> None:
    storage.create_topic("wide", 20, {}, now_ms=NOW)
    partitions = [replace(wanted(number), topic="wide", name="wide") for number in range(20)]
    reader = FetchReader(storage, partitions, broker_id=1, min_bytes=1, max_bytes=1 << 20, read_committed=False)
    steps = reader.read()
    next(steps)
    storage.log("wide", 0).append(build_batch([Record(None, b"v", NOW)]), now_ms=NOW)
    finish(steps)
    assert not reader.is_satisfied
    assert finish(reader.watch(lambda _: True))
    read(reader)
    assert [len(each.records) > 0 for each in reader.reads] == [True] + [False] * 19


def test_a_change_after_the_start_of_a_wait_completes_a_fetch(storage: Storage) -> None:
    storage.create_topic("wide", 1000, {}, now_ms=NOW)
    partitions = [replace(wanted(number), topic="wide", name="wide") for number in range(1000)]
    reader = reading(storage, *partitions)
    steps = reader.watch(lambda _: True)
    next(steps)
    storage.log("wide", 999).append(build_batch([Record(None, b"v", NOW)]), now_ms=NOW)
    assert finish(steps)


def test_a_fetch_that_was_answered_is_not_watched_any_more(storage: Storage) -> None:
    reader = reading(storage, wanted(0), wanted(1))
    started: list[tuple[str, int]] = []

    def start(partition: tuple[str, int]) -> bool:
        started.append(partition)
        return False

    assert not finish(reader.watch(start))
    assert started == [T0]


def test_a_new_segment_completes_a_fetch(storage: Storage) -> None:
    append(storage, 3)
    reader = waiting(storage, wanted(), min_bytes=1 << 19)
    append(storage)
    assert not reader.is_complete(T0)
    append(storage)
    assert reader.is_complete(T0)


def test_read_committed_waits_for_the_last_stable_offset(storage: Storage) -> None:
    append(storage, 2, partition=1)
    log = storage.log("t", 0)
    transaction = build_batch(
        [Record(None, b"v", NOW)], producer_id=5, producer_epoch=0, base_sequence=0, is_transactional=True
    )
    log.append(transaction, now_ms=NOW)
    committed = waiting(storage, wanted(), read_committed=True)
    assert reading(storage, wanted()).is_satisfied
    append(storage)
    assert not committed.is_complete(T0), "it cannot read this yet"
    marker = build_end_txn_marker(producer_id=5, producer_epoch=0, commit=True, coordinator_epoch=0, timestamp=NOW)
    log.append(marker, now_ms=NOW, origin=AppendOrigin.BROKER)
    assert committed.is_complete(T0)


def test_a_deleted_topic_completes_a_fetch(storage: Storage) -> None:
    reader = waiting(storage, wanted())
    storage.delete_topic("t", now_ms=NOW)
    assert reader.is_complete(T0)
    read(reader)
    assert reader.reads[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_topic_that_was_created_again_completes_a_fetch_by_id(storage: Storage) -> None:
    reader = waiting(storage, wanted(topic=storage.topics["t"].topic_id))
    storage.delete_topic("t", now_ms=NOW)
    storage.create_topic("t", 2, now_ms=NOW)
    assert reader.is_complete(T0)
    read(reader)
    assert reader.reads[0].error_code == ErrorCode.INCONSISTENT_TOPIC_ID


def test_a_new_leader_fences_a_fetch(storage: Storage) -> None:
    reader = waiting(storage, wanted(epoch=0))
    move_leader(storage, "t", 0, storage.node_id, now_ms=NOW)
    assert reader.is_complete(T0)
    read(reader)
    assert reader.reads[0].error_code == ErrorCode.FENCED_LEADER_EPOCH


def test_a_diverging_epoch_completes_a_fetch(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    append(storage, 2)
    move_leader(storage, "t", 0, storage.node_id, now_ms=NOW)
    append(storage)
    reader = waiting(storage, wanted(offset=3, last_epoch=1))
    assert reading(storage, wanted(offset=3, last_epoch=0)).reads[0].diverging_epoch == (0, 2)
    monkeypatch.setattr(PartitionLog, "end_offset_for_epoch", lambda *_: (0, 2))
    assert reader.is_complete(T0)


def test_deleted_records_complete_a_fetch(storage: Storage) -> None:
    append(storage, 2)
    reader = waiting(storage, wanted(), min_bytes=1 << 19)
    storage.log("t", 0).delete_records(1)
    assert reader.is_complete(T0)
    read(reader)
    assert reader.reads[0].error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_a_truncated_log_completes_a_fetch(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    append(storage, 2)
    reader = waiting(storage, wanted(offset=2))
    monkeypatch.setattr(PartitionLog, "high_watermark", property(lambda _: 1))
    assert reader.is_complete(T0)


def test_only_what_has_changed_is_read_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = waiting(storage, wanted(0), wanted(1))
    append(storage)
    assert reader.is_complete(T0)
    seen: list[str] = []
    real = PartitionLog.read

    def noted(log: PartitionLog, *args: int, **options: int) -> object:
        seen.append(log.directory)
        return real(log, *args, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(PartitionLog, "read", noted)
    read(reader)
    assert seen == ["/data/t-0"]


def test_many_partitions_are_read_in_steps(storage: Storage) -> None:
    storage.create_topic("many", 1000, now_ms=NOW)
    partitions = [
        FetchPartition(topic="many", name="many", index=index, fetch_offset=0, max_bytes=1000) for index in range(1000)
    ]
    reader = FetchReader(storage, partitions, broker_id=1, min_bytes=1, max_bytes=1000, read_committed=False)
    assert read(reader) == 1000, "opening a log takes long"
    reader = FetchReader(storage, partitions, broker_id=1, min_bytes=1, max_bytes=1000, read_committed=False)
    assert read(reader) == 4

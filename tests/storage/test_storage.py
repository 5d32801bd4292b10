"""The data directory: topics, configurations and identity survive; two brokers never share it."""

import errno
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.errors import (
    DataDirectoryCorrupt,
    DataDirectoryInUse,
    InvalidConfig,
    InvalidPartitions,
    InvalidTopic,
    StorageFailure,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.metadata.topics import MetadataImage
from kafkalite_storage.partition_logs import LogOffsets
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.storage import Storage
from kafkalite_wire.batch import crc32c
from kafkalite_wire.messages.metadata_records import PartitionRecord, TopicRecord
from kafkalite_wire.records import iter_records
from tests.support.storage.controls import kill_storage, move_leader
from tests.support.storage.fixtures import BuildBatch, OpenStorage, Restart

NOW = 1_700_000_000_000


@pytest.fixture
def open_storage(fs: MemoryFileSystem) -> OpenStorage:
    numbers = itertools.count(1)

    def open_it(**options: Any) -> Storage:
        options.setdefault("fs", fs)
        options.setdefault("new_uuid", lambda: next(numbers).to_bytes(16, "big"))
        return Storage.open(options.pop("path", "/data"), now_ms=NOW, **options)

    return open_it


@pytest.fixture
def restart(open_storage: OpenStorage) -> Restart:
    def restart_it(storage: Storage, *, crash: bool = False, **options: Any) -> Storage:
        if crash:
            kill_storage(storage)
        else:
            storage.close()
        return open_storage(**options)

    return restart_it


def test_a_new_directory_gets_an_identity_that_stays(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    assert storage.cluster_id == "AAAAAAAAAAAAAAAAAAAAAQ"
    lines = b"node.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAg\nversion=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n"
    assert fs.read("/data/meta.properties") == b"#\n#crc32c=%08x\n%s" % (crc32c(lines), lines)
    storage = restart(storage)
    assert storage.cluster_id == "AAAAAAAAAAAAAAAAAAAAAQ"
    assert storage.directory_id == "AAAAAAAAAAAAAAAAAAAAAg"


def test_a_given_cluster_id_is_kept_and_another_one_refused(open_storage: OpenStorage) -> None:
    open_storage(cluster_id="my-cluster").close()
    with pytest.raises(DataDirectoryCorrupt, match="my-cluster"):
        open_storage(cluster_id="other")
    with pytest.raises(DataDirectoryCorrupt, match="node 1"):
        open_storage(node_id=2)
    open_storage().close()


def test_an_identity_that_was_damaged_is_refused_and_one_that_was_edited_on_purpose_is_taken(
    open_storage: OpenStorage, fs: MemoryFileSystem
) -> None:
    open_storage().close()
    content = fs.read("/data/meta.properties")
    checksum = content.splitlines(keepends=True)[1]
    edited = content.replace(b"node.id=1", b"node.id=2")
    for damaged in (content.replace(b"AAAQ", b"AAAR"), content.replace(checksum, b"#crc32c=?\n"), edited):
        fs.replace("/data/meta.properties", damaged)
        with pytest.raises(DataDirectoryCorrupt, match=r"meta.properties is damaged.*remove its line"):
            open_storage(node_id=2)
    fs.replace("/data/meta.properties", edited.replace(checksum, b""))
    open_storage(node_id=2).close()


def test_a_second_broker_is_told_that_the_directory_is_in_use(open_storage: OpenStorage) -> None:
    storage = open_storage()
    with pytest.raises(DataDirectoryInUse, match="/data is in use"):
        open_storage()
    storage.close()
    open_storage().close()


def test_a_second_broker_is_told_on_a_real_disk_too(open_storage: OpenStorage, tmp_path: Path) -> None:
    storage = open_storage(fs=OsFileSystem(), path=tmp_path)
    with pytest.raises(DataDirectoryInUse):
        open_storage(fs=OsFileSystem(), path=tmp_path)
    storage.close()
    open_storage(fs=OsFileSystem(), path=tmp_path).close()


@pytest.mark.parametrize("crash", [False, True])
def test_topics_their_ids_and_configurations_survive(open_storage: OpenStorage, restart: Restart, crash: bool) -> None:
    storage = open_storage()
    topic = storage.create_topic("t", 3, {"retention.ms": "5", "cleanup.policy": "compact"}, now_ms=NOW)
    given = storage.create_topic("given", 1, topic_id=b"sixteen bytes id", now_ms=NOW)
    storage = restart(storage, crash=crash)
    assert storage.was_clean is not crash
    assert dict(storage.topics) == {"t": topic, "given": given}
    assert storage.topics_by_id[topic.topic_id] == topic
    assert storage.topics_by_id[b"sixteen bytes id"].name == "given"
    assert topic.partitions == 3
    assert dict(topic.configs) == {"retention.ms": "5", "cleanup.policy": "compact"}
    assert storage.log("t", 2).config.is_compacted


@pytest.mark.parametrize("crash", [False, True])
def test_records_survive(open_storage: OpenStorage, restart: Restart, batch: BuildBatch, crash: bool) -> None:
    storage = open_storage()
    storage.create_topic("t", 2, now_ms=NOW)
    storage.log("t", 1).append(batch(b"kept"), now_ms=NOW)
    storage = restart(storage, crash=crash)
    assert next(iter_records(storage.log("t", 1).read(0, max_bytes=1).read())).value == b"kept"
    assert storage.log("t", 0).log_end_offset == 0


def test_a_checkpoint_bounds_what_is_read_after_a_crash(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    storage.create_topic("t", 1, now_ms=NOW)
    storage.log("t", 0).append(batch(b"a"), now_ms=NOW)
    storage.checkpoint()
    assert fs.read("/data/recovery-point-offset-checkpoint") == b"0\n1\nt 0 1\n"
    storage.log("t", 0).append(batch(b"b"), now_ms=NOW)
    size = len(storage.log("t", 0).read(1, max_bytes=1))
    storage = restart(storage, crash=True)
    assert storage.log("t", 0).recovery.scanned_bytes == size


def test_a_partition_that_was_not_opened_keeps_its_recovery_point(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 1, now_ms=NOW)
    storage.log("t", 0).append(batch(b"a"), now_ms=NOW)
    for crash in (False, True):
        storage = restart(storage, crash=crash)
    assert storage.log("t", 0).recovery.scanned_bytes == 0
    assert storage.log("t", 0).log_end_offset == 1


def test_partitions_can_be_added_but_not_taken_away(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage()
    storage.create_topic("t", 2, now_ms=NOW)
    assert storage.create_partitions("t", 5, now_ms=NOW).partitions == 5
    for total in (5, 4, 0):
        with pytest.raises(InvalidPartitions):
            storage.create_partitions("t", total, now_ms=NOW)
    storage = restart(storage)
    assert storage.topic("t").partitions == 5
    assert storage.log("t", 4).log_end_offset == 0


def test_a_deleted_topic_is_gone_with_its_records(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    old = storage.create_topic("t", 1, {"retention.ms": "7"}, now_ms=NOW)
    storage.log("t", 0).append(batch(b"old"), now_ms=NOW)
    piece = storage.log("t", 0).read(0, max_bytes=1)
    storage.delete_topic("t", now_ms=NOW)
    assert not storage.topics
    assert not fs.exists("/data/t-0")
    with pytest.raises(UnknownTopicOrPartition):
        storage.log("t", 0)
    assert old.topic_id not in storage.topics_by_id
    new = storage.create_topic("t", 1, now_ms=NOW)
    assert new.topic_id != old.topic_id
    assert dict(new.configs) == {}
    assert storage.log("t", 0).log_end_offset == 0
    assert next(iter_records(piece.read())).value == b"old"
    storage = restart(storage)
    assert storage.log("t", 0).log_end_offset == 0


def test_records_of_a_deleted_topic_never_come_back_in_a_new_one(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    storage.create_topic("t", 1, now_ms=NOW)
    storage.log("t", 0).append(batch(b"old"), now_ms=NOW)
    left = {name: file for name, file in fs.files.items() if name.startswith("/data/t-0/")}
    storage.delete_topic("t", now_ms=NOW)
    fs.make_directory("/data/t-0")  # as if the broker died before the directory was removed
    for name, file in left.items():
        fs.replace(name, bytes(file.content))
    storage = restart(storage, crash=True)
    storage.create_topic("t", 1, now_ms=NOW)
    assert storage.log("t", 0).log_end_offset == 0


def test_a_deletion_that_was_interrupted_is_finished_at_the_next_start(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    fs.make_directory("/data/t-0.0123-delete")
    fs.replace("/data/t-0.0123-delete/00000000000000000000.log", b"x")
    restart(storage)
    assert not [name for name in fs.files if "delete" in name]


def test_the_longest_topic_name_can_be_deleted_on_a_real_disk(
    open_storage: OpenStorage, tmp_path: Path, batch: BuildBatch
) -> None:
    storage = open_storage(fs=OsFileSystem(), path=tmp_path)
    name = "n" * 249
    storage.create_topic(name, 1, now_ms=NOW)
    storage.log(name, 0).append(batch(b"a"), now_ms=NOW)
    storage.delete_topic(name, now_ms=NOW)
    [doomed] = [path for path in tmp_path.iterdir() if path.name.startswith("n")]
    assert doomed.name.endswith("-delete")
    storage.remove_retired(NOW + 60_000)
    assert not doomed.exists()
    storage.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "n" * 250, "a\n"])
def test_names_that_kafka_refuses_are_refused(open_storage: OpenStorage, name: str) -> None:
    with pytest.raises(InvalidTopic) as caught:
        open_storage().create_topic(name, 1, now_ms=NOW)
    assert caught.value.code == 17


@pytest.mark.parametrize("name", ["a", "...", "A-b_c.9", "n" * 249, "__consumer_offsets"])
def test_names_that_kafka_allows_are_allowed(open_storage: OpenStorage, name: str) -> None:
    topic = open_storage().create_topic(name, 1, now_ms=NOW)
    assert topic.is_internal is name.startswith("__")


def test_what_cannot_be_created_leaves_no_trace(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage()
    storage.create_topic("t", 1, now_ms=NOW)
    with pytest.raises(TopicAlreadyExists):
        storage.create_topic("t", 1, now_ms=NOW)
    with pytest.raises(InvalidPartitions):
        storage.create_topic("u", 0, now_ms=NOW)
    with pytest.raises(InvalidConfig, match=r"no\.such"):
        storage.create_topic("u", 1, {"no.such": "1"}, now_ms=NOW)
    with pytest.raises(InvalidConfig, match=r"retention\.ms"):
        storage.create_topic("u", 1, {"retention.ms": "soon"}, now_ms=NOW)
    assert list(restart(storage).topics) == ["t"]


def test_altered_configurations_reach_open_logs_and_survive(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage(defaults={"log.retention.hours": "2"})
    storage.create_topic("t", 1, {"retention.bytes": "77"}, now_ms=NOW)
    log = storage.log("t", 0)
    assert (log.config.retention_ms, log.config.retention_bytes) == (2 * 3_600_000, 77)
    storage.alter_configs("t", {"retention.ms": "9", "retention.bytes": None}, now_ms=NOW)
    assert (log.config.retention_ms, log.config.retention_bytes) == (9, -1)
    with pytest.raises(InvalidConfig):
        storage.alter_configs("t", {"retention.ms": "x"}, now_ms=NOW)
    with pytest.raises(UnknownTopicOrPartition):
        storage.alter_configs("u", {}, now_ms=NOW)
    storage = restart(storage)
    assert dict(storage.topic("t").configs) == {"retention.ms": "9"}
    assert storage.log_config("t").retention_ms == 9


def test_dynamic_broker_configurations_are_inherited_and_survive(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage(defaults={"log.retention.ms": "1"})
    storage.create_topic("t", 1, now_ms=NOW)
    log = storage.log("t", 0)
    storage.alter_broker_configs("", {"log.retention.ms": "2"}, now_ms=NOW)
    assert log.config.retention_ms == 2
    storage.alter_broker_configs("1", {"log.retention.ms": "3"}, now_ms=NOW)
    assert log.config.retention_ms == 3
    with pytest.raises(InvalidConfig):
        storage.alter_broker_configs("", {"log.retention.ms": "x"}, now_ms=NOW)
    storage = restart(storage, defaults={"log.retention.ms": "1"})
    assert storage.log_config("t").retention_ms == 3
    storage.alter_broker_configs("1", {"log.retention.ms": None}, now_ms=NOW)
    assert storage.log_config("t").retention_ms == 2


def test_a_bad_default_is_refused_at_the_start_and_frees_the_directory(open_storage: OpenStorage) -> None:
    with pytest.raises(InvalidConfig):
        open_storage(defaults={"log.retention.ms": "x"})
    open_storage().close()


def test_producer_ids_are_never_given_out_twice(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage()
    first = storage.allocate_producer_ids(now_ms=NOW)
    storage = restart(storage, crash=True)
    second = storage.allocate_producer_ids(now_ms=NOW)
    assert (first, second) == (range(1000), range(1000, 2000))


def test_leaders_move_under_a_new_epoch_that_batches_carry(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 2, assignment=[[1, 2], [2, 1]], now_ms=NOW)
    log = storage.log("t", 0)
    log.append(batch(b"a"), now_ms=NOW)
    assert [p.leader for p in storage.topic("t").assignment] == [1, 2]
    move_leader(storage, "t", 0, 2, now_ms=NOW)
    log.append(batch(b"b"), now_ms=NOW)
    assert log.end_offset_for_epoch(0) == (0, 1)
    storage = restart(storage)
    moved = storage.topic("t").assignment[0]
    assert (moved.leader, moved.leader_epoch, moved.replicas) == (2, 1, (1, 2))
    assert storage.log("t", 0).leader_epoch == 1


@pytest.mark.parametrize("partition", [-1, 2])
def test_a_partition_that_does_not_exist_is_unknown(open_storage: OpenStorage, partition: int) -> None:
    storage = open_storage()
    storage.create_topic("t", 2, now_ms=NOW)
    with pytest.raises(UnknownTopicOrPartition) as caught:
        storage.log("t", partition)
    assert caught.value.code == 3


def test_a_torn_change_of_the_metadata_counts_not_at_all(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    storage.create_topic("first", 1, now_ms=NOW)
    log = fs.files["/data/__cluster_metadata-0/00000000000000000000.log"]
    whole = log.size()
    storage.create_topic("second", 3, {"retention.ms": "1"}, now_ms=NOW)
    content = bytes(log.content)
    kill_storage(storage)
    for size in range(whole, len(content)):
        log.content[:] = content[:size]
        storage = open_storage()
        assert list(storage.topics) == ["first"]
        kill_storage(storage)


def test_few_files_are_open_however_many_partitions_are_used(
    open_storage: OpenStorage, tmp_path: Path, batch: BuildBatch
) -> None:
    storage = open_storage(fs=OsFileSystem(), path=tmp_path, open_segments=10)
    storage.create_topic("t", 60, now_ms=NOW)
    for _ in range(3):
        for partition in range(60):
            storage.log("t", partition).append(batch(b"%d" % partition), now_ms=NOW)
    held = sum(segment.files._log is not None for log in storage.open_logs.values() for segment in log.segments)
    assert held <= 10
    for partition in range(60):
        data = storage.log("t", partition).read(2, max_bytes=1).read()
        assert next(iter_records(data)).value == b"%d" % partition
    storage.close()


@pytest.mark.parametrize("crash", [False, True])
def test_an_unused_partition_has_no_files_until_the_first_append(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem, crash: bool, batch: BuildBatch
) -> None:
    """A topic of thousands of partitions is cheap to create and to open; Kafka makes the directories that it misses."""
    storage = open_storage()
    storage.create_topic("t", 2, now_ms=NOW)
    log = storage.log("t", 0)
    assert len(log.read(0, max_bytes=100)) == 0
    assert log.offset_for_timestamp(0) is None
    storage.checkpoint()
    assert not fs.exists("/data/t-0")
    storage = restart(storage, crash=crash)
    log = storage.log("t", 0)
    log.append(batch(b"v"), now_ms=NOW)
    assert fs.exists("/data/t-0/partition.metadata")
    storage = restart(storage, crash=crash)
    assert [storage.log("t", number).log_end_offset for number in range(2)] == [1, 0]
    storage.close()
    assert not fs.exists("/data/t-1")


def test_a_failure_to_make_a_directory_is_the_appends(
    open_storage: OpenStorage, fs: MemoryFileSystem, batch: BuildBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 1, now_ms=NOW)
    log = storage.log("t", 0)
    with monkeypatch.context() as broken:
        broken.setattr(fs, "make_directory", _no_space)
        with pytest.raises(StorageFailure):
            log.append(batch(b"v"), now_ms=NOW)
    assert log.append(batch(b"v"), now_ms=NOW).base_offset == 0
    storage.close()


def _no_space(path: str) -> None:
    raise OSError(errno.ENOSPC, "no space left on device", path)


def test_offsets_of_a_closed_partition_are_known_without_opening_it(
    open_storage: OpenStorage, restart: Restart, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 3, {"internal.segment.bytes": "200"}, now_ms=NOW)
    log = storage.log("t", 0)
    for _ in range(10):
        log.append(batch(b"v" * 40), now_ms=NOW)
    log.start_epoch(4)
    log.append(batch(b"v"), now_ms=NOW)
    log.delete_records(5, now_ms=NOW)
    storage.log("t", 1).append(batch(b"v"), now_ms=NOW)
    storage = restart(storage, crash=False)
    found = [storage.log_offsets("t", number) for number in range(3)]
    assert not storage.open_logs
    assert found == [LogOffsets(5, 11, 0, 4), LogOffsets(0, 1, 0, 0), LogOffsets(0, 0, 0, 0)]
    for number, offsets in enumerate(found):
        log = storage.log("t", number)
        start = log.log_start_offset
        assert offsets == LogOffsets(start, log.high_watermark, log.epoch_for_offset(start), log.leader_epoch)
        assert storage.log_offsets("t", number) == offsets
    with pytest.raises(UnknownTopicOrPartition):
        storage.log_offsets("t", 3)
    storage.log("t", 0).append(batch(b"v"), now_ms=NOW)
    assert storage.log_offsets("t", 0).high_watermark == 12
    storage = restart(storage, crash=True)
    assert storage.log_offsets("t", 0) == LogOffsets(5, 12, 0, 4)
    assert len(storage.open_logs) == 1
    storage.close()


def test_a_large_topic_is_created_in_steps_as_one_change(open_storage: OpenStorage, restart: Restart) -> None:
    storage = open_storage()
    steps = storage.create_topic_steps("t", 1001, {"retention.ms": "7"}, now_ms=NOW)
    for _ in range(10):
        next(steps)
        assert "t" not in storage.topics
    storage.create_topic("u", 1, now_ms=NOW)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == storage.topics["t"]
    assert storage.create_partitions("t", 2000, now_ms=NOW).partitions == 2000
    storage = restart(storage, crash=True)
    assert (storage.topics["t"].partitions, storage.topics["u"].partitions) == (2000, 1)
    assert storage.topics["t"].configs == {"retention.ms": "7"}
    assert [partition.leader for partition in storage.topics["t"].assignment] == [1] * 2000
    storage.close()


def test_a_topic_that_was_created_between_two_steps_is_not_created_twice(open_storage: OpenStorage) -> None:
    storage = open_storage()
    steps = storage.create_topic_steps("t", 300, now_ms=NOW)
    next(steps)
    first = storage.create_topic("t", 1, now_ms=NOW)
    with pytest.raises(TopicAlreadyExists):
        list(steps)
    assert storage.topics["t"] == first
    storage.close()


def test_a_change_that_a_power_cut_has_torn_is_undone(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem
) -> None:
    storage = open_storage()
    path = f"{storage.metadata.directory}/00000000000000000000.log"
    storage.create_topic("t", 600, now_ms=NOW)
    kill_storage(storage)
    file = fs.open(path)
    ends = [at for at, _ in iter_headers(file, 0, file.size())]
    file.truncate(ends[-1])  # the batch that ends the transaction
    storage = open_storage()
    assert "t" not in storage.topics
    storage.create_topic("u", 1, now_ms=NOW)
    storage = restart(storage, crash=True)
    assert set(storage.topics) == {"u"}
    storage.close()


def test_a_topic_is_deleted_in_steps(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 3, now_ms=NOW)
    for number in range(3):
        storage.log("t", number).append(batch(b"v"), now_ms=NOW)
    steps = storage.delete_topic_steps("t", now_ms=NOW)
    next(steps)
    assert "t" not in storage.topics
    assert not storage.open_logs
    new = storage.create_topic("t", 3, now_ms=NOW)
    assert storage.log("t", 2).append(batch(b"new"), now_ms=NOW).base_offset == 0
    for _ in steps:
        pass
    assert storage.topics["t"] == new
    assert [storage.log("t", number).log_end_offset for number in range(3)] == [0, 0, 1]
    assert len(list(storage.delete_topic_steps("t", now_ms=NOW))) == 3
    storage.close()


def test_a_new_topic_gets_none_of_the_logs_of_a_large_one_that_is_being_deleted(
    open_storage: OpenStorage, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 200, now_ms=NOW)
    for number in (0, 100, 199):
        storage.log("t", number).append(batch(b"v"), now_ms=NOW)
    steps = storage.delete_topic_steps("t", now_ms=NOW)
    next(steps)
    assert ("t", 199) in storage.open_logs, "the logs leave in steps"
    storage.create_topic("t", 200, now_ms=NOW)
    assert not storage.open_logs
    assert storage.log("t", 199).append(batch(b"new"), now_ms=NOW).base_offset == 0
    for _ in steps:
        pass
    assert [storage.log("t", number).log_end_offset for number in (0, 100, 199)] == [0, 0, 1]
    storage.close()


def test_open_logs_follow_a_configuration_in_steps(open_storage: OpenStorage) -> None:
    storage = open_storage()
    storage.create_topic("t", 200, now_ms=NOW)
    logs = [storage.log("t", number) for number in range(200)]
    before = logs[0].config.retention_ms
    steps = storage.alter_configs_steps("t", {"retention.ms": "9"}, now_ms=NOW)
    next(steps)
    assert storage.topics["t"].configs == {"retention.ms": "9"}
    assert {log.config.retention_ms for log in logs} == {before, 9}
    for _ in steps:
        pass
    assert {log.config.retention_ms for log in logs} == {9}
    storage.close()


def test_what_a_deletion_has_left_is_removed_at_the_next_start(
    open_storage: OpenStorage, restart: Restart, fs: MemoryFileSystem, batch: BuildBatch
) -> None:
    storage = open_storage()
    storage.create_topic("t", 2, now_ms=NOW)
    for number in range(2):
        storage.log("t", number).append(batch(b"v"), now_ms=NOW)
    next(iter(storage.delete_topic_steps("t", now_ms=NOW)))
    assert fs.exists("/data/t-1")
    storage = restart(storage, crash=True)
    assert [name for name in fs.list("/data") if name.startswith("t-")] == []
    storage.close()


def test_partitions_of_several_topics_may_come_mixed() -> None:
    """KRaft writes them one topic after the other, but nothing says so."""
    first, second = b"1" * 16, b"2" * 16
    catalogue = MetadataImage()
    catalogue.replay_all(
        [
            TopicRecord(name="a", topic_id=first),
            TopicRecord(name="b", topic_id=second),
            *(
                PartitionRecord(
                    partition_id=number,
                    topic_id=topic_id,
                    replicas=(1,),
                    isr=(1,),
                    leader=leader,
                    leader_epoch=0,
                    partition_epoch=0,
                    directories=(),
                )
                for topic_id, number, leader in [
                    (first, 0, 1),
                    (second, 0, 2),
                    (first, 1, 3),
                    (first, 2, 4),
                    (first, 1, 5),
                    (first, 9, 6),
                ]
            ),
        ]
    )
    leaders = {name: [partition.leader for partition in topic.assignment] for name, topic in catalogue.topics.items()}
    assert leaders == {"a": [1, 5, 4], "b": [2]}


@pytest.mark.parametrize("can_sync_all", [True, False])
def test_many_logs_are_on_disk_after_a_checkpoint_and_a_stop(
    open_storage: OpenStorage,
    fs: MemoryFileSystem,
    batch: BuildBatch,
    monkeypatch: pytest.MonkeyPatch,
    can_sync_all: bool,
) -> None:
    """One call syncs them all; where there is no such call, each is synced."""
    synced: list[str] = []
    if can_sync_all:
        monkeypatch.setattr(fs, "sync_all", synced.append)
    storage = open_storage()
    storage.create_topic("t", 100, now_ms=NOW)
    logs = [storage.log("t", partition) for partition in range(100)]
    for log in logs:
        log.append(batch(b"before"), now_ms=NOW)
    storage.checkpoint()
    assert {log.recovery_point for log in logs} == {1}
    for log in logs:
        log.append(batch(b"after"), now_ms=NOW)
    storage.close()
    assert {log.recovery_point for log in logs} == {2}
    assert synced == (["/data", "/data"] if can_sync_all else [])


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_the_whole_disk_can_be_synced_or_says_why_not(tmp_path: Path) -> None:
    OsFileSystem().sync_all(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        OsFileSystem().sync_all(str(tmp_path / "missing"))

"""A directory is used by the topic it belongs to, and nothing is thrown away because a file says something odd."""

import logging
from typing import Any

import pytest

from kafkalite_storage.errors import UnsupportedFormat
from kafkalite_storage.files.checkpoints import encode_partition_metadata
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, iter_records
from tests.support.storage.controls import kill_storage
from tests.support.storage.fixtures import BuildBatch, OpenStorage

NOW = 1_700_000_000_000


@pytest.fixture
def opened(fs: MemoryFileSystem) -> OpenStorage:
    ids = iter(range(1, 1000))

    def open_it() -> Storage:
        return Storage.open("/data", fs=fs, new_uuid=lambda: next(ids).to_bytes(2) * 8, now_ms=NOW)

    return open_it


@pytest.fixture
def used(opened: OpenStorage, batch: BuildBatch) -> str:
    """A directory with one topic of one record, closed in order."""
    storage = opened()
    storage.create_topic("t", 1, now_ms=NOW)
    storage.log("t", 0).append(batch(b"kept"), now_ms=NOW)
    storage.close()
    return "/data/t-0/partition.metadata"


def test_a_flipped_bit_in_the_topics_id_is_mended_and_costs_no_record(
    opened: OpenStorage, used: str, fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytes(fs.files[used].content)
    for position in range(len(content)):
        for mask in (1, 0x20):
            damaged = bytearray(content)
            damaged[position] ^= mask
            fs.replace(used, bytes(damaged))
            caplog.clear()
            storage = opened()
            [record] = iter_records(storage.log("t", 0).read(0, max_bytes=1).read())
            assert record.value == b"kept", position
            storage.close()
            if fs.read(used) != bytes(damaged):
                assert used in caplog.text
                assert fs.read(used) == content


def test_a_directory_of_another_topic_is_moved_aside_and_kept(
    opened: OpenStorage, used: str, fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    fs.replace(used, encode_partition_metadata(b"somebody else's!"))
    storage = opened()
    assert storage.log("t", 0).log_end_offset == 0
    [stray] = [name for name in fs.directories if name.endswith("-stray")]
    assert fs.files[f"{stray}/00000000000000000000.log"].size() > 0
    assert "was moved to" in caplog.text
    storage.close()
    assert fs.exists(stray)
    opened().close()
    assert fs.exists(stray)


def test_a_topics_directory_is_deleted_when_its_delay_is_over(
    opened: OpenStorage, used: str, fs: MemoryFileSystem
) -> None:
    storage = opened()
    storage.delete_topic("t", now_ms=NOW)
    storage.create_topic("t", 1, now_ms=NOW)
    storage.remove_retired(NOW + 59_999)
    assert len([name for name in fs.directories if name.endswith("-delete")]) == 1
    storage.remove_retired(NOW + 60_000)
    assert not [name for name in fs.directories if name.endswith("-delete")]
    assert storage.log("t", 0).log_end_offset == 0


def test_deleted_directories_are_removed_one_a_step(opened: OpenStorage, fs: MemoryFileSystem) -> None:
    storage = opened()
    storage.create_topic("wide", 3, now_ms=NOW)
    for number in range(3):
        storage.log("wide", number).append(build_batch([Record(None, b"x")]), now_ms=NOW)
    storage.delete_topic("wide", now_ms=NOW)
    left = [
        sum(name.endswith("-delete") for name in fs.directories) for _ in storage.remove_retired_steps(NOW + 60_000)
    ]
    assert left == [2, 1, 0]


def everything(fs: MemoryFileSystem) -> dict[str, bytes]:
    return {name: bytes(file.content) for name, file in fs.files.items()}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("/data/meta.properties", b"version=1", b"version=2"),
        ("/data/recovery-point-offset-checkpoint", b"0\n", b"1\n"),
        ("/data/log-start-offset-checkpoint", b"0\n", b"7\n"),
    ],
)
def test_a_directory_of_a_newer_format_is_refused_and_left_as_it_is(
    opened: OpenStorage, used: str, fs: MemoryFileSystem, name: str, old: bytes, new: bytes
) -> None:
    lines = [line for line in fs.read(name).split(b"\n") if not line.startswith(b"#")]
    fs.replace(name, b"\n".join(lines).replace(old, new, 1))
    before = everything(fs)
    with pytest.raises(UnsupportedFormat, match="newer release"):
        opened()
    assert everything(fs) == before


def test_a_newer_metadata_version_is_refused_and_left_as_it_is(
    opened: OpenStorage, used: str, fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(fs)
    monkeypatch.setattr("kafkalite_storage.storage.FEATURES", {"metadata.version": 32})
    with pytest.raises(UnsupportedFormat, match=r"metadata\.version=33, and known here is 32"):
        opened()
    assert everything(fs) == before
    monkeypatch.undo()
    assert opened().was_clean


def test_opening_all_partitions_tells_of_those_that_fail_and_goes_on(
    opened: OpenStorage,
    used: str,
    fs: MemoryFileSystem,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = opened()
    storage.create_topic("u", 3, now_ms=NOW)
    storage.log("u", 2).append(build_batch([Record(None, b"v", NOW)]), now_ms=NOW)
    kill_storage(storage)
    storage = opened()

    opening = PartitionLog.open

    def refuse(fs: MemoryFileSystem, directory: str, **options: Any) -> PartitionLog:
        if directory.endswith("/t-0"):
            raise UnsupportedFormat("no")
        return opening(fs, directory, **options)

    monkeypatch.setattr(PartitionLog, "open", refuse)
    caplog.set_level(logging.ERROR)
    assert len(list(storage.open_all())) == 2
    assert set(storage.open_logs) == {("u", 2)}
    assert "t-0 cannot be opened" in caplog.text

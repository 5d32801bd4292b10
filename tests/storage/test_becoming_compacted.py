"""A topic that becomes compacted loses nothing in its middle to a power cut: it would look like compaction's gaps."""

from collections.abc import Callable
from random import Random

import pytest

from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, iter_records
from tests.support.storage.controls import kill_storage
from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation

NOW = 1_700_000_000_000
RECORDS = 12
OUTCOMES = 5

Change = Callable[[Storage], object]

CHANGES: dict[str, Change] = {
    "by itself": lambda storage: storage.alter_configs("t", {"cleanup.policy": "compact"}, now_ms=NOW),
    "with its broker": lambda storage: storage.alter_broker_configs("1", {"log.cleanup.policy": "compact"}, now_ms=NOW),
    "with all brokers": lambda storage: storage.alter_broker_configs("", {"log.cleanup.policy": "compact"}, now_ms=NOW),
}


def open_storage(fs: CrashingFileSystem) -> Storage:
    return Storage.open("/data", fs=fs, new_uuid=lambda: bytes(15) + b"1", now_ms=NOW)


def fill(storage: Storage) -> None:
    """Write segments of which none is synced."""
    for number in range(RECORDS):
        storage.log("t", 0).append(build_batch([Record(b"key", b"%d" % number, NOW)]), now_ms=NOW)


@pytest.fixture
def fs() -> CrashingFileSystem:
    return CrashingFileSystem()


@pytest.fixture
def storage(fs: CrashingFileSystem) -> Storage:
    storage = open_storage(fs)
    storage.create_topic("t", 1, {"internal.segment.bytes": "200"}, now_ms=NOW)
    storage.log("t", 0)
    storage.checkpoint()
    fill(storage)
    assert len(storage.log("t", 0).segments) > 3
    return storage


def offsets(storage: Storage) -> list[int]:
    log = storage.log("t", 0)
    found: list[int] = []
    while (offset := found[-1] + 1 if found else 0) < log.log_end_offset:
        found += [record.offset for record in iter_records(log.read(offset, max_bytes=1).read())]
    return found


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_power_cut_leaves_no_gap(storage: Storage, fs: CrashingFileSystem, change: Change, is_open: bool) -> None:
    if not is_open:  # the last owner was killed, and the partition has not been opened since
        kill_storage(storage)
        storage = open_storage(fs)
    chance = Random(1)

    def cut(_: Operation | None = None) -> None:
        for _outcome in range(OUTCOMES):
            found = offsets(open_storage(fs.after_power_cut(chance)))
            assert found == list(range(len(found)))

    fs.on_operation = cut
    change(storage)
    fill(storage)
    cut()


def test_a_topic_whose_log_cannot_be_synced_does_not_become_compacted(storage: Storage, fs: CrashingFileSystem) -> None:
    fs.fault = lambda kind, path, _: OSError("no") if kind == "sync" and "/t-0/" in path else None
    with pytest.raises(StorageFailure):
        CHANGES["by itself"](storage)
    assert not storage.log_config("t").is_compacted
    assert not storage.topic("t").configs.get("cleanup.policy")

"""Old segments go when `retention.ms` or `retention.bytes` says so, and never before."""

import pytest

from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import read_header
from tests.support.storage.fixtures import Append, BuildBatch, OpenLog, ReadAll

NOW = 1_700_000_000_000
#: Two batches of one small record each in a segment.
SMALL = {"internal.segment.bytes": "150"}
HOUR = 3_600_000


@pytest.fixture
def filled(open_log: OpenLog, append: Append) -> OpenLog:
    """A log with a record every second, two in a segment."""

    def fill(count: int = 10, **configs: str) -> PartitionLog:
        log = open_log({**SMALL, **{name.replace("_", "."): value for name, value in configs.items()}})
        for number in range(count):
            append(log, b"%d" % number, timestamp=NOW + number * 1000)
        return log

    return fill


def test_segments_go_when_their_newest_record_is_older_than_retention_ms(filled: OpenLog, read_all: ReadAll) -> None:
    log = filled(retention_ms="10000")
    assert log.delete_expired(NOW + 11_000) == 0
    assert log.delete_expired(NOW + 11_001) == 1
    assert log.delete_expired(NOW + 15_001) == 2
    assert [offset for offset, _ in read_all(log)] == [6, 7, 8, 9]
    assert log.log_start_offset == 6


def test_one_young_record_keeps_its_segment_and_those_behind_it(open_log: OpenLog, append: Append) -> None:
    log = open_log({**SMALL, "retention.ms": "1000"})
    for seconds in (0, 100, 1, 2, 3, 4):
        append(log, b"x", timestamp=NOW + seconds * 1000)
    assert log.delete_expired(NOW + 50_000) == 0
    assert log.delete_expired(NOW + 101_001) == 3


def test_a_log_of_which_nothing_is_kept_goes_on_in_a_new_segment(
    filled: OpenLog, append: Append, read_all: ReadAll
) -> None:
    log = filled(retention_ms="1000")
    assert log.delete_expired(NOW + HOUR) == 5
    assert (log.log_start_offset, log.log_end_offset, len(log.segments)) == (10, 10, 1)
    assert append(log, b"next").base_offset == 10
    assert [value for _, value in read_all(log)] == [b"next"]


def test_an_empty_log_keeps_its_segment(open_log: OpenLog) -> None:
    log = open_log({"retention.ms": "1"})
    assert log.delete_expired(NOW + HOUR) == 0
    assert len(log.segments) == 1


def test_segments_go_while_at_least_retention_bytes_stay_without_them(filled: OpenLog) -> None:
    log = filled(retention_bytes="400", retention_ms="-1")
    before = log.size
    while log.delete_expired(NOW):
        pass
    assert 400 <= log.size < 400 + before / 5
    assert log.log_end_offset == 10


@pytest.mark.parametrize("policy", ["compact", ""])
def test_only_the_policy_delete_deletes(open_log: OpenLog, batch: BuildBatch, policy: str) -> None:
    log = open_log({**SMALL, "retention.ms": "1", "retention.bytes": "1", "cleanup.policy": policy})
    for number in range(6):
        log.append(batch(b"x", key=b"%d" % number), now_ms=NOW)
    assert log.delete_expired(NOW + HOUR) == 0


def test_compact_and_delete_together_delete_as_well(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({**SMALL, "retention.ms": "1", "cleanup.policy": "compact,delete"})
    for number in range(6):
        log.append(batch(b"x", key=b"%d" % number), now_ms=NOW)
    assert log.delete_expired(NOW + HOUR) > 0


def test_negative_retention_keeps_everything(filled: OpenLog) -> None:
    log = filled(retention_ms="-1")
    assert log.delete_expired(NOW + 1000 * HOUR) == 0


def test_a_changed_retention_counts_at_once(filled: OpenLog) -> None:
    log = filled(retention_ms="-1")
    log.config = type(log.config).of({**SMALL, "retention.ms": "1000"})
    assert log.delete_expired(NOW + HOUR) == 5


def test_what_awaits_a_sync_stays(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({**SMALL, "retention.ms": "1000", "flush.messages": "1"})
    for number in range(4):
        log.append(batch(b"%d" % number), now_ms=NOW, sync=False)
    assert log.high_watermark == 0
    assert log.delete_expired(NOW + HOUR) == 0
    log.flush()
    assert log.delete_expired(NOW + HOUR) == 2


def test_files_keep_a_name_of_their_own_until_file_delete_delay_is_over(filled: OpenLog, fs: MemoryFileSystem) -> None:
    log = filled(retention_ms="1000", file_delete_delay_ms="60000")
    reader = log.read(0, max_bytes=10)
    before = reader.read()
    log.delete_expired(NOW + HOUR)
    waiting = [name for name in fs.files if name.endswith(".deleted")]
    assert len([name for name in waiting if ".log" in name]) == 5
    log.remove_retired(NOW + HOUR + 59_999)
    assert set(waiting) <= set(fs.files)
    log.remove_retired(NOW + HOUR + 60_000)
    assert not [name for name in fs.files if name.endswith(".deleted")]
    assert reader.read() == before


@pytest.mark.parametrize("clean", [True, False])
def test_the_log_begins_where_it_did_after_a_restart(filled: OpenLog, open_log: OpenLog, clean: bool) -> None:
    log = filled(retention_ms="10000")
    log.delete_expired(NOW + 15_001)
    log.close(clean=clean)
    again = open_log(SMALL, clean=clean, recovery_point=10 if clean else 0)
    assert (again.log_start_offset, again.log_end_offset) == (6, 10)
    assert read_header(again.read(6, max_bytes=1).read()).base_offset == 6


def test_retention_looks_at_partitions_that_nobody_has_used_since_the_start(
    fs: MemoryFileSystem, batch: BuildBatch
) -> None:
    def opened() -> Storage:
        return Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)

    storage = opened()
    storage.create_topic("t", 3, {"retention.ms": "1000"}, now_ms=NOW)
    storage.log("t", 1).append(batch(b"x"), now_ms=NOW)
    storage.close()
    storage = opened()
    assert len(list(storage.delete_expired(NOW + HOUR))) == 1, "a partition that was never used has nothing to delete"
    assert storage.log("t", 1).log_start_offset == 1


def test_a_partition_that_cannot_be_read_does_not_stop_the_others(
    fs: MemoryFileSystem, batch: BuildBatch, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)
    storage.create_topic("t", 2, {**SMALL, "retention.ms": "1000"}, now_ms=NOW)
    for number in range(2):
        for _ in range(4):
            storage.log("t", number).append(batch(b"x"), now_ms=NOW)
    storage.close()
    fs.files["/data/t-0/00000000000000000000.log"].content[8:12] = b"\0\0\0\0"
    fs.files["/data/t-0/00000000000000000000.timeindex"].content[7] ^= 1
    storage = Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)
    assert len(list(storage.delete_expired(NOW + HOUR))) == 2
    assert storage.log("t", 1).log_start_offset == 4
    assert storage.log("t", 0).log_start_offset == 0
    assert "cannot delete old segments of t-0" in caplog.text

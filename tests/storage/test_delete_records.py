"""DeleteRecords: the log begins later, and what lies below is gone."""

import pytest

from kafkalite_storage.errors import OffsetOutOfRange, PolicyViolation
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.storage import Storage
from tests.support.storage.controls import kill_storage
from tests.support.storage.fixtures import Append, BuildBatch, OpenLog, ReadAll

NOW = 1_700_000_000_000
SMALL_SEGMENTS = {"internal.segment.bytes": "150"}  # two batches of one small record each


def test_reading_starts_where_the_log_begins_now(open_log: OpenLog, append: Append, read_all: ReadAll) -> None:
    log = open_log()
    for value in (b"a", b"b", b"c", b"d"):
        append(log, value)
    assert log.delete_records(2) == 2
    assert read_all(log) == [(2, b"c"), (3, b"d")]
    with pytest.raises(OffsetOutOfRange):
        log.read(1, max_bytes=100)


def test_an_offset_inside_a_batch_is_the_beginning_though_the_batch_stays(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    append(log, b"a", b"b", b"c")
    assert log.delete_records(1) == 1
    assert log.log_start_offset == 1
    assert len(log.read(1, max_bytes=100)) > 0


def test_the_log_never_begins_earlier_again(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    append(log, b"a", b"b", b"c")
    log.delete_records(2)
    assert log.delete_records(1) == 2
    assert log.log_start_offset == 2


@pytest.mark.parametrize("offset", [-2, -1, 4])
def test_a_beginning_outside_of_the_log_is_refused(open_log: OpenLog, append: Append, offset: int) -> None:
    log = open_log()
    append(log, b"a", b"b", b"c")
    with pytest.raises(OffsetOutOfRange):
        log.delete_records(offset)
    assert log.log_start_offset == 0


@pytest.mark.parametrize(
    ("policy", "is_refused"), [("compact", True), ("compact,delete", False), ("delete", False), ("", False)]
)
def test_a_topic_that_is_only_compacted_keeps_its_records(
    open_log: OpenLog, batch: BuildBatch, policy: str, is_refused: bool
) -> None:
    log = open_log({"cleanup.policy": policy})
    log.append(batch(b"a", key=b"k"), now_ms=NOW)
    if is_refused:
        with pytest.raises(PolicyViolation):
            log.delete_records(1)
    else:
        assert log.delete_records(1) == 1


def test_segments_that_lie_below_as_a_whole_are_removed(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log(SMALL_SEGMENTS)
    for value in (b"a", b"b", b"c", b"d", b"e"):
        append(log, value)
    assert len(log.segments) == 3
    log.delete_records(3)
    assert (len(log.segments), log.first_segment_offset) == (2, 2)
    assert sorted(path for path in fs.files if path.endswith(".log")) == [
        "/data/t-0/00000000000000000002.log",
        "/data/t-0/00000000000000000004.log",
    ]


def test_the_active_segment_stays_when_everything_is_deleted(
    open_log: OpenLog, append: Append, read_all: ReadAll
) -> None:
    log = open_log(SMALL_SEGMENTS)
    for value in (b"a", b"b", b"c"):
        append(log, value)
    log.delete_records(log.high_watermark)
    assert (len(log.segments), log.first_segment_offset, log.log_start_offset) == (1, 2, 3)
    assert append(log, b"d").base_offset == 3
    assert read_all(log) == [(3, b"d")]


def test_a_slice_that_was_handed_out_outlives_its_segment(open_log: OpenLog, append: Append) -> None:
    log = open_log(SMALL_SEGMENTS)
    for value in (b"a", b"b", b"c"):
        append(log, value)
    slice_ = log.read(0, max_bytes=1000)
    before = slice_.read()
    log.delete_records(3)
    assert slice_.read() == before


def test_look_ups_by_time_leave_out_what_was_deleted(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    for number, value in enumerate((b"a", b"b", b"c")):
        append(log, value, timestamp=NOW + number)
    log.delete_records(1)
    found = log.offset_for_timestamp(NOW)
    assert found is not None
    assert (found.offset, found.timestamp) == (1, NOW + 1)


def test_everything_after_a_deletion_reaches_the_disk(open_log: OpenLog, append: Append) -> None:
    log = open_log(SMALL_SEGMENTS)
    for value in (b"a", b"b", b"c", b"d", b"e"):
        append(log, value)
    log.flush()
    append(log, b"f")
    log.delete_records(4)
    log.flush()
    assert log.recovery_point == 6


def test_leader_epochs_that_ended_below_are_forgotten(fs: MemoryFileSystem) -> None:
    fs.make_directory("/data/t-0")
    epochs = LeaderEpochs(fs, "/data/t-0")
    for epoch, offset in ((0, 0), (2, 10), (5, 20)):
        epochs.assign(epoch, offset)
    epochs.forget_before(15)
    assert epochs.entries == [(2, 15), (5, 20)]
    epochs.forget_before(20)
    assert epochs.entries == [(5, 20)]
    epochs.flush()
    assert LeaderEpochs(fs, "/data/t-0").entries == [(5, 20)]


@pytest.mark.parametrize("ending", ["close", "checkpoint and crash"])
def test_the_beginning_survives_a_restart(fs: MemoryFileSystem, batch: BuildBatch, ending: str) -> None:
    def opened() -> Storage:
        return Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)

    storage = opened()
    storage.create_topic("t", 1, now_ms=NOW)
    log = storage.log("t", 0)
    log.append(batch(b"a", b"b", b"c"), now_ms=NOW)
    log.delete_records(2)
    if ending == "close":
        storage.close()
    else:
        storage.checkpoint()
        kill_storage(storage)
    assert fs.read("/data/log-start-offset-checkpoint") == b"0\n1\nt 0 2\n"
    again = opened().log("t", 0)
    assert (again.log_start_offset, again.log_end_offset) == (2, 3)


def test_a_beginning_that_is_a_segments_own_is_not_noted(fs: MemoryFileSystem, batch: BuildBatch) -> None:
    storage = Storage.open(
        "/data",
        fs=fs,
        new_uuid=lambda: bytes(range(16)),
        now_ms=NOW,
    )
    storage.create_topic("t", 1, SMALL_SEGMENTS, now_ms=NOW)
    log = storage.log("t", 0)
    for value in (b"a", b"b", b"c"):
        log.append(batch(value), now_ms=NOW)
    log.delete_records(1)
    storage.checkpoint()
    assert fs.read("/data/log-start-offset-checkpoint") == b"0\n1\nt 0 1\n"
    log.delete_records(2)
    storage.checkpoint()
    assert fs.read("/data/log-start-offset-checkpoint") == b"0\n0\n"


def test_the_size_of_a_partition_is_known_before_it_is_opened(fs: MemoryFileSystem, batch: BuildBatch) -> None:
    storage = Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)
    storage.create_topic("t", 2, SMALL_SEGMENTS, now_ms=NOW)
    log = storage.log("t", 0)
    for value in (b"a", b"b", b"c"):
        log.append(batch(value), now_ms=NOW)
    size = log.size
    assert storage.partition_size("t", 0) == size == 3 * len(batch(b"a"))
    assert storage.partition_size("t", 1) == 0
    storage.close()
    again = Storage.open("/data", fs=fs, new_uuid=lambda: bytes(range(16)), now_ms=NOW)
    assert again.partition_size("t", 0) == size
    assert not again.open_logs

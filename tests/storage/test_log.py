"""A partition log: what goes in comes out, at the offsets that were promised."""

from collections.abc import Sequence
from typing import Any

import google_crc32c
import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import (
    InvalidTimestamp,
    MessageTooLarge,
    OffsetOutOfRange,
    RecordListTooLarge,
    StorageFailure,
)
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_wire.batch import walk_batches
from kafkalite_wire.records import (
    CorruptBatch,
    InvalidRecord,
    Record,
    build_batch,
    check_batch,
    iter_records,
    read_header,
)
from tests.support.storage.fixtures import Append, BuildBatch, OpenLog, ReadAll

NOW = 1_700_000_000_000
SMALL_SEGMENTS = {"internal.segment.bytes": "500"}


def test_a_new_log_is_empty(open_log: OpenLog) -> None:
    log = open_log()
    assert (log.log_start_offset, log.log_end_offset, log.high_watermark, log.last_stable_offset) == (0, 0, 0, 0)
    assert len(log.read(0, max_bytes=100)) == 0
    assert log.read(0, max_bytes=100).read() == b""


def test_batches_get_the_offsets_that_follow(open_log: OpenLog, append: Append, read_all: ReadAll) -> None:
    log = open_log()
    assert append(log, b"a", b"b").base_offset == 0
    second = append(log, b"c")
    assert (second.base_offset, second.last_offset, second.log_append_time) == (2, 2, -1)
    assert not second.is_duplicate
    assert read_all(log) == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_the_callers_buffer_is_not_changed_and_may_be_read_only(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log()
    original = batch(b"a")
    buffer = memoryview(bytearray(original)).toreadonly()
    log.append(buffer, now_ms=NOW)
    log.append(original, now_ms=NOW)
    assert bytes(buffer) == original
    assert log.log_end_offset == 2


def test_the_leader_epoch_is_written_into_batches_and_remembered(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    append(log, b"a")
    log.start_epoch(4)
    append(log, b"b")
    append(log, b"c")
    assert check_batch(log.read(1, max_bytes=1).read()).partition_leader_epoch == 4
    assert log.end_offset_for_epoch(0) == (0, 1)
    assert log.end_offset_for_epoch(3) == (0, 1)
    assert log.end_offset_for_epoch(4) == (4, 3)
    assert log.end_offset_for_epoch(5) == (-1, -1)


def test_an_epoch_that_wrote_nothing_yet_is_known(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    assert log.end_offset_for_epoch(0) == (0, 0)
    append(log, b"a")
    log.start_epoch(2)
    assert log.end_offset_for_epoch(2) == (2, 1)
    assert log.end_offset_for_epoch(1) == (0, 1)
    assert log.end_offset_for_epoch(0) == (0, 1)


def test_leader_epochs_survive_a_restart(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    append(log, b"a")
    log.start_epoch(4)
    append(log, b"b")
    log.close()
    log = open_log(clean=True)
    assert log.leader_epoch == 4
    assert log.end_offset_for_epoch(0) == (0, 1)


def test_a_read_starts_with_the_batch_that_holds_the_offset(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    append(log, b"a", b"b", b"c")
    append(log, b"d")
    data = log.read(2, max_bytes=10_000).read()
    assert [h.base_offset for _, h in walk_batches(memoryview(data))] == [0, 3]


def test_a_read_returns_the_first_batch_whole_or_not_at_all_and_may_cut_the_next(
    open_log: OpenLog, append: Append
) -> None:
    log = open_log()
    append(log, b"a" * 50)
    append(log, b"b" * 50)
    first = read_header(log.read(0, max_bytes=1).read())
    assert len(log.read(0, max_bytes=1)) == first.size
    assert len(log.read(0, max_bytes=first.size + 7)) == first.size + 7
    assert len(log.read(0, max_bytes=10, min_one_batch=False)) == 0


def test_a_read_stops_before_max_offset(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    for value in (b"a", b"b", b"c"):
        append(log, value)
    data = log.read(0, max_bytes=10_000, max_offset=2).read()
    assert [h.base_offset for _, h in walk_batches(memoryview(data))] == [0, 1]
    assert len(log.read(2, max_bytes=10_000, max_offset=2)) == 0


@pytest.mark.parametrize("offset", [-1, 2, 1 << 60])
def test_a_read_outside_of_the_log_says_where_the_log_is(open_log: OpenLog, append: Append, offset: int) -> None:
    log = open_log()
    append(log, b"a")
    with pytest.raises(OffsetOutOfRange) as caught:
        log.read(offset, max_bytes=1)
    assert (caught.value.code, caught.value.log_start_offset, caught.value.log_end_offset) == (1, 0, 1)


def test_segments_roll_by_size_and_every_offset_stays_readable(
    open_log: OpenLog, append: Append, read_all: ReadAll
) -> None:
    log = open_log(SMALL_SEGMENTS)
    for number in range(40):
        append(log, b"%d" % number * 20)
    assert len(log.segments) > 5
    assert read_all(log) == [(number, b"%d" % number * 20) for number in range(40)]
    assert log.size == sum(len(log.read(o, max_bytes=1)) for o in range(40))


def test_max_offset_in_an_older_segment_bounds_a_read(open_log: OpenLog, append: Append) -> None:
    log = open_log(SMALL_SEGMENTS)
    for number in range(40):
        append(log, b"%d" % number * 20)
    for limit in range(1, 40):
        offset = 0
        while (piece := log.read(offset, max_bytes=200, max_offset=limit)) and len(piece):
            batches = [h for _, h in walk_batches(memoryview(piece.read()))]
            offset = batches[-1].next_offset if batches else offset + 1
            assert offset <= limit
        assert offset == limit


def test_segments_roll_by_the_records_time(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> None:
    log = open_log({"segment.ms": "1000"})
    append(log, b"a", timestamp=NOW)
    append(log, b"b", timestamp=NOW + 1000)
    assert len(log.segments) == 1
    append(log, b"c", timestamp=NOW + 1001)
    assert len(log.segments) == 2
    assert fs.exists("/data/t-0/00000000000000000002.log")


def test_segments_roll_when_an_index_is_full(open_log: OpenLog, append: Append, read_all: ReadAll) -> None:
    log = open_log({"segment.index.bytes": "36", "index.interval.bytes": "0"})  # room for four entries
    for number in range(11):
        append(log, b"%d" % number)
    assert len(log.segments) == 3
    assert len(read_all(log)) == 11


def test_a_reopened_log_goes_on_where_it_was(open_log: OpenLog, append: Append, read_all: ReadAll) -> None:
    log = open_log(SMALL_SEGMENTS)
    for number in range(20):
        append(log, b"%d" % number * 20)
    log.close()
    log = open_log(SMALL_SEGMENTS, clean=True)
    assert str(log.recovery) == "nothing to recover"
    assert append(log, b"next").base_offset == 20
    assert len(read_all(log)) == 21


def test_the_index_is_used_and_right_for_every_offset(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> None:
    log = open_log({"index.interval.bytes": "100"})
    for number in range(300):
        append(log, b"%d" % number)
    assert fs.files["/data/t-0/00000000000000000000.index"].size() > 100 * 8
    for offset in range(300):
        assert read_header(log.read(offset, max_bytes=1).read()).base_offset == offset


def test_offset_index_entries_are_the_last_offset_and_position_of_a_batch(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log({"index.interval.bytes": "1"})
    for _ in range(3):
        append(log, b"a", b"b")
    size = read_header(log.read(0, max_bytes=1).read()).size
    content = bytes(fs.files["/data/t-0/00000000000000000000.index"].content)
    assert content == b"".join(n.to_bytes(4, "big") for n in (3, size, 5, 2 * size))


def test_time_index_entries_are_the_newest_time_and_its_offset(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log({"index.interval.bytes": "1"})
    for timestamp in (NOW, NOW + 5, NOW + 3):
        append(log, b"a", timestamp=timestamp)
    log.close()
    content = bytes(fs.files["/data/t-0/00000000000000000000.timeindex"].content)
    assert content == (NOW + 5).to_bytes(8, "big") + (1).to_bytes(4, "big")


def test_offset_for_timestamp_finds_the_first_record_that_is_not_older(open_log: OpenLog) -> None:
    log = open_log({"index.interval.bytes": "1", "internal.segment.bytes": "400"})
    for number in range(30):
        times = (NOW + number * 10, NOW + number * 10 + 5)
        log.append(build_batch([Record(None, b"x", t) for t in times], compression=number % 5), now_ms=NOW + 1000)
    for number in range(60):
        found = log.offset_for_timestamp(NOW + number * 5 - 2)
        assert found is not None
        assert (found.timestamp, found.offset, found.leader_epoch) == (NOW + number * 5, number, 0)
    first = log.offset_for_timestamp(0)
    assert first is not None
    assert first.offset == 0
    assert log.offset_for_timestamp(NOW + 59 * 5 + 1) is None


def test_max_timestamp_is_the_first_record_with_the_newest_time(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    assert log.max_timestamp() is None
    append(log, b"a", timestamp=NOW + 9)
    append(log, b"b", b"c", timestamp=NOW + 10)
    append(log, b"d", timestamp=NOW)
    found = log.max_timestamp()
    assert found is not None
    assert (found.timestamp, found.offset) == (NOW + 10, 1)


def test_a_damaged_batch_is_refused_and_leaves_no_trace(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log()
    damaged = bytearray(batch(b"a"))
    damaged[-1] ^= 1
    with pytest.raises(CorruptBatch) as caught:
        log.append(damaged, now_ms=NOW)
    assert caught.value.code == 2
    assert (log.log_end_offset, log.size) == (0, 0)


def test_batches_above_max_message_bytes_are_refused(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({"max.message.bytes": "100"})
    log.append(batch(b"a" * 30), now_ms=NOW)
    with pytest.raises(MessageTooLarge) as caught:
        log.append(batch(b"a" * 40), now_ms=NOW)
    assert caught.value.code == 10


def test_batches_that_fit_into_no_segment_are_refused(open_log: OpenLog, batch: BuildBatch) -> None:
    with pytest.raises(RecordListTooLarge) as caught:
        open_log(SMALL_SEGMENTS).append(batch(b"a" * 500), now_ms=NOW)
    assert caught.value.code == 18


def test_a_changed_configuration_takes_effect_at_once(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log()
    log.append(batch(b"a" * 40), now_ms=NOW)
    log.config = LogConfig.of({"max.message.bytes": "50"})
    with pytest.raises(MessageTooLarge):
        log.append(batch(b"a" * 40), now_ms=NOW)


def test_records_from_the_future_are_refused_by_index(open_log: OpenLog) -> None:
    log = open_log()
    hour = 3_600_000
    log.append(build_batch([Record(None, b"x", NOW + hour)]), now_ms=NOW)
    with pytest.raises(InvalidTimestamp) as caught:
        log.append(build_batch([Record(None, b"x", NOW), Record(None, b"y", NOW + hour + 1)]), now_ms=NOW)
    assert caught.value.code == 32
    assert [index for index, _ in caught.value.record_errors] == [1]


def test_records_from_the_past_are_refused_where_the_topic_says_so(open_log: OpenLog) -> None:
    log = open_log({"message.timestamp.before.max.ms": "1000"})
    log.append(build_batch([Record(None, b"x", NOW - 1000)]), now_ms=NOW)
    with pytest.raises(InvalidTimestamp) as caught:
        log.append(build_batch([Record(None, b"x", NOW - 1001), Record(None, b"y", NOW)]), now_ms=NOW)
    assert [index for index, _ in caught.value.record_errors] == [0]


def test_records_without_a_time_are_always_taken(open_log: OpenLog) -> None:
    log = open_log({"message.timestamp.before.max.ms": "1000"})
    log.append(build_batch([Record(None, b"x", -1)]), now_ms=NOW)
    assert log.max_timestamp() is None


def test_log_append_time_stamps_batches_with_the_brokers_time(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({"message.timestamp.type": "LogAppendTime"})
    info = log.append(batch(b"a", b"b", timestamp=5), now_ms=NOW)
    assert info.log_append_time == NOW
    data = log.read(0, max_bytes=1).read()
    assert check_batch(data).has_log_append_time
    assert [r.timestamp for r in iter_records(data)] == [NOW, NOW]


def test_a_producer_may_not_claim_log_append_time(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({"message.timestamp.type": "LogAppendTime"})
    with pytest.raises(InvalidTimestamp) as caught:
        log.append(batch(b"a", b"b", log_append_time=NOW), now_ms=NOW)
    assert [index for index, _ in caught.value.record_errors] == [0, 1]


def test_a_claim_of_log_append_time_is_removed_where_producers_set_the_time(
    open_log: OpenLog, batch: BuildBatch
) -> None:
    log = open_log()
    log.append(batch(b"a", b"b", timestamp=NOW - 5, log_append_time=NOW), now_ms=NOW)
    data = log.read(0, max_bytes=1).read()
    header = check_batch(data)
    assert (header.has_log_append_time, header.max_timestamp) == (False, NOW - 5)
    assert [record.timestamp for record in iter_records(data)] == [NOW - 5, NOW - 5]


def test_compacted_topics_refuse_records_without_key_by_index(open_log: OpenLog) -> None:
    log = open_log({"cleanup.policy": "compact"})
    with pytest.raises(InvalidRecord) as caught:
        log.append(build_batch([Record(b"k", b"1", NOW), Record(None, b"2", NOW)]), now_ms=NOW)
    assert caught.value.code == 87
    assert [index for index, _ in caught.value.record_errors] == [1]
    log.append(build_batch([Record(b"k", None, NOW)]), now_ms=NOW)


def test_malformed_records_behind_a_sound_checksum_are_refused_where_records_are_checked(
    open_log: OpenLog, batch: BuildBatch
) -> None:
    malformed = bytearray(batch(b"a"))
    malformed[61] = 0x40  # the length of the record
    malformed[17:21] = google_crc32c.value(bytes(malformed[21:])).to_bytes(4, "big")
    with pytest.raises(InvalidRecord) as caught:
        open_log({"cleanup.policy": "compact"}).append(malformed, now_ms=NOW)
    assert caught.value.code == 87


def test_a_topics_own_codec_replaces_the_producers(open_log: OpenLog, batch: BuildBatch) -> None:
    log = open_log({"compression.type": "zstd"})
    log.append(batch(b"a" * 500, producer_id=1, producer_epoch=0, base_sequence=0, compression=1), now_ms=NOW)
    data = log.read(0, max_bytes=1).read()
    header = check_batch(data)
    assert (header.compression, header.producer_id, header.base_sequence) == (4, 1, 0)
    assert [r.value for r in iter_records(data)] == [b"a" * 500]


def test_a_broker_may_append_several_batches_at_once(open_log: OpenLog, batch: BuildBatch, read_all: ReadAll) -> None:
    log = open_log()
    info = log.append(batch(b"a") + batch(b"b", b"c"), now_ms=NOW, origin=AppendOrigin.BROKER)
    assert (info.base_offset, info.last_offset) == (0, 2)
    assert read_all(log) == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_flush_messages_syncs_before_the_append_returns(open_log: OpenLog, append: Append) -> None:
    log = open_log({"flush.messages": "2"})
    append(log, b"a")
    assert log.recovery_point == 0
    append(log, b"b")
    assert log.recovery_point == 2


def test_bytes_available_spans_segments(open_log: OpenLog, append: Append) -> None:
    log = open_log({"internal.segment.bytes": "200"})
    for _ in range(10):
        append(log, b"v" * 40)
    size = log.segments[0].size
    assert len(log.segments) > 4
    assert log.bytes_available(0, 10) == log.size
    assert log.bytes_available(0, log.segments[1].base_offset) == size
    assert log.bytes_available(log.segments[1].base_offset, 99) == log.size - size
    assert log.bytes_available(10, 10) == 0
    for offset in range(10):
        one = len(log.read(offset, max_bytes=1).read())
        assert log.bytes_available(offset, offset + 1) == one
    assert log.on_same_segment(0, log.segments[1].base_offset - 1)
    assert not log.on_same_segment(0, log.segments[1].base_offset)


def test_each_offset_has_the_epoch_that_wrote_it(open_log: OpenLog, append: Append) -> None:
    log = open_log()
    log.start_epoch(3)
    assert log.epoch_for_offset(0) == 3
    append(log, b"a")
    log.start_epoch(5)
    append(log, b"b")
    log.start_epoch(6)
    assert [log.epoch_for_offset(offset) for offset in range(3)] == [3, 5, 6]


def test_a_slice_outlives_the_deletion_of_the_log(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> None:
    log = open_log()
    append(log, b"kept")
    piece = log.read(0, max_bytes=1)
    log.close(clean=False)
    fs.remove_directory(log.directory)
    assert next(iter_records(piece.read())).value == b"kept"


class BrokenFile:
    """A file that fails to append, after writing half of it."""

    def __init__(self, file: Any, *, truncates: bool) -> None:
        self._file = file
        self._truncates = truncates

    def append(self, parts: Sequence[bytes], size: int) -> None:
        joined = b"".join(parts)
        self._file.append((joined[: len(joined) // 2],), len(joined) // 2)
        raise OSError("no space left")

    def truncate(self, size: int) -> None:
        if not self._truncates:
            raise OSError("nothing works any more")
        self._file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_failed_write_is_undone_and_the_next_one_succeeds(
    open_log: OpenLog, append: Append, read_all: ReadAll
) -> None:
    log = open_log()
    append(log, b"a")
    segment = log.segments[-1]
    whole = segment.files._log
    broken: Any = BrokenFile(whole, truncates=True)
    segment.files._log = broken
    with pytest.raises(StorageFailure, match="no space left") as caught:
        append(log, b"b")
    assert caught.value.code == 56
    assert not log.failed
    segment.files._log = whole
    assert append(log, b"c").base_offset == 1
    assert read_all(log) == [(0, b"a"), (1, b"c")]


def test_a_failed_write_that_cannot_be_undone_stops_all_writes(
    open_log: OpenLog, append: Append, read_all: ReadAll
) -> None:
    log = open_log()
    append(log, b"a")
    broken: Any = BrokenFile(log.segments[-1].files._log, truncates=False)
    log.segments[-1].files._log = broken
    for _ in range(2):
        with pytest.raises(StorageFailure):
            append(log, b"b")
    assert log.failed
    assert read_all(log) == [(0, b"a")]

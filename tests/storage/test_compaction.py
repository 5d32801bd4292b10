"""Compaction keeps the newest record of each key, and everything that readers and producers rely on."""

import pytest

from kafkalite_storage.compaction.compaction import CompactionAbandonedError
from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_wire.records import Compression, CorruptBatch, read_header
from tests.support.storage.compaction import DAY, NOW, Topic

A, B, C = b"a", b"b", b"c"


def test_the_newest_record_of_each_key_stays_at_its_offset() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"1"))
    topic.put((A, b"2"))
    topic.put((C, b"1"))
    topic.put((A, b"3"), (C, b"2"))
    topic.compact()
    assert topic.left() == [(1, B, b"1"), (4, A, b"3"), (5, C, b"2")]
    assert (topic.log.log_start_offset, topic.log.log_end_offset) == (0, 6)


def test_the_clean_part_loses_what_the_dirty_part_supersedes() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"1"))
    topic.compact()
    assert topic.clean_offset == 2
    topic.put((A, b"2"))
    topic.compact()
    assert topic.left() == [(1, B, b"1"), (2, A, b"2")]


def test_the_active_segment_is_not_touched() -> None:
    topic = Topic()
    topic.put((A, b"1"))
    topic.put((A, b"2"))
    topic.log.roll()
    topic.put((A, b"3"))
    topic.compact(roll=False)
    assert topic.offsets() == [1, 2]
    assert topic.clean_offset == 2


@pytest.mark.parametrize("codec", list(Compression))
def test_batches_keep_their_place_their_codec_and_their_producer(codec: Compression) -> None:
    topic = Topic()
    topic.log.start_epoch(3)
    for _ in range(2):
        topic.put((A, b"1"), (B, b"1"), (A, b"2"), compression=codec)
    [_, before] = [header for header, _ in topic.batches()]
    topic.compact()
    [(header, records)] = list(topic.batches())
    assert [record.offset for record in records] == [4, 5]
    assert (header.base_offset, header.last_offset_delta, header.compression) == (3, 2, codec)
    assert header._replace(batch_length=0, crc=0, records_count=0) == before._replace(
        batch_length=0, crc=0, records_count=0
    )


def test_a_batch_of_which_every_record_stays_is_copied_byte_for_byte() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"1"), compression=Compression.GZIP)
    before = topic.log.read(0, max_bytes=1000).read()
    topic.put((C, b"1"))
    topic.put((C, b"2"))
    topic.compact()
    assert topic.log.read(0, max_bytes=1).read() == before


def test_the_times_of_the_records_that_stay_do_not_change() -> None:
    topic = Topic()
    topic.put((A, b"1"), timestamp=NOW + 5)
    topic.put((A, b"2"), (B, None), timestamp=NOW + 7)
    topic.compact()
    [(header, records)] = list(topic.batches())
    assert [record.timestamp for record in records] == [NOW + 7, NOW + 7]
    assert header.has_delete_horizon
    assert header.max_timestamp == NOW + 7


def test_log_append_time_stays_also_where_a_horizon_is_set() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, None), log_append_time=NOW + 9)
    topic.put((A, b"2"), log_append_time=NOW + 10)
    topic.compact()
    assert [[record.timestamp for record in records] for _, records in topic.batches()] == [[NOW + 9], [NOW + 10]]


def test_a_tombstone_stays_until_its_delete_horizon() -> None:
    topic = Topic(delete_retention_ms="1000")
    topic.put((A, b"1"))
    topic.put((A, None))
    topic.compact()
    assert topic.left() == [(1, A, None)]
    [(header, _)] = list(topic.batches())
    assert header.base_timestamp == NOW + 1000
    topic.put((B, b"1"))
    topic.compact(now_ms=NOW + 999)
    assert topic.offsets() == [1, 2]
    topic.put((C, b"1"))
    topic.compact(now_ms=NOW + 1000)
    assert topic.offsets() == [2, 3]


def test_a_horizon_is_set_once() -> None:
    topic = Topic(delete_retention_ms="1000")
    topic.put((A, None), (B, b"1"))
    topic.compact()
    topic.put((B, b"2"))
    topic.compact(now_ms=NOW + 500)
    assert [header.base_timestamp for header, _ in topic.batches()] == [NOW + 1000, NOW]
    assert [record.timestamp for _, records in topic.batches() for record in records] == [NOW, NOW]


def test_records_without_a_key_are_dropped() -> None:
    topic = Topic()
    topic.put((None, b"1"), (A, b"1"))
    topic.put((None, b"2"))
    topic.compact()
    assert topic.offsets() == [1]


def test_records_below_the_log_start_are_dropped() -> None:
    topic = Topic(cleanup_policy="compact,delete")
    for key in (A, B, C):
        topic.put((key, b"1"))
    topic.log.delete_records(2)
    topic.compact()
    assert topic.offsets() == [2]
    assert topic.log.log_start_offset == 2


def test_the_last_batch_of_a_known_producer_stays_as_a_header() -> None:
    topic = Topic()
    topic.put((A, b"1"), producer_id=7, producer_epoch=1, base_sequence=0)
    topic.put((A, b"2"), (A, b"3"), producer_id=7, producer_epoch=1, base_sequence=1)
    topic.put((A, b"4"))
    topic.compact()
    [(header, records), _] = list(topic.batches())
    assert records == []
    assert (header.base_offset, header.last_offset, header.last_sequence) == (1, 2, 2)
    assert (header.producer_id, header.producer_epoch) == (7, 1)
    topic.open(recovery_point=0)
    assert topic.log.producers.producers[7].batches[-1].last_sequence == 2
    topic.log.expire_producers(NOW + 1)
    topic.put((A, b"5"))
    topic.compact()
    assert [header.producer_id for header, _ in topic.batches()] == [-1]


def test_records_of_an_aborted_transaction_vanish_and_hide_nothing() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"1"))
    topic.put((A, b"2"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.put((C, b"2"), producer_id=7, producer_epoch=0, base_sequence=1, is_transactional=True)
    topic.end(7, commit=False)
    topic.compact()
    assert topic.left() == [(0, A, b"1"), (1, B, b"1")]


def test_records_of_a_committed_transaction_stay() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"1"))
    topic.put((A, b"2"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(7, commit=True)
    topic.compact()
    assert topic.left() == [(1, B, b"1"), (2, A, b"2")]
    assert topic.markers() == [3]


@pytest.mark.parametrize("commit", [True, False])
def test_a_marker_outlives_the_data_of_its_transaction_until_a_horizon(commit: bool) -> None:
    topic = Topic(delete_retention_ms="1000")
    topic.put((A, b"1"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    marker = topic.end(7, commit=commit)
    topic.put((A, b"2"))
    topic.log.expire_producers(NOW + 1)
    topic.compact()
    assert (topic.offsets(), topic.markers()) == ([2], [marker])
    topic.put((B, b"1"))
    topic.compact(now_ms=NOW + 10)
    assert topic.markers() == [marker]
    topic.put((C, b"1"))
    topic.compact(now_ms=NOW + 1009)
    assert topic.markers() == [marker]
    topic.put((C, b"2"))
    topic.compact(now_ms=NOW + 1010)
    assert topic.markers() == []


def test_the_transaction_index_lists_an_aborted_transaction_as_long_as_data_was_there() -> None:
    topic = Topic()
    topic.put((A, b"1"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(7, commit=False)
    topic.put((B, b"1"))
    topic.log.expire_producers(NOW + 1)
    topic.compact()
    assert [entry.producer_id for entry in topic.log.aborted_transactions(0, 3)] == [7]
    topic.put((B, b"2"))
    topic.compact()
    assert topic.log.aborted_transactions(0, 4) == []


def test_an_open_transaction_is_not_touched() -> None:
    topic = Topic()
    topic.put((A, b"1"))
    topic.put((A, b"2"))
    topic.log.roll()
    topic.put((A, b"3"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.put((A, b"4"))
    topic.compact()
    assert topic.offsets() == [1, 2, 3]
    assert topic.clean_offset == 2
    topic.end(7, commit=False)
    topic.compact()
    assert topic.offsets() == [3]


def test_an_aborted_transaction_behind_the_end_of_a_full_map_keeps_its_index_entry_and_marker() -> None:
    topic = Topic()
    topic.put((A, b"1"))
    topic.put((B, b"1"))
    topic.put((C, b"1"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(7, commit=False)
    topic.compact(key_map_bytes=1)
    assert topic.clean_offset == 1
    assert [entry.producer_id for entry in topic.log.aborted_transactions(0, 4)] == [7]
    assert topic.markers() == [3]


def test_a_full_map_cleans_what_fitted_and_goes_on_in_the_next_pass() -> None:
    topic = Topic()
    for number in range(100):
        topic.put((b"%d" % (number % 10), b"%d" % number))
    passes = 0
    while topic.clean_offset != 100:
        topic.compact(key_map_bytes=1000)
        passes += 1
    assert passes > 1
    assert topic.offsets() == list(range(90, 100))


def test_a_batch_larger_than_the_map_is_cleaned_nevertheless() -> None:
    topic = Topic()
    topic.put(*((b"%d" % number, b"1") for number in range(2000)))
    topic.put((b"7", b"2"))
    topic.compact(key_map_bytes=1)
    topic.compact(key_map_bytes=1)
    assert topic.clean_offset == 2001
    assert topic.offsets() == [*range(7), *range(8, 2001)]


def test_small_segments_merge_within_segment_bytes() -> None:
    topic = Topic(internal_segment_bytes="1000")
    for number in range(60):
        topic.put((b"%d" % (number % 30), b"x" * 100))
    topic.compact()
    before = len(topic.log.segments)
    # Segments are grouped by what they were before they were cleaned.
    topic.put((b"0", b"x"))
    topic.compact()
    assert 1 < len(topic.log.segments) < before
    assert all(segment.size <= 1000 for segment in topic.log.segments)
    assert topic.offsets() == [*range(31, 61)]


def test_reading_goes_on_at_the_next_offset_that_is_left() -> None:
    topic = Topic()
    for number in range(10):
        topic.put((A if number % 3 else B, b"%d" % number))
    topic.compact()
    topic.put((C, b"1"))
    for offset, found in ((0, 8), (8, 8), (9, 9), (10, 10)):
        assert read_header(topic.log.read(offset, max_bytes=1).read()).base_offset == found


def test_a_reader_that_holds_a_slice_keeps_reading() -> None:
    topic = Topic()
    topic.put((A, b"old"))
    held = topic.log.read(0, max_bytes=1000)
    topic.put((A, b"new"))
    topic.compact()
    assert b"old" in held.read()


def test_times_are_found_after_a_compaction() -> None:
    topic = Topic(index_interval_bytes="0")
    for number in range(10):
        topic.put((b"%d" % (number % 4), b"v"), timestamp=NOW + number)
    topic.compact()
    found = topic.log.offset_for_timestamp(NOW)
    assert found is not None
    assert (found.offset, found.timestamp) == (6, NOW + 6)
    newest = topic.log.max_timestamp()
    assert newest is not None
    assert (newest.offset, newest.timestamp) == (9, NOW + 9)


@pytest.mark.parametrize("clean", [True, False])
def test_a_compacted_log_opens_again(clean: bool) -> None:
    topic = Topic(internal_segment_bytes="1000", index_interval_bytes="0")
    for number in range(100):
        topic.put((b"%d" % (number % 7), b"v" * 20), producer_id=5, producer_epoch=0, base_sequence=number)
    topic.compact()
    left = topic.left()
    topic.log.close(clean=clean)
    topic.open(clean=clean)
    assert topic.log.recovery.reason == ""
    assert topic.left() == left
    assert topic.log.log_end_offset == 100
    assert topic.log.producers.producers[5].batches[-1].last_sequence == 99
    assert topic.put((A, b"1")) == 100


def test_records_appended_and_rolled_between_two_steps_are_kept() -> None:
    topic = Topic()
    topic.put((A, b"1"))
    topic.put((A, b"2"))
    topic.log.roll()
    for work in topic.compaction().steps():
        topic.put((A, b"3"))
        topic.log.roll()
        if work is not None:
            work()
    offsets = topic.offsets()
    assert offsets[0] == 1
    assert offsets[1:] == list(range(2, topic.log.log_end_offset))


def test_replaced_files_keep_a_name_of_their_own_until_file_delete_delay_is_over() -> None:
    topic = Topic(file_delete_delay_ms="60000")
    topic.put((A, b"1"))
    topic.put((A, b"2"))
    topic.compact()

    def waiting() -> list[str]:
        return [name for name in topic.fs.list("/data/t-0") if name.endswith(".deleted")]

    before = waiting()
    assert "00000000000000000000.log.deleted" in before
    topic.log.remove_retired(NOW + DAY)  # the delay begins here: nothing that compacts may read a clock
    topic.log.remove_retired(NOW + DAY + 59_999)
    assert waiting() == before
    topic.log.remove_retired(NOW + DAY + 60_000)
    assert waiting() == []
    assert topic.offsets() == [1]


@pytest.mark.parametrize("steps", [2, 3, 4, 5])
def test_a_pass_whose_segments_were_removed_is_abandoned(steps: int) -> None:
    topic = Topic(cleanup_policy="compact,delete")
    for _ in range(2):
        topic.put((A, b"1"))
        topic.put((A, b"2"))
        topic.log.roll()
    topic.put((B, b"1"))
    running = topic.compaction().steps()
    for _ in range(steps):
        next(running)
    topic.log.delete_records(2)
    with pytest.raises(CompactionAbandonedError):
        list(running)
    assert topic.offsets() == [2, 3, 4]
    assert not any(".cleaned" in name or ".swap" in name for name in topic.fs.list("/data/t-0"))
    topic.compact()
    assert topic.offsets() == [3, 4]


def test_a_pass_over_a_topic_that_is_no_longer_compacted_is_abandoned() -> None:
    topic = Topic()
    topic.put((A, b"1"))
    topic.log.roll()
    running = topic.compaction().steps()
    next(running)
    topic.log.config = LogConfig.of({})
    with pytest.raises(CompactionAbandonedError):
        list(running)


def test_a_damaged_batch_is_not_given_a_new_checksum() -> None:
    topic = Topic()
    topic.put((A, b"1"), (B, b"value"))
    topic.put((A, b"2"))
    topic.log.roll()
    content = topic.fs.files["/data/t-0/00000000000000000000.log"].content
    content[content.index(b"value")] ^= 1
    before = bytes(content)
    with pytest.raises(CorruptBatch):
        topic.compact()
    assert topic.fs.read("/data/t-0/00000000000000000000.log") == before


def test_a_step_of_a_large_batch_reads_a_part_of_its_records_only() -> None:
    topic = Topic()
    topic.put(*((b"%d" % number, b"1") for number in range(5000)), compression=Compression.ZSTD)
    topic.put((b"0", b"2"))
    topic.log.roll()
    assert sum(work is None for work in topic.compaction().steps()) >= 2 * 5000 // 1000
    topic.compact(key_map_bytes=1 << 24)
    assert topic.offsets() == list(range(1, 5001))


def test_the_estimate_of_the_maps_memory_is_not_too_low() -> None:
    import tracemalloc

    from kafkalite_storage.compaction.offset_map import OffsetMap
    from kafkalite_wire.records import HEADER_SIZE, Record, build_batch

    batch = build_batch([Record(b"key-%010d" % number, b"") for number in range(30_000)])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        key_map = OffsetMap(1 << 30)
        key_map.note(batch, HEADER_SIZE, 30_000, 1 << 40, 0)
        list(key_map.seal())
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(key_map) == 30_000
    assert used <= key_map.bytes_used <= 3 * used


def test_a_day_is_how_long_tombstones_stay_by_default() -> None:
    topic = Topic()
    topic.put((A, None))
    topic.compact()
    [(header, _)] = list(topic.batches())
    assert header.base_timestamp == NOW + DAY

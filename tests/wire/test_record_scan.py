"""Scans of records agree with iter_records, and refuse what it refuses."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite_wire.record_scan import Span, find_time, note_keys, records_of, scan_records
from kafkalite_wire.records import InvalidRecord, Record, build_batch, check_batch, iter_records, read_header
from kafkalite_wire.rewrite_batch import with_records, without_records

field = st.one_of(st.none(), st.binary(max_size=200))
headers = st.lists(st.tuples(st.text(max_size=3), field), max_size=2).map(tuple)
record = st.builds(Record, field, field, st.integers(-1, 1 << 45), headers)
records = st.lists(record, min_size=1, max_size=5)
codec = st.integers(0, 4)


def spans_of(batch: bytes) -> tuple[bytes, list[Span]]:
    header = read_header(batch)
    data = records_of(batch, header)
    spans: list[Span] = []
    assert scan_records(data, 0, header.records_count, spans) == len(data)
    return data, spans


@given(records, codec)
def test_both_walks_find_the_same(content: list[Record], codec: int) -> None:
    batch = build_batch(content, base_offset=1000, compression=codec)
    header = read_header(batch)
    data, spans = spans_of(batch)
    found = [
        (1000 + delta, header.base_timestamp + time, key, None if size < 0 else data[value : value + size])
        for _, _, time, _, delta, key, value, size in spans
    ]
    assert found == [(r.offset, r.timestamp, r.key, r.value) for r in iter_records(batch)]
    keys: dict[bytes, int] = {}
    assert note_keys(data, 0, len(content), 1000, 1001, keys) == len(data)
    assert keys == {r.key: r.offset for r in iter_records(batch) if r.key is not None and r.offset >= 1001}


@given(records, st.data())
def test_what_is_cut_off_or_damaged_is_an_invalid_record_or_other_records(
    content: list[Record], data: st.DataObject
) -> None:
    payload = records_of(batch := build_batch(content), read_header(batch))
    cut = data.draw(st.integers(0, len(payload) - 1))
    damaged = bytearray(payload[:cut])
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    walks: tuple[Callable[[], int], ...] = (
        lambda: note_keys(bytes(damaged), 0, len(content), 0, 0, {}),
        lambda: scan_records(bytes(damaged), 0, len(content), []),
    )
    for walk in walks:
        try:
            end = walk()
        except InvalidRecord:
            continue
        assert 0 < end <= len(damaged)


@given(records, codec, st.data(), st.one_of(st.none(), st.integers(0, 1 << 45)))
def test_a_batch_with_fewer_records_keeps_offsets_and_times(
    content: list[Record], codec: int, data: st.DataObject, horizon: int | None
) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(content))), min_size=1, unique=True).map(sorted))
    batch = build_batch(content, base_offset=7, compression=codec, producer_id=5, producer_epoch=1, base_sequence=3)
    found, spans = spans_of(batch)
    made = with_records(read_header(batch), found, [spans[number] for number in kept], horizon)
    before, header = read_header(batch), check_batch(made)
    whole = list(iter_records(batch))
    assert list(iter_records(made)) == [whole[number] for number in kept]
    assert header.has_delete_horizon == (horizon is not None)
    assert header.max_timestamp == max(whole[number].timestamp for number in kept)
    assert (header.last_offset, header.last_sequence, header.compression) == (
        before.last_offset,
        before.last_sequence,
        before.compression,
    )


@pytest.mark.parametrize("codec", range(5))
def test_a_batch_without_records_keeps_its_place_and_sequence(codec: int) -> None:
    batch = build_batch([Record(b"k", b"v", 5)] * 3, base_offset=7, compression=codec, producer_id=5, base_sequence=3)
    header = check_batch(without_records(read_header(batch)))
    assert (header.base_offset, header.last_offset, header.last_sequence) == (7, 9, 5)
    assert (header.records_count, header.size, header.max_timestamp) == (0, 61, 5)


@given(records, codec, st.integers(-5, 1 << 45), st.integers(998, 1006), st.booleans())
def test_a_time_is_found_where_the_records_have_it(
    content: list[Record], codec: int, timestamp: int, least: int, has_append_time: bool
) -> None:
    stamp = 1 << 44 if has_append_time else None
    batch = build_batch(content, base_offset=1000, compression=codec, log_append_time=stamp)
    header = read_header(batch)
    found = [(r.timestamp, r.offset) for r in iter_records(batch) if r.timestamp >= timestamp and r.offset >= least]
    assert find_time(records_of(batch, header), header, timestamp, least) == (found[0] if found else None)

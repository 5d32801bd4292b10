"""Record batches: bytes written by Kafka's own classes, and damaged ones."""

import struct
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite_wire.batch import batch_size, walk_raw_headers
from kafkalite_wire.records import (
    HEADER_SIZE,
    BatchBuilder,
    CorruptBatch,
    EndTxnMarker,
    InvalidRecord,
    NotOneBatch,
    Record,
    UnknownCompression,
    UnsupportedCompression,
    build_batch,
    build_end_txn_marker,
    check_batch,
    check_batches,
    check_produced,
    iter_records,
    read_end_txn_marker,
    read_header,
    set_log_append_time,
    set_offsets_in_place,
    walk_batches,
)

# Written by MemoryRecords of kafka-clients 4.4.0 from three records: ("k1", "hello hello hello hello") with
# the headers h=v and n=null, (null, "second") 5 ms later and ("k3", null) 3 ms later.
GOLDEN = {
    "none": bytes.fromhex(
        "00000000000000000000006effffffff023db68d810000000000020000018bcfe568000000018bcfe56805ffffffffff"
        "ffffffffffffffffff000000034c000000046b312e68656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f04026802"
        "76026e0118000a02010c7365636f6e640010000604046b330100"
    ),
    "idempotent": bytes.fromhex(
        "00000000000000000000006e00000005028abb8c710000000000020000018bcfe568000000018bcfe568050000000000"
        "000fa0000300000011000000034c000000046b312e68656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f04026802"
        "76026e0118000a02010c7365636f6e640010000604046b330100"
    ),
    "transactional": bytes.fromhex(
        "00000000000000000000006effffffff02209078ed0010000000020000018bcfe568000000018bcfe568050000000000"
        "000fa0000300000011000000034c000000046b312e68656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f04026802"
        "76026e0118000a02010c7365636f6e640010000604046b330100"
    ),
    "commit": bytes.fromhex(
        "00000000000000070000004200000002023a9760040030000000000000018bcfe568000000018bcfe568000000000000"
        "000fa00003ffffffff000000012000000008000000010c00000000000900"
    ),
    "abort": bytes.fromhex(
        "0000000000000007000000420000000202cea9b64c0030000000000000018bcfe568000000018bcfe568000000000000"
        "000fa00003ffffffff000000012000000008000000000c00000000000900"
    ),
    "logappend": bytes.fromhex(
        "000000000000002a0000006e0000000602f9b20c700008000000020000018bcfe568000000018bcfe58f0fffffffffff"
        "ffffffffffffffffff000000034c000000046b312e68656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f04026802"
        "76026e0118000a02010c7365636f6e640010000604046b330100"
    ),
}

T0 = 1700000000000
RECORDS = [
    Record(b"k1", b"hello hello hello hello", T0, (("h", b"v"), ("n", None))),
    Record(None, b"second", T0 + 5),
    Record(b"k3", None, T0 + 3),
]


def with_field(batch: bytes, position: int, code: str, value: int) -> bytes:
    """Change a header field and update the CRC, so that only the field is wrong."""
    changed = bytearray(batch)
    struct.pack_into(f">{code}", changed, position, value)
    if position >= 21:
        import google_crc32c

        struct.pack_into(">I", changed, 17, google_crc32c.value(bytes(changed[21:])))
    return bytes(changed)


def test_header_of_a_batch_from_java_is_read_field_by_field() -> None:
    header = check_batch(GOLDEN["idempotent"])
    assert header.base_offset == 0
    assert header.size == len(GOLDEN["idempotent"])
    assert header.partition_leader_epoch == 5
    assert header.magic == 2
    assert header.last_offset == 2
    assert header.next_offset == 3
    assert (header.base_timestamp, header.max_timestamp) == (T0, T0 + 5)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (4000, 3, 17)
    assert header.last_sequence == 19
    assert header.records_count == 3
    assert not header.is_transactional
    assert not header.is_control
    assert not header.has_log_append_time


def test_flags_of_a_batch_from_java_are_told_apart() -> None:
    assert check_batch(GOLDEN["transactional"]).is_transactional
    assert check_batch(GOLDEN["commit"]).is_control
    assert check_batch(GOLDEN["logappend"]).has_log_append_time


def test_records_of_a_batch_from_java_are_read() -> None:
    assert [(r.key, r.value, r.timestamp, r.headers) for r in iter_records(GOLDEN["none"])] == [
        (r.key, r.value, r.timestamp, r.headers) for r in RECORDS
    ]
    assert [r.offset for r in iter_records(GOLDEN["none"])] == [0, 1, 2]


def test_log_append_time_replaces_the_time_of_every_record() -> None:
    records = list(iter_records(GOLDEN["logappend"]))
    assert [r.offset for r in records] == [42, 43, 44]
    assert {r.timestamp for r in records} == {T0 + 9999}


def test_a_built_batch_has_the_bytes_that_java_writes() -> None:
    assert build_batch(RECORDS) == GOLDEN["none"]
    assert (
        build_batch(RECORDS, producer_id=4000, producer_epoch=3, base_sequence=17, partition_leader_epoch=5)
        == GOLDEN["idempotent"]
    )
    assert (
        build_batch(RECORDS, producer_id=4000, producer_epoch=3, base_sequence=17, is_transactional=True)
        == GOLDEN["transactional"]
    )
    assert (
        build_batch(RECORDS, base_offset=42, partition_leader_epoch=6, log_append_time=T0 + 9999) == GOLDEN["logappend"]
    )


@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_marker_has_the_bytes_that_java_writes(commit: bool) -> None:
    marker = bytearray(
        build_end_txn_marker(producer_id=4000, producer_epoch=3, commit=commit, coordinator_epoch=9, timestamp=T0)
    )
    set_offsets_in_place(marker, 0, 7, 2)
    assert marker == GOLDEN["commit" if commit else "abort"]


def test_a_transaction_marker_of_java_is_read() -> None:
    [record] = iter_records(GOLDEN["abort"])
    assert read_end_txn_marker(record) == EndTxnMarker(commit=False, coordinator_epoch=9)


@pytest.fixture
def kafka_python() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kafka-python reads its schemas with a deprecated function
        from kafka.record import default_records
    return default_records


def test_kafka_python_reads_a_built_batch(kafka_python: Any) -> None:
    batch = kafka_python.DefaultRecordBatch(bytearray(build_batch(RECORDS, base_offset=7)))
    assert batch.validate_crc()
    assert [(r.offset, r.key, r.value, r.timestamp) for r in batch] == [
        (7 + i, r.key, r.value, r.timestamp) for i, r in enumerate(RECORDS)
    ]


def test_a_batch_of_kafka_python_is_read(kafka_python: Any) -> None:
    builder = kafka_python.DefaultRecordBatchBuilder(
        magic=2,
        compression_type=1,
        is_transactional=0,
        producer_id=9,
        producer_epoch=1,
        base_sequence=3,
        batch_size=9999,
    )
    for i in range(200):
        builder.append(i, timestamp=T0 + i, key=b"k", value=b"v%d" % i, headers=[("h", b"x")])
    batch = bytes(builder.build())
    header = check_produced(batch)
    records = list(iter_records(batch))
    assert (header.producer_id, header.base_sequence, header.records_count) == (9, 3, 200)
    assert [r.value for r in records] == [b"v%d" % i for i in range(200)]
    assert records[199].timestamp == T0 + 199


def test_offsets_are_set_without_touching_the_checksum() -> None:
    batch = bytearray(GOLDEN["none"])
    set_offsets_in_place(memoryview(batch), 0, 1 << 40, 12)
    header = check_batch(batch)
    assert (header.base_offset, header.partition_leader_epoch) == (1 << 40, 12)


def test_log_append_time_renews_the_checksum() -> None:
    batch = bytearray(build_batch(RECORDS, base_offset=42, partition_leader_epoch=6))
    set_log_append_time(batch, 0, T0 + 9999)
    assert batch == GOLDEN["logappend"]


def test_the_last_sequence_number_wraps_to_zero() -> None:
    header = read_header(build_batch(RECORDS, producer_id=1, producer_epoch=0, base_sequence=(1 << 31) - 2))
    assert header.last_sequence == 0


@pytest.mark.parametrize("size", range(len(GOLDEN["none"])))
def test_a_cut_off_batch_is_refused_wherever_it_ends(size: int) -> None:
    with pytest.raises(CorruptBatch):
        check_batch(GOLDEN["none"][:size])
    with pytest.raises(InvalidRecord, match="must have one record batch"):
        check_produced(GOLDEN["none"][:size])


@pytest.mark.parametrize("position", range(16, len(GOLDEN["none"])))
def test_every_flipped_bit_behind_the_leader_epoch_is_found(position: int) -> None:
    damaged = bytearray(GOLDEN["none"])
    damaged[position] ^= 0x10
    with pytest.raises(CorruptBatch):
        check_batch(damaged)


def test_a_produce_request_may_hold_a_cut_off_second_batch_but_not_a_whole_one() -> None:
    batch = GOLDEN["none"]
    assert check_produced(batch + batch[:-1]).size == len(batch)
    with pytest.raises(InvalidRecord, match="exactly one record batch"):
        check_produced(batch + batch)


@pytest.mark.parametrize(
    ("batch", "error", "code"),
    [
        (with_field(GOLDEN["none"], 16, "b", 1), NotOneBatch, 87),
        (with_field(GOLDEN["none"], 16, "b", 3), CorruptBatch, 2),
        (with_field(GOLDEN["none"], 8, "i", 20), CorruptBatch, 2),
        (with_field(GOLDEN["none"], 57, "i", 2), InvalidRecord, 87),
        (with_field(GOLDEN["none"], 57, "i", 0), InvalidRecord, 87),
        (with_field(GOLDEN["none"], 23, "i", -1), InvalidRecord, 87),
        (with_field(GOLDEN["none"], 0, "q", 5), InvalidRecord, 87),
        (with_field(GOLDEN["idempotent"], 53, "i", -1), InvalidRecord, 87),
        (with_field(GOLDEN["none"], 21, "h", 0x20), InvalidRecord, 87),
        (with_field(GOLDEN["none"], 21, "h", 5), UnknownCompression, -1),
        (b"", NotOneBatch, 87),
    ],
    ids=[
        "magic 1",
        "magic 3",
        "length",
        "count",
        "none",
        "delta",
        "base offset",
        "sequence",
        "control",
        "codec",
        "empty",
    ],
)
def test_a_produced_batch_that_breaks_a_rule_is_refused_with_kafkas_code(
    batch: bytes, error: type[CorruptBatch], code: int
) -> None:
    with pytest.raises(error) as caught:
        check_produced(batch)
    assert type(caught.value) is error
    assert caught.value.code == code


def test_zstd_is_refused_for_old_produce_requests() -> None:
    batch = build_batch(RECORDS, compression=4)
    assert check_produced(batch).compression == 4
    with pytest.raises(UnsupportedCompression):
        check_produced(batch, allow_zstd=False)


def test_batches_in_a_row_are_checked_with_their_positions() -> None:
    data = GOLDEN["none"] + GOLDEN["idempotent"]
    assert [position for position, _ in check_batches(data)] == [0, len(GOLDEN["none"])]
    with pytest.raises(CorruptBatch):
        check_batches(data + b"\0" * 70)


@pytest.mark.parametrize("position", range(HEADER_SIZE, len(GOLDEN["none"])))
def test_malformed_records_raise_nothing_but_corrupt_batch(position: int) -> None:
    for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
        damaged = bytearray(GOLDEN["none"])
        damaged[position] = value
        try:
            records = list(iter_records(bytes(damaged)))
        except InvalidRecord:
            continue
        assert len(records) == 3


def test_compaction_may_leave_gaps_between_offsets() -> None:
    batch = build_batch(RECORDS, base_offset=100, offset_deltas=[0, 4, 9], last_offset_delta=20)
    assert [record.offset for record in iter_records(batch)] == [100, 104, 109]
    assert check_batch(batch).next_offset == 121


field = st.none() | st.binary(max_size=40)
record = st.builds(
    Record,
    key=field,
    value=field,
    timestamp=st.integers(min_value=-1, max_value=1 << 53),
    headers=st.lists(st.tuples(st.text(max_size=5), field), max_size=3).map(tuple),
)


@given(st.lists(record, min_size=1, max_size=20), st.integers(min_value=0, max_value=4))
def test_any_records_survive_any_codec(records: list[Record], codec: int) -> None:
    batch = build_batch(records, compression=codec, base_offset=11)
    assert check_batch(batch).records_count == len(records)
    read = list(iter_records(batch))
    assert [(r.key, r.value, r.timestamp, r.headers) for r in read] == [
        (r.key, r.value, r.timestamp, r.headers) for r in records
    ]
    assert [r.offset for r in read] == [11 + i for i in range(len(records))]


def test_walk_ends_before_the_first_bytes_that_are_not_a_whole_batch() -> None:
    first, second = GOLDEN["none"], GOLDEN["transactional"]
    data = first + second
    ends = [len(first), len(data)]
    for cut in range(len(data) + 1):
        walked = [position + header.size for position, header in walk_batches(data[:cut])]
        assert walked == [end for end in ends if end <= cut]
        at = walked[-1] if walked else 0
        if cut < len(data):
            header_is_whole = cut - at >= HEADER_SIZE
            assert batch_size(data[:cut], at) == ((ends[len(walked)] - at) if header_is_whole else HEADER_SIZE)


@pytest.mark.parametrize("length", [48, 0, -1, -(1 << 31)])
def test_walk_ends_before_an_impossible_length(length: int) -> None:
    data = bytearray(GOLDEN["none"] * 2)
    at = len(GOLDEN["none"])
    data[at + 8 : at + 12] = length.to_bytes(4, signed=True)
    assert [position for position, _ in walk_batches(data)] == [0]
    with pytest.raises(CorruptBatch, match="smaller than its header"):
        batch_size(data, at)


def test_raw_headers_are_the_fields_of_batch_headers() -> None:
    data = b"more" + GOLDEN["none"] + GOLDEN["logappend"]
    assert list(walk_raw_headers(data, 4)) == [(at, tuple(header)) for at, header in walk_batches(data, 4)]


@pytest.mark.parametrize("producer", [{}, {"producer_id": 7, "producer_epoch": 1, "base_sequence": 0}])
def test_a_batch_that_is_built_piece_by_piece_has_the_same_bytes(producer: dict[str, Any]) -> None:
    contents = [(b"k", b"v"), (None, b""), (b"\0" * 100, None), *((b"%d" % n, b"x" * n) for n in range(200))]
    builder = BatchBuilder()
    for key, value in contents:
        builder.add(key, value)
    records = [Record(key=key, value=value, timestamp=5) for key, value in contents]
    transactional = bool(producer)
    assert builder.build(5, **producer, is_transactional=transactional) == build_batch(
        records, **producer, is_transactional=transactional
    )

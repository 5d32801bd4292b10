"""Compression codecs: data written by Java, decompression bombs, and damaged data."""

import random
from contextlib import suppress

import pytest

from kafkalite_wire.compression import Compression, CompressionError, compress, decompress
from kafkalite_wire.records import InvalidRecord, Record, build_batch, check_produced, iter_records

# Written by MemoryRecords of kafka-clients 4.4.0; the records are those of test_records.
GOLDEN = {
    "gzip": bytes.fromhex(
        "000000000000000000000072ffffffff0265f5d46e0001000000020000018bcfe568000000018bcfe56805ffffffffff"
        "ffffffffffffffffff000000031f8b08000000000000fff361606060c936d4cb48cdc9c957c02059983298ca98f21825"
        "18b89818798a5393f3f352180418d85858b28d1919009467e7883d000000"
    ),
    "snappy": bytes.fromhex(
        "000000000000000000000077ffffffff02b1e89e4e0002000000020000018bcfe568000000018bcfe56805ffffffffff"
        "ffffffffffffffffff0000000382534e41505059000000000100000001000000323d344c000000046b312e68656c6c6f"
        "20420600740402680276026e0118000a02010c7365636f6e640010000604046b330100"
    ),
    "lz4": bytes.fromhex(
        "000000000000000000000071ffffffff0231c6d7910003000000020000018bcfe568000000018bcfe56805ffffffffff"
        "ffffffffffffffffff0000000304224d1860408231000000ed4c000000046b312e68656c6c6f200600f00f0402680276"
        "026e0118000a02010c7365636f6e640010000604046b33010000000000"
    ),
    "zstd": bytes.fromhex(
        "000000000000000000000070ffffffff02428025730004000000020000018bcfe568000000018bcfe56805ffffffffff"
        "ffffffffffffffffff0000000328b52ffd00589c0100c4024c000000046b312e68656c6c6f200402680276026e011800"
        "0a02010c7365636f6e640010000604046b3301000100998b12010000"
    ),
}

CODECS = {
    "gzip": Compression.GZIP,
    "snappy": Compression.SNAPPY,
    "lz4": Compression.LZ4,
    "zstd": Compression.ZSTD,
}
COMPRESSED = sorted(CODECS.values())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_compressed_batch_of_java_is_read(name: str) -> None:
    assert check_produced(GOLDEN[name]).compression == CODECS[name]
    records = list(iter_records(GOLDEN[name]))
    assert [r.value for r in records] == [b"hello hello hello hello", b"second", None]
    assert [r.key for r in records] == [b"k1", None, b"k3"]


@pytest.mark.parametrize("name", ["snappy", "lz4"])
def test_snappy_and_lz4_have_the_very_framing_of_java(name: str) -> None:
    records = list(iter_records(GOLDEN[name]))
    assert build_batch(records, compression=CODECS[name]) == GOLDEN[name]


def test_raw_snappy_without_javas_framing_is_read() -> None:
    # A literal of five bytes in the raw format: length 5, tag (5 - 1) << 2, then the bytes.
    assert decompress(Compression.SNAPPY, b"\x05\x10hello") == b"hello"


def test_lz4_frames_with_linked_blocks_are_read() -> None:
    import cramjam

    data = b"linked blocks refer to the block before them " * 10_000
    assert decompress(Compression.LZ4, bytes(cramjam.lz4.compress(data))) == data


def test_gzip_members_in_a_row_are_one_stream() -> None:
    data = compress(Compression.GZIP, b"one ") + compress(Compression.GZIP, b"two")
    assert decompress(Compression.GZIP, data) == b"one two"


@pytest.mark.parametrize("codec", COMPRESSED)
@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 64 * 1024 + 1, 300_000])
def test_data_of_any_size_survives(codec: int, size: int) -> None:
    for data in (bytes(size), random.Random(size).randbytes(size)):
        assert decompress(codec, compress(codec, data)) == data


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_bomb_is_refused_before_it_fills_memory(codec: int) -> None:
    bomb = compress(codec, bytes(5_000_000))
    assert len(decompress(codec, bomb, limit=5_000_000)) == 5_000_000
    with pytest.raises(CompressionError, match="more than"):
        decompress(codec, bomb, limit=4_999_999)


def test_a_batch_that_is_a_bomb_is_an_invalid_record() -> None:
    batch = build_batch([Record(value=bytes(100_000))], compression=Compression.ZSTD)
    with pytest.raises(InvalidRecord, match="do not decompress"):
        list(iter_records(batch, max_decompressed=50_000))


@pytest.mark.parametrize("codec", COMPRESSED)
def test_damaged_and_cut_off_streams_are_refused_or_read_but_never_crash(codec: int) -> None:
    stream = compress(codec, b"some text that repeats, some text that repeats" * 20)
    for size in range(len(stream)):
        with suppress(CompressionError):
            decompress(codec, stream[:size], limit=1 << 20)
    for position in range(len(stream)):
        damaged = bytearray(stream)
        damaged[position] ^= 0x41
        with suppress(CompressionError):
            assert len(decompress(codec, bytes(damaged), limit=1 << 20)) <= 1 << 20


@pytest.mark.parametrize("codec", COMPRESSED)
def test_garbage_is_refused(codec: int) -> None:
    with pytest.raises(CompressionError):
        decompress(codec, b"this is not compressed at all")


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(CompressionError, match="unknown"):
        compress(5, b"")
    with pytest.raises(CompressionError, match="unknown"):
        decompress(7, b"")

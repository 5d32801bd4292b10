"""Between records as tests see them and batches as they lie in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kafkalite.testing.views import Header, Record
from kafkalite_wire import records as wire

_PREFIX: Final = 12
"""Bytes of a batch that tell how long it is."""

Text = bytes | str | None


def as_bytes(text: Text) -> bytes | None:
    """Encode text; bytes, and nothing at all, stay what they are."""
    return text.encode() if isinstance(text, str) else text


def batch_of(values: Iterable[Text], *, key: Text, headers: Iterable[Header], timestamp: int) -> bytes:
    """Build the batch of records that differ in their values only."""
    kept = tuple(headers)
    return wire.build_batch(
        [wire.Record(key=as_bytes(key), value=as_bytes(value), timestamp=timestamp, headers=kept) for value in values]
    )


def records_in(topic: str, partition: int, data: bytes) -> Iterator[tuple[Record | None, int]]:
    """Read the records of whole batches, each with the offset behind it; None is the end of a batch."""
    view, position = memoryview(data), 0
    while len(view) - position >= _PREFIX:
        header = wire.read_header(view, position)
        if position + header.size > len(view):
            return
        if not header.is_control:
            for record in wire.iter_records(view[position : position + header.size]):
                yield (
                    Record(
                        topic=topic,
                        partition=partition,
                        offset=record.offset,
                        timestamp=record.timestamp,
                        key=record.key,
                        value=record.value,
                        headers=record.headers,
                    ),
                    record.offset + 1,
                )
        yield None, header.next_offset
        position += header.size


def partition_for_key(key: bytes, partitions: int) -> int:
    """Choose a partition by key as Kafka's Java client does, so that both agree: MurmurHash2 without the sign."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Hash as MurmurHash2 of 32 bits, with Kafka's seed."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    whole = len(data) & ~3
    mixed = 0x9747B28C ^ len(data)
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        mixed = (mixed * multiplier & mask) ^ word
    if whole < len(data):
        mixed = (mixed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    mixed = (mixed ^ mixed >> 13) * multiplier & mask
    return mixed ^ mixed >> 15

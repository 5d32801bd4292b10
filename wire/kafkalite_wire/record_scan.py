"""Scan the records of a batch: as spans of the decompressed bytes, or for their keys or times only.

The functions take decompressed records as `bytes` and raise InvalidRecord for malformed ones.
"""

from typing import Final

from kafkalite_wire.batch import HEADER_SIZE, BatchHeader, InvalidRecord, UnknownCompression
from kafkalite_wire.compression import MAX_DECOMPRESSED, Compression, CompressionError, decompress
from kafkalite_wire.schema import Buffer
from kafkalite_wire.varint import decode_varint

Span = tuple[int, int, int, int, int, bytes | None, int, int]
"""Where a record starts and ends, its timestamp delta, where its offset delta starts, its offset delta, its key or
None, where its value starts, and the size of its value, negative for null."""

_SMALL: Final = 0x80


def records_of(batch: Buffer, header: BatchHeader, *, max_decompressed: int = MAX_DECOMPRESSED) -> bytes:
    """Return the decompressed records of one whole batch. Raises InvalidRecord and UnknownCompression."""
    codec = header.compression
    # Keys and values are cut from `bytes`: slices of a view would have to be copied once more.
    payload = bytes(batch[HEADER_SIZE : header.size])
    if codec == Compression.NONE:
        return payload
    if codec > Compression.ZSTD:
        raise UnknownCompression(f"unknown compression codec {codec}")
    try:
        return bytes(decompress(codec, payload, limit=max_decompressed))
    except CompressionError as error:
        raise InvalidRecord(f"the records do not decompress: {error}") from error


def read_span(data: bytes, start: int) -> Span:
    """Return the span of the record at a position. The record's headers are not read."""
    # Most integers take one byte. They are decoded in place, here and in note_keys: replay and compaction
    # read millions of records, and calls of decode_varint would double their time.
    try:
        byte = data[start]
        if byte < _SMALL:
            length = (byte >> 1) ^ -(byte & 1)
            position = start + 1
        else:
            length, position = decode_varint(data, start)
        end = position + length
        byte = data[position + 1]  # the byte before it, the record's attributes, is unused
        if byte < _SMALL:
            time = (byte >> 1) ^ -(byte & 1)
            position += 2
        else:
            time, position = decode_varint(data, position + 1, bits=64)
        offset_at = position
        byte = data[position]
        if byte < _SMALL:
            delta = (byte >> 1) ^ -(byte & 1)
            position += 1
        else:
            delta, position = decode_varint(data, position)
        byte = data[position]
        if byte < _SMALL:
            size = (byte >> 1) ^ -(byte & 1)
            position += 1
        else:
            size, position = decode_varint(data, position)
        key: bytes | None = None
        if size >= 0:
            key = data[position : position + size]
            position += size
        if position >= end or end > len(data):
            raise InvalidRecord(f"a record of {length} bytes with a key of {size} bytes")
        byte = data[position]
        if byte < _SMALL:
            size = (byte >> 1) ^ -(byte & 1)
            position += 1
        else:
            size, position = decode_varint(data, position)
        # The number of headers takes at least one byte.
        if position + size >= end or position >= end:
            raise InvalidRecord(f"a record of {length} bytes with a value of {size} bytes")
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"the record at byte {start} of the batch's records is malformed: {error}") from error
    return start, end, time, offset_at, delta, key, position, size


def scan_records(data: bytes, position: int, count: int, spans: list[Span]) -> int:
    """Append the spans of `count` records that start at a position to `spans`; return the position after them."""
    for _ in range(count):
        span = read_span(data, position)
        spans.append(span)
        position = span[1]
    return position


def find_time(data: bytes, header: BatchHeader, timestamp: int, least: int) -> tuple[int, int] | None:
    """Return timestamp and offset of the first record from offset `least` on that is not older than `timestamp`."""
    if timestamp > header.max_timestamp:
        return None
    position = 0
    try:
        for _ in range(header.records_count):
            length, position = decode_varint(data, position)
            end = position + length
            if length < 0 or end > len(data):
                raise InvalidRecord(f"a record of {length} bytes")
            delta, position = decode_varint(data, position + 1, bits=64)
            time = header.max_timestamp if header.has_log_append_time else header.base_timestamp + delta
            if time >= timestamp:
                offset_delta, _ = decode_varint(data, position)
                if header.base_offset + offset_delta >= least:
                    return time, header.base_offset + offset_delta
            position = end
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"a record of the batch at {header.base_offset} is malformed: {error}") from error
    return None


def note_keys(data: bytes, position: int, count: int, base_offset: int, least: int, keys: dict[bytes, int]) -> int:
    """Set the offset of each key among `count` records that start at a position; return the position after them.

    Records without a key, and those with offsets below `least`, are skipped.
    """
    # The first pass of compaction needs only keys: this takes half the time of read_span.
    try:
        for _ in range(count):
            byte = data[position]
            if byte < _SMALL:
                length = (byte >> 1) ^ -(byte & 1)
                position += 1
            elif (second := data[position + 1]) < _SMALL:
                byte = byte & 0x7F | second << 7
                length = (byte >> 1) ^ -(byte & 1)
                position += 2
            else:
                length, position = decode_varint(data, position)
            end = position + length
            position += 1  # the record's attributes are unused
            while data[position] >= _SMALL:  # the timestamp delta
                position += 1
            position += 1
            byte = data[position]
            if byte < _SMALL:
                delta = (byte >> 1) ^ -(byte & 1)
                position += 1
            else:
                delta, position = decode_varint(data, position)
            byte = data[position]
            if byte < _SMALL:
                size = (byte >> 1) ^ -(byte & 1)
                position += 1
            else:
                size, position = decode_varint(data, position)
            if position + size >= end or end > len(data):
                raise InvalidRecord(f"a record of {length} bytes with a key of {size} bytes")
            if size >= 0 and base_offset + delta >= least:
                keys[data[position : position + size]] = base_offset + delta
            position = end
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"a record of the batch at {base_offset} is malformed: {error}") from error
    return position

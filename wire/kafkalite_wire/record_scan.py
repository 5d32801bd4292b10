"""A lean walk along the records of a batch, for those who read millions: no `Record` is made.

The functions take the decompressed records as `bytes` and raise InvalidRecord for what is malformed. They repeat
the decoding of small numbers in place, because a call for each would double their time.
"""

from typing import Final

from kafkalite_wire.batch import HEADER_SIZE, BatchHeader, InvalidRecord, UnsupportedCompression
from kafkalite_wire.compression import MAX_DECOMPRESSED, Compression, CompressionError, decompress
from kafkalite_wire.varint import decode_varint

#: Where a record begins and ends, its timestamp delta, where its offset delta begins, the delta itself, its key
#: (None: it has none), where its value begins (or would) and the length of that, -1 for none.
Span = tuple[int, int, int, int, int, bytes | None, int, int]

_SMALL: Final = 0x80


def records_of(batch: bytes, header: BatchHeader, *, max_decompressed: int = MAX_DECOMPRESSED) -> bytes:
    """Return the records of one whole batch, decompressed; raises InvalidRecord, UnsupportedCompression."""
    codec = header.compression
    payload = batch[HEADER_SIZE : header.size]
    if codec == Compression.NONE:
        return payload
    if codec > Compression.ZSTD:
        raise UnsupportedCompression(f"unknown compression codec {codec}")
    try:
        return bytes(decompress(codec, payload, limit=max_decompressed))
    except CompressionError as error:
        raise InvalidRecord(f"the records do not decompress: {error}") from error


def note_keys(data: bytes, position: int, count: int, base_offset: int, least: int, keys: dict[bytes, int]) -> int:
    """Note in keys the offset of each of count records from position on; return the position behind them.

    Records without a key, and those below the offset least, are left out.
    """
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


def find_time(data: bytes, header: BatchHeader, timestamp: int, least: int) -> tuple[int, int] | None:
    """Return the time and the offset of the first record that is not older than a time, from the offset least on."""
    base_timestamp = header.base_timestamp
    needed = timestamp - base_timestamp
    has_one_time = header.has_log_append_time  # the deltas say nothing then
    if timestamp > header.max_timestamp:
        return None
    least -= header.base_offset
    position = 0
    try:
        for _ in range(header.records_count):
            byte = data[position]
            if byte < _SMALL:
                length = (byte >> 1) ^ -(byte & 1)
                position += 1
            else:
                length, position = decode_varint(data, position)
            end = position + length
            if length < 0 or end > len(data):
                raise InvalidRecord(f"a record of {length} bytes")
            byte = data[position + 1]
            if byte < _SMALL:
                time = (byte >> 1) ^ -(byte & 1)
                position += 2
            else:
                time, position = decode_varint(data, position + 1, bits=64)
            if time >= needed or has_one_time:
                delta, _ = decode_varint(data, position)
                if delta >= least:
                    found = header.max_timestamp if has_one_time else base_timestamp + time
                    return found, header.base_offset + delta
            position = end
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"a record of the batch at {header.base_offset} is malformed: {error}") from error
    return None


def scan_records(data: bytes, position: int, count: int, spans: list[Span]) -> int:
    """Add the span of each of count records from position on to spans; return the position behind them."""
    try:
        for _ in range(count):
            start = position
            byte = data[position]
            if byte < _SMALL:
                length = (byte >> 1) ^ -(byte & 1)
                position += 1
            else:
                length, position = decode_varint(data, position)
            end = position + length
            byte = data[position + 1]
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
            if position + max(size, 0) >= end:
                raise InvalidRecord(f"a record of {length} bytes with a value of {size} bytes")
            spans.append((start, end, time, offset_at, delta, key, position, size))
            position = end
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"record {len(spans)} of the batch is malformed: {error}") from error
    return position

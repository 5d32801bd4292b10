"""Rewrite a batch: with fewer records, a delete horizon, or none, for compaction; with further headers, for a proxy.

Base offset, last offset, sequence, producer and leader epoch do not change, so that the remaining records keep their
offsets and sequence numbers (KIP-98). The delete horizon is stored as the base timestamp (KIP-534).
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from kafkalite_wire.batch import (
    COMPRESSION_MASK,
    DELETE_HORIZON,
    HEADER,
    HEADER_SIZE,
    LENGTH_PREFIX,
    NO_TIMESTAMP,
    BatchHeader,
    InvalidRecord,
    crc32c,
)
from kafkalite_wire.compression import compress
from kafkalite_wire.record_scan import Span, read_span
from kafkalite_wire.varint import decode_varint, encode_varint

_CRC: Final = Struct(">I")


def with_records(header: BatchHeader, data: bytes, kept: Sequence[Span], delete_horizon: int | None) -> bytes:
    """Build the batch with some of its records, given as spans of data.

    `delete_horizon`, in milliseconds, is set; None keeps the horizon that the batch has, if any.
    """
    base_timestamp = header.base_timestamp
    attributes = header.attributes
    if delete_horizon is None:
        payload = b"".join([data[span[0] : span[1]] for span in kept])
    else:
        shift = base_timestamp - delete_horizon
        parts: list[bytes] = []
        for _, end, time, offset_at, *_ in kept:
            body = b"\x00" + encode_varint(time + shift) + data[offset_at:end]
            parts += (encode_varint(len(body)), body)
        payload = b"".join(parts)
        attributes |= DELETE_HORIZON
    max_timestamp = header.max_timestamp
    if not header.has_log_append_time:
        max_timestamp = base_timestamp + max(span[2] for span in kept)
    if attributes & COMPRESSION_MASK:
        payload = compress(attributes & COMPRESSION_MASK, payload)
    return _finished(
        header._replace(
            batch_length=HEADER_SIZE - LENGTH_PREFIX + len(payload),
            attributes=attributes,
            base_timestamp=base_timestamp if delete_horizon is None else delete_horizon,
            max_timestamp=max_timestamp,
            records_count=len(kept),
        ),
        payload,
    )


def without_records(header: BatchHeader) -> bytes:
    """Build the batch without records, as kept for the sequence numbers in its header."""
    return _finished(
        header._replace(
            batch_length=HEADER_SIZE - LENGTH_PREFIX,
            attributes=header.attributes & ~(COMPRESSION_MASK | DELETE_HORIZON),
            base_timestamp=NO_TIMESTAMP,
            records_count=0,
        ),
        b"",
    )


def with_added_headers(header: BatchHeader, data: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Build the batch with further headers in each of its records, given decompressed; nothing else changes.

    Raises InvalidRecord for records that are malformed.
    """
    added = b"".join([encode_varint(len(name)) + name + encode_varint(len(value)) + value for name, value in headers])
    parts: list[bytes] = []
    position = 0
    for _ in range(header.records_count):
        start, end, *_, value_at, size = read_span(data, position)
        try:
            _, body = decode_varint(data, start)
            count, others = decode_varint(data, value_at + max(0, size))
        except (IndexError, ValueError) as error:
            raise InvalidRecord(f"the record at byte {start} of the batch's records is malformed: {error}") from error
        record = b"".join((
            data[body : value_at + max(0, size)], encode_varint(count + len(headers)), data[others:end], added
        ))  # fmt: skip
        parts += (encode_varint(len(record)), record)
        position = end
    payload = b"".join(parts)
    if header.compression:
        payload = compress(header.compression, payload)
    return _finished(header._replace(batch_length=HEADER_SIZE - LENGTH_PREFIX + len(payload)), payload)


def _finished(header: BatchHeader, payload: bytes) -> bytes:
    batch = bytearray(HEADER.pack(*header))
    batch += payload
    _CRC.pack_into(batch, 17, crc32c(batch[21:]))
    return bytes(batch)

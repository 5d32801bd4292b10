"""Rewrite a batch for compaction: with fewer records, with a delete horizon, or without records.

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
    crc32c,
)
from kafkalite_wire.compression import compress
from kafkalite_wire.record_scan import Span
from kafkalite_wire.varint import encode_varint

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


def _finished(header: BatchHeader, payload: bytes) -> bytes:
    batch = bytearray(HEADER.pack(*header))
    batch += payload
    _CRC.pack_into(batch, 17, crc32c(batch[21:]))
    return bytes(batch)

"""Records of a batch: read and build batches of message format v2, and transaction markers.

Names of `batch` that users of records need are exported here as well.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from kafkalite_wire.batch import (
    CONTROL,
    HEADER,
    HEADER_SIZE,
    LENGTH_PREFIX,
    LOG_APPEND_TIME,
    MAGIC,
    NO_PRODUCER_ID,
    NO_TIMESTAMP,
    SMALLEST_LENGTH,
    TRANSACTIONAL,
    BatchHeader,
    CorruptBatch,
    InvalidRecord,
    NotOneBatch,
    UnknownCompression,
    UnsupportedCompression,
    check_batch,
    check_batches,
    check_count,
    check_produced,
    crc32c,
    read_header,
    set_create_time,
    set_log_append_time,
    set_offsets_in_place,
    walk_batches,
)
from kafkalite_wire.compression import MAX_DECOMPRESSED, Compression, compress
from kafkalite_wire.record_scan import read_span, records_of
from kafkalite_wire.schema import Buffer
from kafkalite_wire.values import value_class
from kafkalite_wire.varint import decode_varint, encode_varint

__all__ = [
    "HEADER_SIZE",
    "MAGIC",
    "NO_PRODUCER_ID",
    "NO_TIMESTAMP",
    "BatchHeader",
    "Buffer",
    "Compression",
    "CorruptBatch",
    "EndTxnMarker",
    "Header",
    "InvalidRecord",
    "NotOneBatch",
    "Record",
    "UnknownCompression",
    "UnsupportedCompression",
    "build_batch",
    "build_end_txn_marker",
    "check_batch",
    "check_batches",
    "check_count",
    "check_produced",
    "iter_records",
    "read_end_txn_marker",
    "read_header",
    "set_create_time",
    "set_log_append_time",
    "set_offsets_in_place",
    "walk_batches",
]

Header = tuple[str, bytes | None]

_CRC: Final = Struct(">I")
_MARKER_KEY: Final = Struct(">hh")
_MARKER_VALUE: Final = Struct(">hi")
_ABORT: Final = 0
_COMMIT: Final = 1


class Record(NamedTuple):
    """One record; the timestamp is in milliseconds, and the value of a header may be null.

    A named tuple, because replaying a log makes millions of them. `build_batch` ignores the offset: its records get
    those that follow its base offset.
    """

    key: bytes | None = None
    value: bytes | None = None
    timestamp: int = NO_TIMESTAMP
    headers: tuple[Header, ...] = ()
    offset: int = -1


@value_class(kw_only=True)
class EndTxnMarker:
    """The control record that ends a transaction (KIP-98)."""

    commit: bool
    coordinator_epoch: int


def iter_records(batch: Buffer, *, max_decompressed: int = MAX_DECOMPRESSED) -> Iterator[Record]:
    """Yield the records of one whole batch.

    Raises InvalidRecord if the records contradict the header or themselves, or decompress to more than
    `max_decompressed` bytes. The CRC is not checked.
    """
    header = read_header(batch)
    if header.size > len(batch) or header.batch_length < SMALLEST_LENGTH:
        raise CorruptBatch(f"a batch of {header.size} bytes in {len(batch)} bytes")
    data = records_of(batch, header, max_decompressed=max_decompressed)
    base_offset, base_timestamp = header.base_offset, header.base_timestamp
    log_append_time = header.max_timestamp if header.has_log_append_time else None
    position = 0
    for _ in range(header.records_count):
        start, position, time, _, delta, key, value_at, size = read_span(data, position)
        value: bytes | None = None
        headers_at = value_at
        if size >= 0:
            headers_at += size
            value = data[value_at:headers_at]
        # Most records have no headers: a count of 0 in one byte, the last of the record.
        headers = (
            () if headers_at + 1 == position and not data[headers_at] else _headers(data, headers_at, position, start)
        )
        timestamp = base_timestamp + time if log_append_time is None else log_append_time
        yield Record(key, value, timestamp, headers, base_offset + delta)
    if position != len(data):
        raise InvalidRecord(f"{len(data) - position} bytes follow the last record of the batch")


def _headers(data: bytes, position: int, end: int, start: int) -> tuple[Header, ...]:
    try:
        count, position = decode_varint(data, position)
        if count < 0 or count > end - position:
            raise ValueError(f"it claims {count} headers")
        headers: list[Header] = []
        for _ in range(count):
            name, position = _read_bytes(data, position, end)
            if name is None:
                raise ValueError("a header has no name")
            content, position = _read_bytes(data, position, end)
            headers.append((name.decode("utf-8", "replace"), content))
        if position != end:
            raise ValueError(f"it is {end - start} bytes long, but its headers end at byte {position - start}")
    except (IndexError, ValueError) as error:
        raise InvalidRecord(f"the record at byte {start} of the batch's records is malformed: {error}") from error
    return tuple(headers)


def _read_bytes(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    length, position = decode_varint(data, position)
    if length < 0:
        return None, position
    stop = position + length
    if stop > end:
        raise ValueError(f"a header of {length} bytes exceeds it")
    return data[position:stop], stop


def build_batch(
    records: Sequence[Record],
    *,
    base_offset: int = 0,
    compression: int = Compression.NONE,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    is_transactional: bool = False,
    is_control: bool = False,
    partition_leader_epoch: int = -1,
    log_append_time: int | None = None,
    offset_deltas: Sequence[int] | None = None,
    last_offset_delta: int | None = None,
) -> bytes:
    """Build a batch of at least one record.

    `offset_deltas` and `last_offset_delta` keep the offsets of records that compaction left; without them, offsets
    have no gaps. `log_append_time` is the broker's time, in milliseconds, for every record.
    """
    base_timestamp = records[0].timestamp
    max_timestamp = base_timestamp
    parts: list[bytes] = []
    for index, record in enumerate(records):
        if record.timestamp > max_timestamp:
            max_timestamp = record.timestamp
        delta = index if offset_deltas is None else offset_deltas[index]
        body = _record_body(record, record.timestamp - base_timestamp, delta)
        parts += (encode_varint(len(body)), body)
    payload = b"".join(parts)
    if compression:
        payload = compress(compression, payload)
    attributes = int(compression)
    if log_append_time is not None:
        attributes |= LOG_APPEND_TIME
        max_timestamp = log_append_time
    if is_transactional:
        attributes |= TRANSACTIONAL
    if is_control:
        attributes |= CONTROL
    if last_offset_delta is None:
        last_offset_delta = len(records) - 1 if offset_deltas is None else offset_deltas[-1]
    return _with_header(
        payload,
        base_offset,
        HEADER_SIZE - LENGTH_PREFIX + len(payload),
        partition_leader_epoch,
        MAGIC,
        0,
        attributes,
        last_offset_delta,
        base_timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        len(records),
    )


def _with_header(payload: bytes, *header: int) -> bytes:
    batch = bytearray(HEADER.pack(*header))
    batch += payload
    _CRC.pack_into(batch, 17, crc32c(batch[21:]))
    return bytes(batch)


class BatchBuilder:
    """Builds an uncompressed batch from records without headers that come one by one and share one timestamp."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Encode a record behind those that were added before."""
        body = b"\0\0%b%b%b\0" % (encode_varint(self._count), _nullable(key), _nullable(value))
        self._parts += (encode_varint(len(body)), body)
        self._count += 1

    def build(
        self,
        timestamp: int,
        *,
        producer_id: int = NO_PRODUCER_ID,
        producer_epoch: int = -1,
        base_sequence: int = -1,
        is_transactional: bool = False,
    ) -> bytes:
        """Return the batch, which has at least one record; the timestamp is in milliseconds."""
        payload = b"".join(self._parts)
        return _with_header(
            payload,
            0,
            HEADER_SIZE - LENGTH_PREFIX + len(payload),
            -1,
            MAGIC,
            0,
            TRANSACTIONAL if is_transactional else 0,
            self._count - 1,
            timestamp,
            timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            self._count,
        )


def _nullable(content: bytes | None) -> bytes:
    return b"\x01" if content is None else encode_varint(len(content)) + content


def _record_body(record: Record, timestamp_delta: int, offset_delta: int) -> bytes:
    parts = [b"\x00", encode_varint(timestamp_delta), encode_varint(offset_delta)]
    parts += (_nullable(record.key), _nullable(record.value))
    parts.append(encode_varint(len(record.headers)))
    for name, content in record.headers:
        encoded = name.encode()
        parts += (encode_varint(len(encoded)), encoded, _nullable(content))
    return b"".join(parts)


def build_end_txn_marker(
    *,
    producer_id: int,
    producer_epoch: int,
    commit: bool,
    coordinator_epoch: int,
    timestamp: int,
    base_offset: int = 0,
) -> bytes:
    """Build the control batch that commits or aborts a transaction; the timestamp is in milliseconds."""
    record = Record(
        key=_MARKER_KEY.pack(0, _COMMIT if commit else _ABORT),
        value=_MARKER_VALUE.pack(0, coordinator_epoch),
        timestamp=timestamp,
    )
    return build_batch(
        [record],
        base_offset=base_offset,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        is_transactional=True,
        is_control=True,
    )


def read_end_txn_marker(record: Record) -> EndTxnMarker | None:
    """Read a control record; return None if it does not end a transaction."""
    if record.key is None or len(record.key) < _MARKER_KEY.size:
        raise InvalidRecord("a control record has no type")
    _, kind = _MARKER_KEY.unpack_from(record.key)
    if kind not in (_ABORT, _COMMIT):
        return None
    if record.value is None or len(record.value) < _MARKER_VALUE.size:
        raise InvalidRecord("a transaction marker has no coordinator epoch")
    return EndTxnMarker(commit=kind == _COMMIT, coordinator_epoch=_MARKER_VALUE.unpack_from(record.value)[1])

"""Read the records of a log from its start, as the broker does with its own topics: keys and values only, and fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_wire.batch import COMPRESSION_MASK, CONTROL, HEADER, HEADER_SIZE, LENGTH_PREFIX, BatchHeader
from kafkalite_wire.record_scan import Span, records_of, scan_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafkalite_storage.log.log import PartitionLog

_PIECE: Final = 1 << 20


def keys_and_values(log: PartitionLog) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the key and the value of every record that has a key; transaction markers are left out.

    Raises StorageError and CorruptBatch.
    """
    unpack = HEADER.unpack_from
    offset = log.log_start_offset
    spans: list[Span] = []
    while offset < log.log_end_offset:
        piece = log.read(offset, max_bytes=_PIECE).read()
        at, length = 0, len(piece)
        while length - at >= HEADER_SIZE:
            header = unpack(piece, at)
            end = at + header[1] + LENGTH_PREFIX
            if end > length:
                break
            if not header[5] & CONTROL:
                if header[5] & COMPRESSION_MASK:
                    data = records_of(piece[at:end], BatchHeader._make(header))
                    scan_records(data, 0, header[12], spans)
                else:
                    data = piece
                    scan_records(data, at + HEADER_SIZE, header[12], spans)
                for span in spans:
                    key = span[5]
                    if key is not None:
                        yield key, None if span[7] < 0 else data[span[6] : span[6] + span[7]]
                spans.clear()
            offset = header[0] + header[6] + 1
            at = end
        if at == 0:  # what stood at the end of the log was compacted away
            return

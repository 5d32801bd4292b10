"""Read the records of a coordinator's partition from its start, as a coordinator loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kafkalite_wire.batch import (
    COMPRESSION_MASK,
    CONTROL,
    HEADER_SIZE,
    TRANSACTIONAL,
    walk_batches,
)
from kafkalite_wire.record_scan import Span, records_of, scan_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafkalite_storage.log.log import PartitionLog

_READ_SIZE: Final = 1 << 20


class ReplayedRecord(NamedTuple):
    """A record that has a key; ``producer_id`` is -1 unless it is part of a transaction.

    A marker that ends a transaction has ``is_control``; its key says in the last two bytes whether it commits (1).
    """

    key: bytes
    value: bytes | None
    offset: int
    producer_id: int = -1
    producer_epoch: int = -1
    is_control: bool = False

    @property
    def is_commit(self) -> bool:
        """Whether this is the marker of a transaction that was committed."""
        return self.is_control and int.from_bytes(self.key[2:4]) == 1


def replay(log: PartitionLog) -> Iterator[ReplayedRecord]:
    """Yield every record that has a key, and the markers that end transactions.

    Raises StorageError, CorruptBatch and InvalidRecord.
    """
    offset = log.log_start_offset
    spans: list[Span] = []
    while offset < log.log_end_offset:
        piece = log.read(offset, max_bytes=_READ_SIZE).read()
        start = offset
        for at, header in walk_batches(piece):
            if header.attributes & COMPRESSION_MASK:
                data = records_of(piece[at : at + header.size], header)
                scan_records(data, 0, header.records_count, spans)
            else:
                data = piece
                scan_records(data, at + HEADER_SIZE, header.records_count, spans)
            is_control = bool(header.attributes & CONTROL)
            producer_id = header.producer_id if header.attributes & TRANSACTIONAL else -1
            for span in spans:
                key = span[5]
                if key is not None:
                    value = None if span[7] < 0 else data[span[6] : span[6] + span[7]]
                    yield ReplayedRecord(
                        key, value, header.base_offset + span[4], producer_id, header.producer_epoch, is_control
                    )
            spans.clear()
            offset = header.next_offset
        if offset == start:  # compaction removed the batches at the end of the log
            return

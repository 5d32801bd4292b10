"""Check the records of intact batches: they must match the header, and those of internal topics must decode."""

from dataclasses import dataclass

from kafkalite_storage.inspection.decoders import Decoder
from kafkalite_storage.inspection.report import Report
from kafkalite_wire.errors import WireError
from kafkalite_wire.records import (
    NO_TIMESTAMP,
    BatchHeader,
    CorruptBatch,
    EndTxnMarker,
    Record,
    iter_records,
    read_end_txn_marker,
)


@dataclass(frozen=True, slots=True)
class Marker:
    """A transaction marker and the offset of its record."""

    marker: EndTxnMarker
    offset: int


def check_records(
    report: Report,
    file: str,
    position: int,
    header: BatchHeader,
    data: bytes,
    *,
    decoder: Decoder | None,
    may_have_gaps: bool,
) -> list[Marker]:
    """Read all records of a batch at a position, and return the transaction markers among them."""
    markers: list[Marker] = []
    newest = NO_TIMESTAMP
    expected = header.base_offset
    count = 0
    try:
        for record in iter_records(data):
            count += 1
            if not expected <= record.offset <= header.last_offset:
                raise CorruptBatch(
                    f"record {count - 1} has offset {record.offset} in a batch of offsets {header.base_offset} to "
                    f"{header.last_offset}"
                )
            expected = record.offset + 1
            newest = max(newest, record.timestamp)
            if header.is_control:
                marker = read_end_txn_marker(record)
                if marker is not None:
                    markers.append(Marker(marker, record.offset))
            elif decoder is not None:
                _decode(report, file, position, record, decoder)
    except CorruptBatch as error:
        report.damage(file, str(error), byte=position)
        return markers
    finally:
        report.records += count
    if not may_have_gaps and count != header.last_offset_delta + 1:
        report.damage(file, f"{count} records for offsets {header.base_offset} to {header.last_offset}", byte=position)
    if count and newest != header.max_timestamp:
        report.note(file, f"the newest record is of {newest}, the batch says {header.max_timestamp}", byte=position)
    return markers


def _decode(report: Report, file: str, position: int, record: Record, decoder: Decoder) -> None:
    try:
        decoder(record)
    except WireError as error:
        report.damage(file, f"the record at offset {record.offset} cannot be understood: {error}", byte=position)

"""Compare the indexes of a segment with its batches in one pass."""

from array import array
from itertools import pairwise

from kafkalite_storage.inspection.report import Report
from kafkalite_storage.segment.indexes import (
    OFFSET_ENTRY_SIZE,
    TIME_ENTRY_SIZE,
    decode_offset_index,
    decode_time_index,
)
from kafkalite_storage.segment.transaction_index import (
    TRANSACTION_ENTRY_SIZE,
    TRANSACTION_ENTRY_VERSION,
    AbortedTransaction,
    decode_transactions,
)
from kafkalite_wire.records import NO_TIMESTAMP, BatchHeader


class OffsetIndexCheck:
    """Each entry must name the last offset of the batch that begins at its position."""

    def __init__(self, report: Report, file: str, content: bytes, base_offset: int, *, is_closed: bool) -> None:
        content = _without_preallocation(report, file, content, OFFSET_ENTRY_SIZE, is_closed=is_closed)
        self._report = report
        self._file = file
        self._base_offset = base_offset
        self._offsets, self._positions = decode_offset_index(content)
        self._next = 0
        if not _increase(report, file, OFFSET_ENTRY_SIZE, self._offsets, self._positions):
            self._next = len(self._offsets)

    def see(self, position: int, header: BatchHeader) -> None:
        """Add the next batch."""
        self.pass_over(position)
        if self._next < len(self._offsets) and self._positions[self._next] == position:
            says = self._base_offset + self._offsets[self._next]
            if says != header.last_offset:
                self._wrong(f"says that the batch at byte {position} ends at offset {says}, not {header.last_offset}")
            self._next += 1

    def skip(self, end: int) -> None:
        """Accept entries that point into damaged bytes."""
        while self._next < len(self._positions) and self._positions[self._next] < end:
            self._next += 1

    def pass_over(self, position: int) -> None:
        """Report the entries that point between batches, up to a position."""
        while self._next < len(self._positions) and self._positions[self._next] < position:
            self._wrong(f"points at byte {self._positions[self._next]} of the log, where no batch begins")
            self._next += 1

    def finish(self, size: int) -> None:
        """Report the entries that point beyond the end of the log."""
        while self._next < len(self._positions):
            self._wrong(f"points at byte {self._positions[self._next]} of a log of {size} bytes")
            self._next += 1

    def _wrong(self, what: str) -> None:
        self._report.cache(self._file, f"entry {self._next} {what}", byte=self._next * OFFSET_ENTRY_SIZE)


class TimeIndexCheck:
    """Each entry must hold the newest time up to its offset, and the offset where the batch with it ends."""

    def __init__(self, report: Report, file: str, content: bytes, base_offset: int, *, is_closed: bool) -> None:
        content = _without_preallocation(report, file, content, TIME_ENTRY_SIZE, is_closed=is_closed)
        self._report = report
        self._file = file
        self._base_offset = base_offset
        self._timestamps, self._offsets = decode_time_index(content)
        self._next = 0
        self._newest = (NO_TIMESTAMP, base_offset)
        self._is_closed = is_closed
        self._blind = not _increase(report, file, TIME_ENTRY_SIZE, self._timestamps, self._offsets)

    def see(self, header: BatchHeader) -> None:
        """Add the next batch."""
        if header.max_timestamp > self._newest[0]:
            self._newest = (header.max_timestamp, header.last_offset)
        while not self._blind and self._next < len(self._offsets):
            offset = self._base_offset + self._offsets[self._next]
            if offset > header.last_offset:
                return
            says = (self._timestamps[self._next], offset)
            if says != self._newest:
                self._wrong(
                    f"says that {says[0]} is the newest time up to offset {says[1]}, "
                    f"but it is {self._newest[0]} at offset {self._newest[1]}"
                )
            self._next += 1

    def skip(self) -> None:
        """Stop comparing, because a damaged batch may have had the newest time."""
        self._blind = True

    def finish(self, end_offset: int) -> None:
        """Report entries beyond the end, and a missing entry for the close of a segment."""
        if self._blind:
            return
        while self._next < len(self._offsets):
            offset = self._base_offset + self._offsets[self._next]
            self._wrong(f"is about offset {offset}, but the segment ends before {end_offset}")
            self._next += 1
        last = self._timestamps[-1] if len(self._timestamps) else NO_TIMESTAMP
        if self._is_closed and last < self._newest[0]:
            self._report.cache(self._file, f"its last time is {last}, but there are records of {self._newest[0]}")

    def _wrong(self, what: str) -> None:
        self._report.cache(self._file, f"entry {self._next} {what}", byte=self._next * TIME_ENTRY_SIZE)


def check_transactions(
    report: Report,
    file: str,
    content: bytes,
    aborted: list[AbortedTransaction],
    abort_markers: set[tuple[int, int]],
    *,
    replay_start: int,
    may_be_more: bool,
) -> None:
    """Compare a `.txnindex` with the aborted transactions that a replay of the log found.

    `abort_markers` are pairs of producer id and offset of all markers in the segment. What began before
    `replay_start` is believed where its marker is there; `may_be_more`: the index may lag behind the log.
    """
    if len(content) % TRANSACTION_ENTRY_SIZE:
        report.cache(file, f"its last {len(content) % TRANSACTION_ENTRY_SIZE} bytes are no whole entry")
    expected = {entry.last_offset: entry for entry in aborted}
    for number, (version, entry) in enumerate(decode_transactions(content)):
        byte = number * TRANSACTION_ENTRY_SIZE
        replayed = expected.pop(entry.last_offset, None)
        if version != TRANSACTION_ENTRY_VERSION:
            report.cache(file, f"entry {number} has the unknown version {version}", byte=byte)
        elif (entry.producer_id, entry.last_offset) not in abort_markers:
            report.cache(
                file,
                f"entry {number}: at offset {entry.last_offset} no transaction of producer {entry.producer_id} ends",
                byte=byte,
            )
        elif replayed is None:
            if entry.first_offset >= replay_start:
                report.cache(
                    file,
                    f"entry {number}: no transaction of producer {entry.producer_id} began at {entry.first_offset}",
                    byte=byte,
                )
        elif entry != replayed and not (
            entry.last_stable_offset < replay_start
            and (entry.producer_id, entry.first_offset) == (replayed.producer_id, replayed.first_offset)
        ):
            report.cache(file, f"entry {number} is {_told(entry)}, but the log says {_told(replayed)}", byte=byte)
    if not may_be_more:
        for missing in expected.values():
            report.cache(file, f"an aborted transaction is missing: {_told(missing)}")


def _told(entry: AbortedTransaction) -> str:
    return (
        f"producer {entry.producer_id}, offsets {entry.first_offset} to {entry.last_offset}, "
        f"last stable offset {entry.last_stable_offset}"
    )


def _without_preallocation(report: Report, file: str, content: bytes, entry_size: int, *, is_closed: bool) -> bytes:
    """Drop the zeros that Kafka preallocates at the end of an index in use."""
    used = len(content.rstrip(b"\0"))
    used += -used % entry_size
    if (len(content) - used >= entry_size and used > 0) or (len(content) > entry_size and used == 0):
        tell = report.cache if is_closed else report.note
        tell(file, f"{len(content) - used} bytes of zeros follow the last entry", byte=used)
        return content[:used]
    if len(content) % entry_size:
        report.cache(file, f"its last {len(content) % entry_size} bytes are no whole entry")
    return content


def _increase(report: Report, file: str, entry_size: int, *columns: "array[int]") -> bool:
    """Report the first entry that does not increase in all columns."""
    for column in columns:
        if len(column) and column[0] < 0:
            report.cache(file, f"entry 0 holds {column[0]}", byte=0)
            return False
        for number, (one, next_one) in enumerate(pairwise(column)):
            if next_one <= one:
                report.cache(file, f"entry {number + 1} falls back to {next_one}", byte=(number + 1) * entry_size)
                return False
    return True

"""Compare the `.txnindex` of segments with their batches, once in a process, and rebuild it where it is wrong.

A read-committed consumer would get what was aborted, or lose what was not. Only logs in which there are transactions
pay: for reading the headers of the segments that consumers fetch from, and of those in which these transactions end.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from logging import getLogger

from kafkalite_storage.segment.scan import iter_batches, iter_headers
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.state.producer_state import ProducerStates
from kafkalite_wire.records import BatchHeader, CorruptBatch, check_batch, iter_records, read_end_txn_marker

log = getLogger("kafkalite.storage")


@dataclass(slots=True)
class _Abort:
    """An abort marker; `first_offset` is -1 without data in its segment, `previous` the producer's marker before."""

    producer_id: int
    offset: int
    first_offset: int
    previous: int
    last_stable_offset: int


@dataclass(slots=True)
class _Trail:
    """The transactions of one segment, up to a position in it."""

    position: int = 0
    is_whole: bool = True
    aborts: list[_Abort] = field(default_factory=list[_Abort])
    #: First offset since its last marker here, for each producer with data since then.
    open: dict[int, int] = field(default_factory=dict[int, int])
    #: Offset of each producer's last marker here.
    ended: dict[int, int] = field(default_factory=dict[int, int])

    def end(self, producer_id: int, offset: int, *, commit: bool) -> None:
        """Add a marker."""
        first = self.open.pop(producer_id, -1)
        if not commit:
            stable = min(self.open.values(), default=offset + 1)
            self.aborts.append(_Abort(producer_id, offset, first, self.ended.get(producer_id, -1), stable))
        self.ended[producer_id] = offset


class TransactionVerifier:
    """The transactions of a log, as its batches show them. Methods raise OSError."""

    def __init__(self, producers: ProducerStates) -> None:
        self._is_transactional = bool(producers.open_transactions) or any(p.coordinator_epoch >= 0 for p in producers)
        self._trails: dict[int, _Trail] = {}
        self._checked: set[int] = set()

    def forget(self) -> None:
        """Forget everything, because segments were cut or replaced."""
        self._trails.clear()
        self._checked.clear()

    def forget_before(self, base_offset: int) -> None:
        """Forget the segments below an offset, which were deleted."""
        self._checked = {base for base in self._checked if base >= base_offset}
        self._trails = {base: trail for base, trail in self._trails.items() if base >= base_offset}

    def aborted(
        self, segments: Sequence[Segment], start: int, end: int, log_start_offset: int, *, may_have_gaps: bool
    ) -> list[AbortedTransaction]:
        """Return the aborted transactions that touch offsets from start to before end; of those that are wanted."""
        found: list[AbortedTransaction] = []
        pending: set[int] = set()
        first = max(bisect_right(segments, start, key=_base_offset) - 1, 0)
        for number in range(first, len(segments)):
            segment = segments[number]
            if segment.base_offset >= end and self._is_transactional and not pending:
                break
            index = segment.lookups.transaction_index
            if self._is_transactional or segment.holds_transactions or index.exists():
                self._is_transactional = True
                if segment.base_offset not in self._checked:
                    self._check(segments, number, log_start_offset, may_have_gaps=may_have_gaps)
                    self._checked.add(segment.base_offset)
                if number + 1 < len(segments):
                    trail = self._trail(segment, log_start_offset)
                    pending -= trail.ended.keys()
                    if segment.base_offset < end:
                        pending |= trail.open.keys()
            found.extend(each for each in index if each.last_offset >= start and each.first_offset < end)
        return found

    def _trail(self, segment: Segment, log_start_offset: int) -> _Trail:
        """Return what a segment holds, reading on from where it was read to before."""
        trail = self._trails.setdefault(segment.base_offset, _Trail())
        size = segment.size
        if trail.position >= size or not trail.is_whole:
            return trail
        file = segment.files.log_file()
        for at, header in iter_headers(file, trail.position, size):
            trail.position = at + header.size
            if header.is_control:
                try:
                    for offset, commit in _markers(file.read_at(at, header.size)):
                        trail.end(header.producer_id, offset, commit=commit)
                except (CorruptBatch, ValueError):
                    trail.is_whole = False
            elif header.is_transactional and header.records_count and header.last_offset >= log_start_offset:
                trail.open.setdefault(header.producer_id, header.base_offset)
        trail.is_whole = trail.is_whole and trail.position == size
        return trail

    def _check(self, segments: Sequence[Segment], number: int, log_start_offset: int, *, may_have_gaps: bool) -> None:
        segment = segments[number]
        trail = self._trail(segment, log_start_offset)
        if not trail.is_whole:
            return  # damaged batches are refused when they are read; the index may be right for the rest
        entries = segment.lookups.transaction_index.read()
        believed: list[AbortedTransaction] = []
        by_marker = {abort.offset: abort for abort in trail.aborts}
        for entry in entries or ():
            abort = by_marker.pop(entry.last_offset, None)
            if abort is not None and self._is_true(
                segments, number, entry, abort, log_start_offset, may_have_gaps=may_have_gaps
            ):
                believed.append(entry)
        missing = [
            abort
            for abort in by_marker.values()
            if abort.first_offset >= 0
            or (abort.previous < 0 and self._began(segments, number, abort.producer_id, log_start_offset) >= 0)
        ]
        offsets = [entry.last_offset for entry in believed]
        if entries is not None and len(believed) == len(entries) and not missing and sorted(set(offsets)) == offsets:
            return
        replayed = _replayed(segments[: number + 1], log_start_offset)
        if replayed is None:
            return  # the damage may be in the batch that contradicts the index
        known = {entry.last_offset: entry for entry in replayed} | {entry.last_offset: entry for entry in believed}
        log.warning("%s is damaged or missing; it is rebuilt from the log", segment.lookups.transaction_index.path)
        segment.lookups.transaction_index.replace(known[offset] for offset in sorted(known))

    def _is_true(
        self,
        segments: Sequence[Segment],
        number: int,
        entry: AbortedTransaction,
        abort: _Abort,
        log_start_offset: int,
        *,
        may_have_gaps: bool,
    ) -> bool:
        if entry.producer_id != abort.producer_id or entry.last_stable_offset > abort.offset + 1:
            return False
        if not abort.previous < entry.first_offset < abort.offset:
            return False
        if not may_have_gaps and not (
            entry.last_stable_offset == abort.last_stable_offset
            or self._was_open(segments, number, entry.last_stable_offset, log_start_offset)
        ):
            return False
        first = abort.first_offset
        if abort.previous < 0 and entry.first_offset < segments[number].base_offset:
            began = self._began(segments, number, abort.producer_id, log_start_offset)
            first = began if began >= 0 else first
        # Compaction removes data before markers, and after a deletion of records a replay sees fewer of them.
        return (
            entry.first_offset == first
            or (entry.first_offset < log_start_offset)
            or (may_have_gaps and (first < 0 or entry.first_offset < first))
        )

    def _was_open(self, segments: Sequence[Segment], number: int, offset: int, log_start_offset: int) -> bool:
        """Return whether a transaction that began at an offset was left open before a segment."""
        if not 0 <= offset < segments[number].base_offset:
            return False
        if offset < log_start_offset:
            return True  # its beginning was deleted since
        holder = bisect_right(segments, offset, key=_base_offset) - 1
        return offset in self._trail(segments[holder], log_start_offset).open.values()

    def _began(self, segments: Sequence[Segment], number: int, producer_id: int, log_start_offset: int) -> int:
        """Return where a transaction began that a producer left open before a segment, -1 if there is none."""
        first = -1
        for segment in reversed(segments[:number]):
            trail = self._trail(segment, log_start_offset)
            first = trail.open.get(producer_id, first)
            if producer_id in trail.ended:
                break
        return first


def _base_offset(segment: Segment) -> int:
    return segment.base_offset


def _markers(batch: bytes) -> Iterable[tuple[int, bool]]:
    for record in iter_records(batch):
        marker = read_end_txn_marker(record)
        if marker is not None:
            yield record.offset, marker.commit


def _replayed(segments: Sequence[Segment], log_start_offset: int) -> list[AbortedTransaction] | None:
    """Return the aborted transactions that end in the last of the segments, None where a batch is damaged."""
    states = ProducerStates()
    states.end_offset = log_start_offset
    aborted: list[AbortedTransaction] = []
    for segment in segments:
        position = 0
        for at, header, batch in iter_batches(segment.files.log_file(), 0, segment.size):
            try:
                check_batch(batch)
            except CorruptBatch:
                return None
            position = at + header.size
            if header.producer_id >= 0 and header.last_offset >= log_start_offset:
                _apply(states, header, bytes(batch), aborted if segment is segments[-1] else [])
        if position != segment.size:
            return None
    return aborted


def _apply(states: ProducerStates, header: BatchHeader, batch: bytes, aborted: list[AbortedTransaction]) -> None:
    if not header.is_control:
        if header.records_count:
            states.record_batch(header, header.base_offset)
        return
    for record in iter_records(batch):
        marker = read_end_txn_marker(record)
        if marker is not None:
            ended = states.record_marker(header, marker, record.offset)
            if ended is not None:
                aborted.append(ended)

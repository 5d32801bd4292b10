"""Reads of a log: batches for consumers, and look-ups by offset, time, epoch and transaction."""

from kafkalite_storage.errors import DamagedLog, OffsetOutOfRange, StorageFailure, storage_failures
from kafkalite_storage.log.read_verification import verified_part
from kafkalite_storage.log.state import LogState
from kafkalite_storage.segment import time_search
from kafkalite_storage.segment.segment import NOTHING, FetchSlice
from kafkalite_storage.segment.time_search import TimestampOffset
from kafkalite_storage.segment.transaction_index import AbortedTransaction


class LogReader:
    """Reads one log and changes nothing in it. Raises StorageError, never OSError."""

    def __init__(self, state: LogState) -> None:
        self._state = state
        self._segments = state.segments

    def read(self, offset: int, max_bytes: int, *, min_one_batch: bool, max_offset: int | None) -> FetchSlice:
        """Return batches of one segment; see `PartitionLog.read`."""
        state = self._state
        end = state.log_end_offset
        if not state.log_start_offset <= offset <= end:
            raise OffsetOutOfRange(offset, state.log_start_offset, end)
        limit = state.high_watermark if max_offset is None else max_offset
        if offset >= min(limit, end):
            return NOTHING
        segments = self._segments.all
        try:
            for number in range(self._segments.number_at(offset), len(segments)):
                segment = segments[number]
                if segment.base_offset >= limit:
                    return NOTHING
                stop: int | None = None
                if limit < end and (segment is segments[-1] or segments[number + 1].base_offset > limit):
                    found = segment.lookups.locate(limit)
                    stop = None if found is None else found[0]
                piece = segment.read(offset, max_bytes, min_one_batch=min_one_batch, end=stop)
                if piece is not None:
                    if segment.lookups.verified.covers(piece.position, piece.position + piece.size):
                        return piece
                    return verified_part(
                        segment, piece, offset, may_have_gaps=state.may_have_gaps, epoch_of=state.epochs.epoch_of
                    )
        except OSError as error:
            raise StorageFailure(f"{state.directory}: {error}") from error
        return NOTHING

    def bytes_available(self, offset: int, up_to: int) -> int:
        """Return the bytes of the batches between two offsets; see `PartitionLog.bytes_available`."""
        log_end_offset = self._state.log_end_offset
        up_to = min(up_to, log_end_offset)
        if offset >= up_to:
            return 0
        segments = self._segments.all
        with storage_failures(self._state.directory):
            first = self._segments.number_at(offset)
            last = self._segments.number_at(up_to)
            begin = segments[first].lookups.locate(offset)
            end = None if up_to == log_end_offset else segments[last].lookups.locate(up_to)
            # Without a batch there, which is only so after compaction, nothing follows in that segment.
            start = segments[first].size if begin is None else begin[0]
            stop = segments[last].size if end is None else end[0]
            return sum(segment.size for segment in segments[first:last]) - start + stop

    def on_same_segment(self, offset: int, other: int) -> bool:
        """Return whether two offsets belong to one segment."""
        return self._segments.number_at(offset) == self._segments.number_at(other)

    def end_of_read(self, offset: int, piece: FetchSlice) -> int:
        """Return an offset that is not before the end of what a read at an offset returned.

        As in Kafka it is that of the next entry of the offset index, or else the end of the segment.
        """
        end = self._state.log_end_offset
        with storage_failures(self._state.directory):
            for number in range(self._segments.number_at(offset), len(self._segments)):
                segment = self._segments.all[number]
                try:
                    if segment.lookups.locate(offset) is not None:
                        indexed = segment.lookups.offset_index.offset_beyond(piece.position + piece.size)
                        if indexed is not None:
                            return segment.base_offset + indexed
                        return self._segments.bases[number + 1] if number + 1 < len(self._segments) else end
                except DamagedLog:
                    break
        return end

    def offset_for_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Return the first record that is not older than a time in milliseconds."""
        with storage_failures(self._state.directory):
            return time_search.first_at_or_after(self._segments.all, timestamp, self._state.log_start_offset)

    def max_timestamp(self) -> TimestampOffset | None:
        """Return the record with the newest time."""
        with storage_failures(self._state.directory):
            return time_search.newest(self._segments.all)

    def epoch_for_offset(self, offset: int) -> int:
        """Return the leader epoch that wrote an offset; see `PartitionLog.epoch_for_offset`."""
        state = self._state
        return state.leader_epoch if offset >= state.log_end_offset else state.epochs.epoch_of(offset)

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """Return the largest epoch up to the one asked for and where it ended; (-1, -1) if unknown."""
        return self._state.epochs.end_offset(epoch, self._state.leader_epoch, self._state.log_end_offset)

    def aborted_transactions(self, start: int, end: int) -> list[AbortedTransaction]:
        """Return the aborted transactions that touch offsets from start to before end."""
        state = self._state
        with storage_failures(state.directory):
            return state.transactions.aborted(
                self._segments.all, start, end, state.log_start_offset, may_have_gaps=state.may_have_gaps
            )

"""A partition: an append-only sequence of record batches in segments (`open`, `append`, `read`, look-ups)."""

from collections.abc import Callable, Iterable, Sequence

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import (
    DamagedLog,
    OffsetOutOfRange,
    PolicyViolation,
    StorageFailure,
    storage_failures,
)
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import OpenFiles
from kafkalite_storage.log.durability import SyncMark
from kafkalite_storage.log.log_writer import AppendInfo, AppendOrigin, LogWriter
from kafkalite_storage.log.opening import open_directory
from kafkalite_storage.log.read_verification import sound_part
from kafkalite_storage.log.retention import count_expired
from kafkalite_storage.recovery.recovery import read_directory
from kafkalite_storage.segment import replacement, time_search
from kafkalite_storage.segment.missing_indexes import remake_missing
from kafkalite_storage.segment.segment import NOTHING, FetchSlice, Segment
from kafkalite_storage.segment.time_search import TimestampOffset
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.state.producer_snapshot import save_snapshot
from kafkalite_storage.state.producer_state import ProducerStates

__all__ = ["AppendInfo", "AppendOrigin", "FetchSlice", "PartitionLog", "TimestampOffset"]


Fingerprint = tuple[object, ...]
"""What `PartitionLog.fingerprint` returns."""


class PartitionLog(LogWriter):
    """One topic partition. Raises StorageError (with its Kafka code) or CorruptBatch, never OSError."""

    @classmethod
    def open(
        cls,
        fs: FileSystem,
        directory: str,
        *,
        config: LogConfig,
        recovery_point: int | None = None,
        clean: bool = False,
        log_start_offset: int = 0,
        files: OpenFiles | None = None,
        check_records: bool = False,
        may_have_gaps: bool = False,
        make_directory: Callable[[], None] | None = None,
    ) -> "PartitionLog":
        """Open a partition's directory, making it if it is new; `recovery` tells what had to be repaired.

        Without clean, everything past the recovery point is read and checked; with it, the recovery point is where the
        log must end, if that is known. With check_records, appends
        look at every record of a client's batch, as Kafka does, instead of trusting its header and CRC. Offsets that
        are missing are damage, unless the log may have gaps because it was compacted. With make_directory, the
        partition has no directory yet: the first append calls it, and nothing is on disk before.
        """
        files = OpenFiles() if files is None else files
        may_have_gaps = may_have_gaps or config.is_compacted
        with storage_failures(directory):
            opened = open_directory(
                fs,
                files,
                directory,
                index_interval=config.index_interval_bytes,
                recovery_point=recovery_point,
                clean=clean,
                log_start_offset=log_start_offset,
                may_have_gaps=may_have_gaps,
                is_unused=make_directory is not None,
            )
            return cls(
                fs,
                files,
                directory,
                config,
                opened,
                check_records=check_records,
                may_have_gaps=may_have_gaps,
                make_directory=make_directory,
            )

    @property
    def last_stable_offset(self) -> int:
        """End of what read-committed consumers may read: the start of the oldest open transaction."""
        unstable = self._producers.first_unstable_offset if self._producers.open_transactions else None
        end = self.high_watermark
        return end if unstable is None else min(max(unstable, self.log_start_offset), end)

    @property
    def size(self) -> int:
        """Bytes of all segments' records."""
        with storage_failures(self.directory):
            return self._segments.size

    @property
    def first_segment_offset(self) -> int:
        """Base offset of the oldest segment, at most the log start offset."""
        return self._segments.bases[0]

    @property
    def segment_count(self) -> int:
        """How many segments there are."""
        return len(self._segments)

    @property
    def segments(self) -> Sequence[Segment]:
        """The segments, oldest first, the active one last; to be read only."""
        return self._segments.all

    @property
    def epochs(self) -> LeaderEpochs:
        """Which leader epoch wrote what; to be read only."""
        return self._epochs

    @property
    def producers(self) -> ProducerStates:
        """What the partition remembers of its producers; to be read only."""
        return self._producers

    def replace_segments(self, old: Sequence[Segment]) -> tuple[Segment, list[str]]:
        """Put the `.swap` files with the offset of the first one into the place of neighbours that are closed.

        Files and names must have been synced. Returns the new segment, which is to be settled after the next sync of
        the directory, and the paths of the old files, for `remove_later` after that; slices that were handed out stay
        readable. Raises StorageFailure; the log refuses writes then, until a new start completes the change.
        """
        try:
            doomed = replacement.retire(self._fs, self.directory, [segment.base_offset for segment in old])
        except OSError as error:
            self._failure = error
            self._needs_start = True
            raise StorageFailure(f"{self.directory}: {error}") from error
        self._transactions.forget()
        return self._segments.replace(old), doomed

    def settle(self, segment: Segment) -> None:
        """Give the files of a segment that has replaced others their names, if it is still there."""
        if segment in self._segments:
            with storage_failures(self.directory):
                replacement.settle(self._fs, self.directory, segment.base_offset)
            segment.settled()

    def remove_later(self, paths: Iterable[str]) -> None:
        """Let `remove_retired` remove files when `file.delete.delay.ms` is over, which begins with its next call."""
        self._retired.add(paths, delay_ms=self._config.file_delete_delay_ms, now_ms=None)

    def read(
        self, offset: int, *, max_bytes: int, min_one_batch: bool = True, max_offset: int | None = None
    ) -> FetchSlice:
        """Return batches from the one that holds offset on, out of one segment; empty at the end of the log.

        The last batch may be cut off by max_bytes, as Kafka does. The first never is: with min_one_batch it comes
        whole, and else it is left out if it does not fit. Batches from max_offset on are left out, and those behind a
        damaged one.
        Raises OffsetOutOfRange, StorageFailure, and DamagedLog when the batch itself is not what was written.
        """
        end = self.log_end_offset
        if not self.log_start_offset <= offset <= end:
            raise OffsetOutOfRange(offset, self.log_start_offset, end)
        limit = self.high_watermark if max_offset is None else max_offset
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
                    found = segment.locate(limit)
                    stop = None if found is None else found[0]
                piece = segment.read(offset, max_bytes, min_one_batch=min_one_batch, end=stop)
                if piece is not None:
                    if segment.sound.covers(piece.position, piece.position + piece.size):
                        return piece
                    return sound_part(
                        segment, piece, offset, may_have_gaps=self._may_have_gaps, epoch_of=self._epochs.epoch_of
                    )
        except OSError as error:
            raise StorageFailure(f"{self.directory}: {error}") from error
        return NOTHING

    def bytes_available(self, offset: int, up_to: int) -> int:
        """Return the bytes of the batches from the one that holds offset to before the offset up_to, in all segments.

        Raises StorageFailure, and DamagedLog where the batches on the way do not follow each other.
        """
        up_to = min(up_to, self.log_end_offset)
        if offset >= up_to:
            return 0
        segments = self._segments.all
        with storage_failures(self.directory):
            first = self._segments.number_at(offset)
            last = self._segments.number_at(up_to)
            begin = segments[first].locate(offset)
            end = None if up_to == self.log_end_offset else segments[last].locate(up_to)
            # Without a batch there, which is only so after compaction, nothing follows in that segment.
            start = segments[first].size if begin is None else begin[0]
            stop = segments[last].size if end is None else end[0]
            return sum(segment.size for segment in segments[first:last]) - start + stop

    def on_same_segment(self, offset: int, other: int) -> bool:
        """Return whether two offsets belong to one segment."""
        return self._segments.number_at(offset) == self._segments.number_at(other)

    def epoch_for_offset(self, offset: int) -> int:
        """Return the leader epoch that wrote an offset, at the log's end the one that will; -1 if it is not known."""
        return self.leader_epoch if offset >= self.log_end_offset else self._epochs.epoch_of(offset)

    def offset_for_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Find the first record not older than a time in milliseconds, also inside compressed batches."""
        with storage_failures(self.directory):
            return time_search.first_at_or_after(self._segments.all, timestamp, self.log_start_offset)

    def max_timestamp(self) -> TimestampOffset | None:
        """Find the record with the newest time (ListOffsets -3, KIP-734)."""
        with storage_failures(self.directory):
            return time_search.newest(self._segments.all)

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """Return the largest epoch up to the one asked for and where it ended; (-1, -1) if unknown."""
        return self._epochs.end_offset(epoch, self.leader_epoch, self.log_end_offset)

    def start_epoch(self, epoch: int) -> None:
        """Write with a newer leader epoch from now on."""
        self.leader_epoch = max(self.leader_epoch, epoch)

    def aborted_transactions(self, start: int, end: int) -> list[AbortedTransaction]:
        """Return the aborted transactions that touch offsets from start to before end (read-committed)."""
        with storage_failures(self.directory):
            return self._transactions.aborted(
                self._segments.all, start, end, self.log_start_offset, may_have_gaps=self._may_have_gaps
            )

    def end_of_piece(self, offset: int) -> int:
        """Return an offset that no batch reaches which a read at an offset returns: the end of its segment."""
        end = self.last_stable_offset
        with storage_failures(self.directory):
            for number in range(self._segments.number_at(offset), len(self._segments) - 1):
                try:
                    if self._segments.all[number].locate(offset) is not None:
                        return min(end, self._segments.bases[number + 1])
                except DamagedLog:
                    break
        return end

    def expire_producers(self, before_ms: int) -> list[int]:
        """Forget producers that wrote nothing since (`producer.id.expiration.ms`); return their ids."""
        return self._producers.expire(before_ms)

    def delete_records(self, offset: int, *, now_ms: int = 0) -> int:
        """Let the log begin at an offset and return it; one that lies before the present beginning changes nothing.

        Segments that lie below as a whole are taken out. The new beginning is written down by the storage's next
        checkpoint, as in Kafka. Raises OffsetOutOfRange, StorageFailure, and PolicyViolation where the topic is only
        compacted.
        """
        if self._config.cleanup_policy == ("compact",):
            raise PolicyViolation(f"records of {self.directory} cannot be deleted: its cleanup.policy is compact")
        if not 0 <= offset <= self.high_watermark:
            raise OffsetOutOfRange(offset, self.log_start_offset, self.high_watermark)
        if offset > self.log_start_offset:
            with storage_failures(self.directory):
                self._begin_at(offset, now_ms)
        return self.log_start_offset

    def delete_expired(self, now_ms: int) -> int:
        """Take out the oldest segments that `retention.ms` and `retention.bytes` do not keep; return how many.

        A log of which nothing is kept goes on in a new segment. Raises StorageFailure and DamagedLog.
        """
        if self._failure is not None:
            return 0
        with storage_failures(self.directory):
            segments = self._segments.all
            count = count_expired(
                segments,
                self._config,
                now_ms=now_ms,
                readable_end=self.high_watermark,
                end=self.log_end_offset,
            )
            if count:
                following = self._roll() if count == len(segments) else segments[count]
                self._begin_at(max(following.base_offset, self.log_start_offset), now_ms)
        return count

    def remove_retired(self, now_ms: int) -> None:
        """Remove the files that were taken out of the log longer ago than `file.delete.delay.ms`."""
        with storage_failures(self.directory):
            self._retired.remove_due(now_ms)

    def _begin_at(self, offset: int, now_ms: int) -> None:
        """Let the log begin at an offset, and take out the segments below it, never the active one."""
        self.log_start_offset = offset
        self._epochs.forget_before(offset)
        delay_ms = self._config.file_delete_delay_ms
        for segment in self._segments.take_before(offset):
            self._retired.add(segment.retire(), delay_ms=delay_ms, now_ms=now_ms)
        self._transactions.forget_before(self.first_segment_offset)

    def truncate(self, offset: int) -> None:
        """Drop everything at and after an offset, and the batch that holds it; that is on disk when this returns."""
        if offset >= self.log_end_offset:
            return
        offset = max(offset, self.log_start_offset)
        with storage_failures(self.directory):
            found = read_directory(self._fs, self._files, self.directory)
            self._durability.begin_cut()
            self._transactions.forget()
            self.log_end_offset = self._visible_end = self._segments.truncate_to(offset)
            self._durability.end_cut(self.log_end_offset)
            self._load_producers(found)
            self._epochs.truncate_to(self.log_end_offset)
            self._epoch_written = self._epochs.latest

    def begin_sync(self) -> SyncMark | None:
        """Write what a sync of the whole disk shall take along; None where there is nothing, or `flush` is needed.

        May run in another thread than appends and reads.
        """
        if self._failure is not None:
            return None
        with storage_failures(self.directory):
            return self._durability.begin_sync(self.log_end_offset)

    def end_sync(self, mark: SyncMark) -> None:
        """Note that everything up to a mark is on disk, because the disk was synced as a whole."""
        self._durability.end_sync(mark)

    def save_caches(self) -> None:
        """Write what lets the next start trust the files, unless nothing was appended since the last time."""
        if not self.has_directory:
            return
        self.repair()
        active = self._segments.active
        with storage_failures(self.directory):
            for segment in remake_missing(self._fs, self.directory, self._segments.all):
                self._durability.note_sealed(segment)
            if self.log_end_offset > max(self._producers.snapshot_offset, self.log_start_offset):
                active.seal()
                save_snapshot(self._fs, self.directory, self._producers)
            elif self._lacks_indexes:
                active.seal()
            else:
                return
            self._lacks_indexes = False
            self._durability.note_sealed(active)

    def fingerprint(self) -> Fingerprint:
        """Return a value that changes with the log: equal fingerprints of one open log mean equal content."""
        segments = self._segments.all
        return (
            self.log_end_offset,
            self.log_start_offset,
            tuple(segments),  # replaced by others when the log is compacted
            len(self._producers.producers),
            self._epochs.entries,
        )

    def close(self, *, clean: bool = True) -> None:
        """Close the files; clean also saves all caches and syncs, so that the next start need not recover."""
        try:
            if clean:
                self._close_in_order()
        finally:
            self._segments.close()

    def _close_in_order(self) -> None:
        self.flush(caches=False)  # first of all what clients wait for; the rest can be made again
        self.save_caches()
        self.flush()

    def delete(self) -> None:
        """Remove the directory with everything in it; slices that were handed out stay readable."""
        self.close(clean=False)
        with storage_failures(self.directory):
            self._fs.remove_directory(self.directory)

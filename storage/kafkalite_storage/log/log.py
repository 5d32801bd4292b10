"""A partition's log: an append-only sequence of record batches, with a writer, a reader and retention."""

from collections.abc import Callable, Iterable, Sequence

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.configs.topic_config import FOREVER
from kafkalite_storage.errors import OffsetOutOfRange, PolicyViolation, StorageFailure, storage_failures
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.durability import SyncMark
from kafkalite_storage.log.opening import open_directory
from kafkalite_storage.log.reader import LogReader
from kafkalite_storage.log.retention import count_expired
from kafkalite_storage.log.segments import DelayedDeletes, rebuild_missing_indexes
from kafkalite_storage.log.state import LogState
from kafkalite_storage.log.writer import AppendInfo, AppendOrigin, LogWriter
from kafkalite_storage.recovery.recovery import Recovery
from kafkalite_storage.segment import replacement
from kafkalite_storage.segment.segment import FetchSlice, Segment
from kafkalite_storage.segment.time_search import TimestampOffset
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.state.producer_snapshot import save_snapshot
from kafkalite_storage.state.producer_state import ProducerStates
from kafkalite_wire.records import BatchHeader, Buffer

__all__ = ["AppendInfo", "AppendOrigin", "FetchSlice", "PartitionLog", "TimestampOffset"]

Fingerprint = tuple[object, ...]
"""What `PartitionLog.fingerprint` returns."""


class PartitionLog:
    """One topic partition. Raises StorageError (with its Kafka code) or CorruptBatch, never OSError."""

    def __init__(
        self,
        state: LogState,
        cache: FileHandleCache,
        config: LogConfig,
        make_directory: Callable[[], None] | None = None,
    ) -> None:
        self.directory = state.directory
        self._state = state
        self._writer = LogWriter(state, cache, config, make_directory)
        self._reader = LogReader(state)
        self._deletes = DelayedDeletes(state.fs)
        self._config = config

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
        cache: FileHandleCache | None = None,
        may_have_gaps: bool = False,
        make_directory: Callable[[], None] | None = None,
    ) -> "PartitionLog":
        """Open a partition's directory, and create it if it is new; `recovery` says what was repaired.

        Without clean, everything past the recovery point is read and checked; with it, the recovery point is where the
        log must end, if that is known. Missing offsets are damage, unless the log may have gaps because it was
        compacted. With make_directory, the partition has no directory yet: the first append calls it, and nothing is on
        disk before.
        """
        cache = FileHandleCache() if cache is None else cache
        with storage_failures(directory):
            state = open_directory(
                fs,
                cache,
                directory,
                index_interval=config.index_interval_bytes,
                recovery_point=recovery_point,
                clean=clean,
                log_start_offset=log_start_offset,
                may_have_gaps=may_have_gaps or config.is_compacted,
                is_unused=make_directory is not None,
            )
            return cls(state, cache, config, make_directory)

    # State

    @property
    def config(self) -> LogConfig:
        """The topic's configuration; may be replaced at any time."""
        return self._config

    @config.setter
    def config(self, config: LogConfig) -> None:
        self._config = config
        self._writer.configure(config)

    @property
    def flush_within(self) -> float | None:
        """Seconds after which appended records must be on disk (`flush.ms`); None: the system decides."""
        return None if self._config.flush_ms >= FOREVER else self._config.flush_ms / 1000

    @property
    def recovery(self) -> Recovery:
        """What opening the log had to repair."""
        return self._state.recovery

    @property
    def log_start_offset(self) -> int:
        """The first offset that may be read."""
        return self._state.log_start_offset

    @property
    def log_end_offset(self) -> int:
        """The offset that the next record gets."""
        return self._state.log_end_offset

    @property
    def high_watermark(self) -> int:
        """End offset for consumers: records that wait for the sync of `flush.messages` come after it."""
        return self._state.high_watermark

    @property
    def last_stable_offset(self) -> int:
        """End offset for read-committed consumers: the start of the oldest open transaction."""
        return self._state.last_stable_offset

    @property
    def leader_epoch(self) -> int:
        """The epoch that new batches are written with."""
        return self._state.leader_epoch

    @property
    def recovery_point(self) -> int:
        """The offset below which everything is on disk."""
        return self._state.durability.recovery_point

    @property
    def caches_point(self) -> int:
        """The offset below which everything is on disk with its indexes and epochs: a recovery starts here."""
        return self._state.durability.caches_point

    @property
    def has_directory(self) -> bool:
        """Whether the partition was ever appended to; before that nothing of it is on disk."""
        return self._writer.has_directory

    @property
    def failed(self) -> bool:
        """Whether a write failed in a way that could not be undone yet; the next append tries again."""
        return self._writer.failed

    @property
    def size(self) -> int:
        """Bytes of all segments' records."""
        with storage_failures(self.directory):
            return self._state.segments.size

    @property
    def first_segment_offset(self) -> int:
        """Base offset of the oldest segment, at most the log start offset."""
        return self._state.segments.bases[0]

    @property
    def segments(self) -> Sequence[Segment]:
        """The segments, oldest first, the active one last; to be read only."""
        return self._state.segments.all

    @property
    def epochs(self) -> LeaderEpochs:
        """The leader epochs and their first offsets; to be read only."""
        return self._state.epochs

    @property
    def producers(self) -> ProducerStates:
        """The state of the partition's producers; to be read only."""
        return self._state.producers

    def fingerprint(self) -> Fingerprint:
        """Return a value that changes with the log: equal fingerprints of one open log mean equal content."""
        state = self._state
        return (
            state.log_end_offset,
            state.log_start_offset,
            tuple(state.segments.all),  # replaced by others when the log is compacted
            len(state.producers.producers),
            state.epochs.entries,
        )

    # Writes

    def append(
        self,
        batch: Buffer,
        *,
        now_ms: int,
        origin: AppendOrigin = AppendOrigin.CLIENT,
        header: BatchHeader | None = None,
        sync: bool = True,
    ) -> AppendInfo:
        """Append the one batch of a client, or the batches that this broker built.

        The buffer is not changed: offset and leader epoch are written in front of the rest in one gathered write. With
        header, which `check_produced` must have returned for this batch, the batch is not checked again. Where
        `flush.messages` asks for a sync it is made before this returns; without sync it is the caller's to make, if the
        result says so.

        Raises CorruptBatch and its kinds, MessageTooLarge, RecordListTooLarge, InvalidTimestamp, OutOfOrderSequence,
        InvalidProducerEpoch, InvalidTxnState and StorageFailure. Nothing is appended then.
        """
        return self._writer.append(batch, now_ms=now_ms, origin=origin, header=header, sync=sync)

    def roll(self) -> None:
        """Begin a new active segment unless the present one is empty, so that compaction may clean it."""
        self._writer.roll()

    def repair(self) -> None:
        """Undo a failed write that could not be undone before, if any; raises StorageFailure if it still cannot."""
        self._writer.repair()

    def start_epoch(self, epoch: int) -> None:
        """Write with a newer leader epoch from now on."""
        self._state.leader_epoch = max(self._state.leader_epoch, epoch)

    def expire_producers(self, before_ms: int) -> list[int]:
        """Forget producers that wrote nothing since a time (`producer.id.expiration.ms`); return their ids."""
        return self._state.producers.expire(before_ms)

    def resume(self, config: LogConfig, *, leader_epoch: int, may_have_gaps: bool) -> None:
        """Continue as if the log had just been opened, after a snapshot that holds the same log was restored."""
        state = self._state
        state.may_have_gaps = may_have_gaps
        self.config = config
        state.leader_epoch = max(state.epochs.latest, leader_epoch)
        state.visible_end = state.log_end_offset
        state.recovery = Recovery()

    # Reads

    def read(
        self, offset: int, *, max_bytes: int, min_one_batch: bool = True, max_offset: int | None = None
    ) -> FetchSlice:
        """Return batches of one segment, from the one that holds offset on; empty at the end of the log.

        The last batch may be cut off by max_bytes, as Kafka does. The first never is: with min_one_batch it comes
        whole, and else it is left out if it does not fit. Batches from max_offset on are left out, and those behind a
        damaged one.
        Raises OffsetOutOfRange, StorageFailure, and DamagedLog when the first batch is damaged.
        """
        return self._reader.read(offset, max_bytes, min_one_batch=min_one_batch, max_offset=max_offset)

    def bytes_available(self, offset: int, up_to: int) -> int:
        """Return the bytes of the batches from the one that holds offset to before the offset up_to, in all segments.

        Raises StorageFailure, and DamagedLog where the batches on the way do not follow each other.
        """
        return self._reader.bytes_available(offset, up_to)

    def on_same_segment(self, offset: int, other: int) -> bool:
        """Return whether two offsets belong to one segment."""
        return self._reader.on_same_segment(offset, other)

    def end_of_piece(self, offset: int, piece: FetchSlice) -> int:
        """Return an offset up to which aborted transactions matter to what a read at an offset returned.

        It may lie beyond that, by what is between two entries of the offset index.
        """
        return self._reader.end_of_read(offset, piece)

    def offset_for_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Return the first record not older than a time in milliseconds, also inside compressed batches."""
        return self._reader.offset_for_timestamp(timestamp)

    def max_timestamp(self) -> TimestampOffset | None:
        """Return the record with the newest time (ListOffsets -3, KIP-734)."""
        return self._reader.max_timestamp()

    def epoch_for_offset(self, offset: int) -> int:
        """Return the leader epoch of an offset, at the end of the log the current one; -1 if it is not known."""
        return self._reader.epoch_for_offset(offset)

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """Return the largest epoch up to the one asked for and where it ended; (-1, -1) if unknown."""
        return self._reader.end_offset_for_epoch(epoch)

    def aborted_transactions(self, start: int, end: int) -> list[AbortedTransaction]:
        """Return the aborted transactions that touch offsets from start to before end (read-committed)."""
        return self._reader.aborted_transactions(start, end)

    # Retention and compaction

    def delete_records(self, offset: int, *, now_ms: int = 0) -> int:
        """Delete the records below an offset and return the log start offset, which never moves back.

        Segments that lie below as a whole are removed. The new start is on disk with the storage's next checkpoint, as
        in Kafka. Raises OffsetOutOfRange, StorageFailure, and PolicyViolation where the topic is only compacted.
        """
        if self._config.cleanup_policy == ("compact",):
            raise PolicyViolation(f"records of {self.directory} cannot be deleted: its cleanup.policy is compact")
        if not 0 <= offset <= self.high_watermark:
            raise OffsetOutOfRange(offset, self.log_start_offset, self.high_watermark)
        if offset > self.log_start_offset:
            with storage_failures(self.directory):
                self._start_at(offset, now_ms)
        return self.log_start_offset

    def delete_expired(self, now_ms: int) -> int:
        """Remove the oldest segments that `retention.ms` and `retention.bytes` do not keep; return how many.

        A log of which nothing is kept continues in a new segment. Raises StorageFailure and DamagedLog.
        """
        if self.failed:
            return 0
        with storage_failures(self.directory):
            segments = self._state.segments.all
            count = count_expired(
                segments,
                self._config,
                now_ms=now_ms,
                readable_end=self.high_watermark,
                end=self.log_end_offset,
            )
            if count:
                following = self._writer.begin_segment() if count == len(segments) else segments[count]
                self._start_at(max(following.base_offset, self.log_start_offset), now_ms)
        return count

    def _start_at(self, offset: int, now_ms: int) -> None:
        state = self._state
        state.log_start_offset = offset
        state.epochs.forget_before(offset)
        delay_ms = self._config.file_delete_delay_ms
        for segment in state.segments.take_before(offset):
            self._deletes.add(segment.files.retire(), delay_ms=delay_ms, now_ms=now_ms)
        state.transactions.forget_before(self.first_segment_offset)

    def remove_retired(self, now_ms: int) -> None:
        """Remove the files that left the log longer ago than `file.delete.delay.ms`."""
        with storage_failures(self.directory):
            self._deletes.remove_due(now_ms)

    def remove_later(self, paths: Iterable[str]) -> None:
        """Remove files after `file.delete.delay.ms`, which begins with the next call of `remove_retired`."""
        self._deletes.add(paths, delay_ms=self._config.file_delete_delay_ms, now_ms=None)

    def replace_segments(self, old: Sequence[Segment]) -> tuple[Segment, list[str]]:
        """Replace neighbours that are closed with the `.swap` files that have the first one's offset.

        Files and names must have been synced. Returns the new segment, to be passed to `settle` after the next sync of
        the directory, and the paths of the old files, for `remove_later` after that; slices that were handed out stay
        readable. Raises StorageFailure; the log refuses writes then, until a new start completes the change.
        """
        state = self._state
        try:
            doomed = replacement.retire(state.fs, self.directory, [segment.base_offset for segment in old])
        except OSError as error:
            self._writer.fail_until_start(error)
            raise StorageFailure(f"{self.directory}: {error}") from error
        state.transactions.forget()
        return state.segments.replace(old), doomed

    def settle(self, segment: Segment) -> None:
        """Remove the suffix from the files of a segment that has replaced others, if it is still in the log."""
        if segment in self._state.segments:
            with storage_failures(self.directory):
                replacement.settle(self._state.fs, self.directory, segment.base_offset)
            segment.files.settled()

    # Durability

    def flush(self, *, caches: bool = True) -> None:
        """Sync everything appended so far; indexes too, unless caches is False.

        May run in another thread than appends and reads.
        """
        self._state.flush(caches=caches)

    def begin_sync(self) -> SyncMark | None:
        """Write the caches that a sync of the whole disk covers; None where there are none, or `flush` is needed.

        May run in another thread than appends and reads.
        """
        if self.failed:
            return None
        with storage_failures(self.directory):
            return self._state.durability.begin_sync(self.log_end_offset)

    def end_sync(self, mark: SyncMark) -> None:
        """Note that everything up to a mark is on disk, because the disk was synced as a whole."""
        self._state.durability.end_sync(mark)

    def save_caches(self) -> None:
        """Write indexes and producer state so that the next start can trust the files, if anything was appended."""
        if not self.has_directory:
            return
        self.repair()
        state = self._state
        active = state.segments.active
        with storage_failures(self.directory):
            for segment in rebuild_missing_indexes(state.fs, self.directory, state.segments.all):
                state.durability.note_sealed(segment)
            if self.log_end_offset > max(state.producers.snapshot_offset, self.log_start_offset):
                active.lookups.seal()
                save_snapshot(state.fs, self.directory, state.producers)
            elif state.lacks_indexes:
                active.lookups.seal()
            else:
                return
            state.lacks_indexes = False
            state.durability.note_sealed(active)

    def close(self, *, clean: bool = True) -> None:
        """Close the files; clean also saves all caches and syncs, so that the next start need not recover."""
        try:
            if clean:
                self.flush(caches=False)  # what clients wait for comes first; the rest can be rebuilt
                self.save_caches()
                self.flush()
        finally:
            self._state.segments.close()

"""A partition: an append-only sequence of record batches in segments (`open`, `append`, `read`, look-ups)."""

from bisect import bisect_right
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from struct import Struct
from typing import Final

from kafkalite_storage import replacement, time_search
from kafkalite_storage.append_checks import prepare_batch
from kafkalite_storage.errors import (
    DamagedLog,
    MessageTooLarge,
    OffsetOutOfRange,
    PolicyViolation,
    RecordListTooLarge,
    StorageError,
    StorageFailure,
)
from kafkalite_storage.filesystem import FileSystem
from kafkalite_storage.leader_epochs import LeaderEpochs
from kafkalite_storage.log_config import LogConfig
from kafkalite_storage.open_files import OpenFiles
from kafkalite_storage.producer_snapshot import encode_snapshot
from kafkalite_storage.producer_state import ProducerStates
from kafkalite_storage.recovery import (
    Directory,
    Recovery,
    load_clean,
    load_producers,
    read_directory,
    recover,
)
from kafkalite_storage.retention import count_expired
from kafkalite_storage.segment import NOTHING, FetchSlice, Segment, file_name
from kafkalite_storage.soundness import sound_part
from kafkalite_storage.time_search import TimestampOffset
from kafkalite_storage.topic_config import FOREVER
from kafkalite_storage.transaction_index import AbortedTransaction
from kafkalite_wire.records import (
    BatchHeader,
    Buffer,
    CorruptBatch,
    EndTxnMarker,
    check_batches,
    check_produced,
    iter_records,
    read_end_txn_marker,
)

__all__ = ["AppendInfo", "AppendOrigin", "FetchSlice", "PartitionLog", "TimestampOffset"]

#: Base offset, batch length and leader epoch: the part of a batch that its place in the log decides.
_PLACE: Final = Struct(">qii")
_MAX_SNAPSHOTS: Final = 2


class AppendOrigin(Enum):
    """Who made a batch: a client, whose batches are checked in full, or this broker."""

    CLIENT = 1
    BROKER = 2


@dataclass(frozen=True, slots=True)
class AppendInfo:
    """Where a batch went, for a duplicate the original; `log_append_time` is -1 under CreateTime.

    What `awaits_sync` must not be acknowledged, and is not read, before `flush` has returned.
    """

    base_offset: int
    last_offset: int
    log_append_time: int
    log_start_offset: int
    is_duplicate: bool = False
    awaits_sync: bool = False


@dataclass(frozen=True, slots=True)
class SyncMark:
    """How far a log was when a sync of the whole disk began: its end, its truncations, its closed segments."""

    end: int
    cuts: int
    sealed: int


class PartitionLog:
    """One topic partition. Raises StorageError (with its Kafka code) or CorruptBatch, never OSError."""

    def __init__(
        self,
        fs: FileSystem,
        files: OpenFiles,
        directory: str,
        config: LogConfig,
        segments: list[Segment],
        producers: ProducerStates,
        epochs: LeaderEpochs,
        recovery: Recovery,
        log_start_offset: int,
        recovery_point: int,
        check_records: bool,
        may_have_gaps: bool,
    ) -> None:
        self._fs = fs
        self._files = files
        self.directory = directory
        self._segments = segments
        self._bases = [segment.base_offset for segment in segments]
        self._active = segments[-1]
        self._producers = producers
        self._epochs = epochs
        self.recovery = recovery
        self.log_start_offset = log_start_offset
        self.log_end_offset = producers.end_offset
        self._visible_end = producers.end_offset
        #: What is below is on disk.
        self.recovery_point = recovery_point
        #: What is below is on disk together with its indexes and epochs: from here on a recovery must look.
        self.caches_point = recovery_point
        self.leader_epoch = max(self._epochs.latest, 0)
        self._epoch_written = self._epochs.latest
        #: Why the files may hold more than they should, so that nothing may be appended before that is repaired.
        self._failure: Exception | None = None
        #: Whether it was a compaction that failed half-way, which only a new start completes.
        self._needs_start = False
        self._producers_stale = False
        #: Counts what was cut off, so that a flush in another thread does not take later records for what it synced.
        self._cuts = 0
        #: A segment whose making failed half-way.
        self._half_made: Segment | None = None
        #: Closed segments whose last index entries are not on disk.
        self._sealed: list[Segment] = []
        #: Whether the last sync failed, of the log and of its caches; see `write_again`.
        self._log_sync_failed = self._caches_sync_failed = False
        self._names_unsynced = True
        #: Whether the index files may be missing, which a clean close makes up for.
        self._lacks_indexes = False
        #: Files that are no part of the log any more: when they are to be removed, and their paths.
        self._retired: deque[tuple[int, str]] = deque()
        self._check_records = check_records
        self._may_have_gaps = may_have_gaps
        self.config = config

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
    ) -> "PartitionLog":
        """Open a partition's directory, making it if it is new; `recovery` tells what had to be repaired.

        Without clean, everything past the recovery point is read and checked; with it, the recovery point is where the
        log must end, if that is known. With check_records, appends
        look at every record of a client's batch, as Kafka does, instead of trusting its header and CRC. Offsets that
        are missing are damage, unless the log may have gaps because it was compacted.
        """
        files = OpenFiles() if files is None else files
        may_have_gaps = may_have_gaps or config.is_compacted
        with _storage(directory):
            fs.make_directory(directory)
            found = read_directory(fs, files, directory)
            epochs = LeaderEpochs(fs, directory)
            is_new = not found.segments
            if is_new:
                found.segments.append(_first_segment(fs, files, directory, log_start_offset))
                end_offset = trusted_offset = log_start_offset
                recovery = Recovery()
            else:
                log_start_offset = max(log_start_offset, found.segments[0].base_offset)
                end_offset, trusted_offset, recovery = _load(
                    found, clean, recovery_point, config, epochs, may_have_gaps
                )
            if end_offset < log_start_offset:  # all that is left was deleted: start there, as Kafka does
                for segment in reversed(found.segments):
                    segment.delete()
                found.segments[:] = [_first_segment(fs, files, directory, log_start_offset)]
                end_offset = trusted_offset = log_start_offset
            epochs.truncate_to(end_offset)
            if not is_new and (epochs.is_lost or epochs.begin_after(log_start_offset)):
                headers = (header for segment in found.segments for header in segment.headers())
                epochs.rebuild(headers, log_start_offset)
            epochs.forget_before(log_start_offset)
            producers = load_producers(
                fs,
                directory,
                found,
                log_start_offset=log_start_offset,
                end_offset=end_offset,
                trusted_offset=trusted_offset,
            )
            log = cls(
                fs,
                files,
                directory,
                config,
                found.segments,
                producers,
                epochs,
                recovery,
                log_start_offset,
                end_offset if clean else min(recovery_point or 0, end_offset),
                check_records,
                may_have_gaps,
            )
            log._lacks_indexes = is_new or not clean
            if not clean:  # their last index entries may be in the page cache only
                log._sealed = [
                    each
                    for each, base in zip(found.segments, log._bases[1:], strict=False)
                    if base >= log.recovery_point
                ]
            return log

    @property
    def config(self) -> LogConfig:
        """The topic's configuration; may be replaced at any time."""
        return self._config

    @config.setter
    def config(self, config: LogConfig) -> None:
        self._config = config
        if config.is_compacted:
            self._may_have_gaps = True  # for good: what compaction took away does not come back
        # Attributes of their own, because an append looks at each of them.
        self._max_message_bytes = config.max_message_bytes
        self._segment_bytes = config.segment_bytes
        self._segment_ms = (
            min(config.segment_ms, config.max_compaction_lag_ms) if config.is_compacted else config.segment_ms
        )
        self._index_bytes = config.segment_index_bytes
        self._index_interval = config.index_interval_bytes
        self._after_max_ms = config.message_timestamp_after_max_ms
        self._flush_messages = config.flush_messages
        #: Seconds after which what was appended shall be on disk (`flush.ms`); None: the system decides.
        self.flush_within = None if config.flush_ms >= FOREVER else config.flush_ms / 1000
        self._log_append_time = config.uses_log_append_time
        self._looks_inside = (
            self._check_records
            or config.is_compacted
            or config.uses_log_append_time
            or config.target_compression is not None
            or config.message_timestamp_before_max_ms < FOREVER
        )

    @property
    def high_watermark(self) -> int:
        """End of what consumers may read: all but what awaits the sync that `flush.messages` asks for."""
        end = self.log_end_offset
        if end - self.recovery_point < self._flush_messages:
            return end
        return max(self._visible_end, min(self.recovery_point, end))

    @property
    def last_stable_offset(self) -> int:
        """End of what read-committed consumers may read: the start of the oldest open transaction."""
        unstable = self._producers.first_unstable_offset if self._producers.open_transactions else None
        end = self.high_watermark
        return end if unstable is None else min(max(unstable, self.log_start_offset), end)

    @property
    def size(self) -> int:
        """Bytes of all segments' records."""
        with _storage(self.directory):
            return sum(segment.size for segment in self._segments)

    @property
    def first_segment_offset(self) -> int:
        """Base offset of the oldest segment, at most the log start offset."""
        return self._bases[0]

    @property
    def failed(self) -> bool:
        """Whether a write failed in a way that could not be undone yet; the next append tries again."""
        return self._failure is not None

    @property
    def segment_count(self) -> int:
        """How many segments there are."""
        return len(self._segments)

    @property
    def segments(self) -> Sequence[Segment]:
        """The segments, oldest first, the active one last; to be read only."""
        return self._segments

    @property
    def producers(self) -> ProducerStates:
        """What the partition remembers of its producers; to be read only."""
        return self._producers

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

        The buffer is not changed: offset and leader epoch are written in front of the rest in one gathered
        write. With header, the caller vouches that `check_produced` returned it for this very batch. Where
        `flush.messages` asks for a sync it is made before this returns; without sync it is the caller's to make, if
        the result says so.

        Raises CorruptBatch and its kinds, MessageTooLarge, RecordListTooLarge, InvalidTimestamp,
        OutOfOrderSequence, InvalidProducerEpoch, InvalidTxnState and StorageFailure. Nothing is appended
        then.
        """
        if self._failure is not None:
            self._repair()
        if origin is AppendOrigin.BROKER:
            return self._append_own(batch, sync=sync)
        if header is None:
            header = check_produced(batch)
        if header.size > self._max_message_bytes:
            raise self._too_large(header)
        if (
            self._looks_inside
            or header.max_timestamp > now_ms + self._after_max_ms
            or header.attributes & 8  # a timestamp type that only brokers set
        ):
            batch, header = prepare_batch(batch, header, self._config, now_ms, check_records=self._check_records)
            if header.size > self._max_message_bytes:
                raise self._too_large(header)
        if header.producer_id >= 0:
            duplicate = self._producers.find_duplicate(header)
            if duplicate is not None:
                return AppendInfo(
                    duplicate.first_offset,
                    duplicate.last_offset,
                    duplicate.timestamp,
                    self.log_start_offset,
                    True,
                    self._await_sync(duplicate.last_offset, sync=sync),
                )
            self._producers.check(header)
        offset = self._write(batch, header)
        if header.producer_id >= 0:
            self._producers.record_batch(header, offset)
        try:
            awaits_sync = self._await_sync(offset, sync=sync)
        except StorageFailure:
            self._producers_stale = header.producer_id >= 0
            self._undo(offset)
            raise
        return AppendInfo(
            offset,
            offset + header.last_offset_delta,
            now_ms if self._log_append_time else -1,
            self.log_start_offset,
            False,
            awaits_sync,
        )

    def _await_sync(self, offset: int, *, sync: bool) -> bool:
        """Make the sync that `flush.messages` asks for before an offset is acknowledged, or tell that it is due."""
        end = self.log_end_offset
        if end - self.recovery_point < self._flush_messages:
            self._visible_end = end
            return False
        if offset < self.high_watermark:
            return False
        if sync:
            self.flush(caches=False)
            self._visible_end = end
        return not sync

    def _append_own(self, batches: Buffer, *, sync: bool) -> AppendInfo:
        base_offset = self.log_end_offset
        try:
            return self._append_all(batches, base_offset, sync=sync)
        except StorageError:
            if self.log_end_offset > base_offset:  # all of them or none
                self._producers_stale = True
                self._undo(base_offset)
            raise

    def _append_all(self, batches: Buffer, base_offset: int, *, sync: bool) -> AppendInfo:
        view = memoryview(batches)
        for position, header in check_batches(batches):
            batch = view[position : position + header.size]
            if not header.is_control:
                offset = self._write(batch, header)
                if header.producer_id >= 0:
                    self._producers.record_batch(header, offset)
                continue
            markers = [marker for marker in map(read_end_txn_marker, iter_records(batch)) if marker is not None]
            for marker in markers:
                self._producers.check_marker(header, marker)
            offset = self._write(batch, header)
            for marker in markers:
                self._end_transaction(header, marker, offset)
        awaits_sync = self._await_sync(self.log_end_offset - 1, sync=sync)
        return AppendInfo(base_offset, self.log_end_offset - 1, -1, self.log_start_offset, False, awaits_sync)

    def _end_transaction(self, header: BatchHeader, marker: EndTxnMarker, offset: int) -> None:
        aborted = self._producers.record_marker(header, marker, offset)
        if aborted is not None:
            with _storage(self.directory):
                self._active.transaction_index.append(aborted)

    def _write(self, batch: Buffer, header: BatchHeader) -> int:
        size = header.batch_length + 12
        if size > self._segment_bytes:
            raise RecordListTooLarge(
                f"a batch of {size} bytes does not fit into a segment of {self._segment_bytes} bytes"
            )
        offset = self.log_end_offset
        last_offset = offset + header.last_offset_delta
        max_timestamp = header.max_timestamp
        segment = self._active
        first_timestamp = segment.first_timestamp
        try:
            if (first_timestamp is not None and max_timestamp - first_timestamp > self._segment_ms) or segment.is_full(
                size, last_offset, segment_bytes=self._segment_bytes, index_bytes=self._index_bytes
            ):
                segment = self._roll()
            epoch = self.leader_epoch
            if epoch > self._epoch_written:
                self._epochs.assign(epoch, offset)
                self._epoch_written = epoch
            segment.append(
                (_PLACE.pack(offset, header.batch_length, epoch), memoryview(batch)[16:size]),
                size,
                offset,
                last_offset,
                max_timestamp,
                self._index_interval,
            )
        except OSError as error:
            self._undo(offset)
            raise StorageFailure(f"{segment.name}: {error}") from error
        self.log_end_offset = last_offset + 1
        self._producers.end_offset = last_offset + 1
        return offset

    def _repair(self) -> None:
        """Try once more to undo a failed write; raises StorageFailure while that is impossible."""
        if not self._needs_start:
            self._undo(self.log_end_offset)
        if self._failure is not None:
            raise StorageFailure(
                f"{self.directory} cannot be written to until its end is repaired: {self._failure}"
            ) from self._failure

    def _undo(self, end: int) -> None:
        """Let the log end where it did before a failed write; if that fails too, refuse writes until it succeeds.

        Readers see nothing past that end from the first moment on.
        """
        self.log_end_offset = self._producers.end_offset = end
        self._visible_end = min(self._visible_end, end)
        try:
            self._cut_to(end)
        except (OSError, ValueError, StorageError) as error:
            self._failure = error
        else:
            self._failure = None

    def _cut_to(self, end: int) -> None:
        """Cut off whatever a failed write left past the end, and learn the tail anew from the files."""
        self._cuts += 1
        if self._half_made is not None:
            self._half_made.delete()
            self._half_made = None
        segments = self._segments
        while len(segments) > 1 and segments[-1].base_offset > end:
            segments[-1].delete()
            # New lists, because a flush in another thread may be walking along the old one.
            self._segments = segments = segments[:-1]
            self._bases = self._bases[:-1]
        self._active = segment = segments[-1]
        segment.forget_indexes()
        located = segment.locate(end)
        segment.cut(segment.size if located is None else located[0])
        segment.keep_indexes_before(end)
        found_end = segment.load_tail()
        if found_end != end:
            raise ValueError(f"{segment.name} ends at offset {found_end}, not at {end}")
        self.recovery_point = min(self.recovery_point, end)
        self.caches_point = min(self.caches_point, end)
        if self._producers_stale:
            found = read_directory(self._fs, self._files, self.directory)
            found.segments = segments
            self._load_producers(found)
            self._producers_stale = False

    def _load_producers(self, found: Directory) -> None:
        self._producers = load_producers(
            self._fs,
            self.directory,
            found,
            log_start_offset=self.log_start_offset,
            end_offset=self.log_end_offset,
            trusted_offset=self.log_end_offset,
        )
        self._names_unsynced = True  # snapshots that do not count any more are not to come back

    def _too_large(self, header: BatchHeader) -> MessageTooLarge:
        return MessageTooLarge(f"a batch of {header.size} bytes exceeds max.message.bytes {self._max_message_bytes}")

    def _roll(self) -> Segment:
        """Close the active segment and begin the next one at the end offset.

        The old one's name is on disk first, so that no power cut takes it and leaves the next one. Where compaction may
        make gaps its records are, too: no recovery could tell the gap that they would leave from the others.
        """
        if self._may_have_gaps:
            self.flush(caches=False)
        elif self._names_unsynced:
            self._fs.sync_directory(self.directory)
            self._names_unsynced = False
        self._active.seal()
        self._take_snapshot()
        segment = self._half_made = Segment(self._fs, self._files, self.directory, self.log_end_offset)
        segment.create()
        self._half_made = None
        self._sealed.append(self._active)
        self._segments.append(segment)
        self._bases.append(segment.base_offset)
        self._active = segment
        self._names_unsynced = True
        return segment

    def roll(self) -> None:
        """Begin a new active segment unless the present one is empty, so that compaction may look at it."""
        if self._failure is not None or not self._active.size:
            return
        try:
            self._roll()
        except OSError as error:
            self._undo(self.log_end_offset)
            raise StorageFailure(f"{self.directory}: {error}") from error

    def replace_segments(self, old: Sequence[Segment]) -> tuple[Segment, list[str]]:
        """Put the `.swap` files with the offset of the first one into the place of neighbours that are closed.

        Files and names must have been synced. Returns the new segment, which is to be settled after the next sync of
        the directory, and the paths of the old files, which the caller removes then; slices that were handed out stay
        readable. Raises StorageFailure; the log refuses writes then, until a new start completes the change.
        """
        first = self._segments.index(old[0])
        new = Segment(self._fs, self._files, self.directory, old[0].base_offset, is_swap=True)
        try:
            doomed = replacement.retire(self._fs, self.directory, [segment.base_offset for segment in old])
        except OSError as error:
            self._failure = error
            self._needs_start = True
            raise StorageFailure(f"{self.directory}: {error}") from error
        for segment in old:
            self._files.forget(segment)
            segment.release()
        segments = list(self._segments)  # a new one, because a flush in another thread may be walking along the old
        segments[first : first + len(old)] = [new]
        self._segments = segments
        self._bases = [segment.base_offset for segment in segments]
        return new, doomed

    def settle(self, segment: Segment) -> None:
        """Give the files of a segment that has replaced others their names, if it is still there."""
        if segment in self._segments:
            with _storage(self.directory):
                replacement.settle(self._fs, self.directory, segment.base_offset)
            segment.settled()

    def _take_snapshot(self) -> None:
        """Save the producers' state at the end offset, and drop all but the newest snapshots."""
        producers = self._producers
        offset = producers.end_offset
        if offset <= producers.snapshot_offset:
            return
        self._fs.replace(self._path(offset), encode_snapshot(producers), sync=False)
        producers.snapshot_offset = offset
        names = sorted(name for name in self._fs.list(self.directory) if name.endswith(".snapshot"))
        for name in names[:-_MAX_SNAPSHOTS]:
            self._fs.remove(f"{self.directory}/{name}")

    def _path(self, offset: int) -> str:
        return f"{self.directory}/{file_name(offset, '.snapshot')}"

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
        segments = self._segments
        try:
            for number in range(max(bisect_right(self._bases, offset) - 1, 0), len(segments)):
                segment = segments[number]
                if segment.base_offset >= limit:
                    return NOTHING
                stop: int | None = None
                if limit < end and (segment is self._active or segments[number + 1].base_offset > limit):
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

    def offset_for_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Find the first record not older than a time in milliseconds, also inside compressed batches."""
        with _storage(self.directory):
            return time_search.first_at_or_after(self._segments, timestamp, self.log_start_offset)

    def max_timestamp(self) -> TimestampOffset | None:
        """Find the record with the newest time (ListOffsets -3, KIP-734)."""
        with _storage(self.directory):
            return time_search.newest(self._segments)

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """Return the largest epoch up to the one asked for and where it ended; (-1, -1) if unknown."""
        return self._epochs.end_offset(epoch, self.leader_epoch, self.log_end_offset)

    def start_epoch(self, epoch: int) -> None:
        """Write with a newer leader epoch from now on."""
        self.leader_epoch = max(self.leader_epoch, epoch)

    def aborted_transactions(self, start: int, end: int) -> list[AbortedTransaction]:
        """Return the aborted transactions that touch offsets from start to before end (read-committed)."""
        aborted: list[AbortedTransaction] = []
        with _storage(self.directory):
            for number in range(max(bisect_right(self._bases, start) - 1, 0), len(self._segments)):
                for transaction in self._segments[number].transaction_index:
                    if transaction.last_offset >= start and transaction.first_offset < end:
                        aborted.append(transaction)
                    if transaction.last_stable_offset >= end:
                        return aborted
        return aborted

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
            with _storage(self.directory):
                self._begin_at(offset, now_ms)
        return self.log_start_offset

    def delete_expired(self, now_ms: int) -> int:
        """Take out the oldest segments that `retention.ms` and `retention.bytes` do not keep; return how many.

        A log of which nothing is kept goes on in a new segment. Raises StorageFailure and DamagedLog.
        """
        if self._failure is not None:
            return 0
        with _storage(self.directory):
            segments = self._segments
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
        while self._retired and self._retired[0][0] <= now_ms:
            with _storage(self.directory):
                self._fs.remove(self._retired[0][1])
            self._retired.popleft()

    def _begin_at(self, offset: int, now_ms: int) -> None:
        """Let the log begin at an offset, and take out the segments below it, never the active one."""
        self.log_start_offset = offset
        self._epochs.forget_before(offset)
        count = max(bisect_right(self._bases, offset) - 1, 0)
        taken = self._segments[:count]
        # New lists, because a flush in another thread may be walking along the old one.
        self._segments = self._segments[count:]
        self._bases = self._bases[count:]
        for segment in taken:
            due = now_ms + self._config.file_delete_delay_ms
            self._retired.extend((due, path) for path in segment.retire())

    def truncate(self, offset: int) -> None:
        """Drop everything at and after an offset, and the batch that holds it; that is on disk when this returns."""
        if offset >= self.log_end_offset:
            return
        offset = max(offset, self.log_start_offset)
        with _storage(self.directory):
            found = read_directory(self._fs, self._files, self.directory)
            while len(self._segments) > 1 and self._segments[-1].base_offset >= offset:
                self._segments[-1].delete()
                self._segments = self._segments[:-1]
                self._bases = self._bases[:-1]
            self._active = segment = self._segments[-1]
            located = segment.locate(offset)
            if located is not None:
                segment.cut(located[0])
                # Else a power cut could join what is written next to what was cut off.
                segment.sync(indexes=False)
                segment.keep_indexes_before(offset)
            self.log_end_offset = self._visible_end = segment.load_tail()
            self.recovery_point = min(self.recovery_point, self.log_end_offset)
            self.caches_point = min(self.caches_point, self.log_end_offset)
            found.segments = self._segments
            self._load_producers(found)
            self._epochs.truncate_to(self.log_end_offset)
            self._epoch_written = self._epochs.latest

    def flush(self, *, caches: bool = True) -> None:
        """Return when everything appended so far is on disk; indexes too, unless caches is False.

        May run in another thread than appends and reads.
        """
        end = self.log_end_offset
        done = self.caches_point if caches else self.recovery_point
        sealed = list(self._sealed) if caches else []
        if done >= end and not sealed:
            return
        cuts = self._cuts
        names_unsynced, self._names_unsynced = self._names_unsynced, False
        with _storage(self.directory):
            try:
                segments = self._segments
                first = max(bisect_right(segments, done, key=_base_offset) - 1, 0)
                for segment in dict.fromkeys((*sealed, *segments[first:])):
                    self._sync_segment(segment, end, caches=caches)
                if caches:
                    self._epochs.flush()
                if caches or names_unsynced:
                    self._fs.sync_directory(self.directory)
                if self.recovery_point == 0:
                    self._fs.sync_directory(self.directory.rpartition("/")[0])
            except OSError:
                self._log_sync_failed = self._caches_sync_failed = self._names_unsynced = True
                raise
        if cuts != self._cuts:
            return
        self._log_sync_failed = False
        if caches:
            del self._sealed[: len(sealed)]
            self._caches_sync_failed = False
            self.caches_point = end
        self.recovery_point = max(self.recovery_point, end)

    def _sync_segment(self, segment: Segment, end: int, *, caches: bool) -> None:
        try:
            if self._log_sync_failed:
                segment.write_log_again(self.recovery_point, end)
            if caches and self._caches_sync_failed:
                segment.write_indexes_again()
            segment.sync(indexes=caches)
        except FileNotFoundError:
            if segment in self._segments:  # else its records were deleted meanwhile
                raise

    def begin_sync(self) -> "SyncMark | None":
        """Write what a sync of the whole disk shall take along; None where there is nothing, or `flush` is needed.

        May run in another thread than appends and reads.
        """
        end = self.log_end_offset
        if self._log_sync_failed or self._caches_sync_failed or self._failure is not None:
            return None
        if self.caches_point >= end and not self._sealed:
            return None
        with _storage(self.directory):
            self._epochs.flush(sync=False)
        return SyncMark(end, self._cuts, len(self._sealed))

    def end_sync(self, mark: "SyncMark") -> None:
        """Note that everything up to a mark is on disk, because the disk was synced as a whole."""
        if mark.cuts == self._cuts:
            del self._sealed[: mark.sealed]
            self.caches_point = max(self.caches_point, mark.end)
            self.recovery_point = max(self.recovery_point, mark.end)

    def save_caches(self) -> None:
        """Write what lets the next start trust the files, unless nothing was appended since the last time."""
        if self._failure is not None:
            self._repair()
        with _storage(self.directory):
            if self.log_end_offset > max(self._producers.snapshot_offset, self.log_start_offset):
                self._active.seal()
                self._take_snapshot()
            elif self._lacks_indexes:
                self._active.seal()
            else:
                return
            self._lacks_indexes = False
            self._sealed.append(self._active)

    def close(self, *, clean: bool = True) -> None:
        """Close the files; clean also saves all caches and syncs, so that the next start need not recover."""
        try:
            if clean:
                self._close_in_order()
        finally:
            for segment in self._segments:
                self._files.forget(segment)
                segment.release()

    def _close_in_order(self) -> None:
        self.flush(caches=False)  # first of all what clients wait for; the rest can be made again
        self.save_caches()
        self.flush()

    def delete(self) -> None:
        """Remove the directory with everything in it; slices that were handed out stay readable."""
        self.close(clean=False)
        with _storage(self.directory):
            self._fs.remove_directory(self.directory)


def _base_offset(segment: Segment) -> int:
    return segment.base_offset


def _first_segment(fs: FileSystem, files: OpenFiles, directory: str, offset: int) -> Segment:
    segment = Segment(fs, files, directory, offset)
    segment.create()
    return segment


def _load(
    found: Directory,
    clean: bool,
    recovery_point: int | None,
    config: LogConfig,
    epochs: LeaderEpochs,
    may_have_gaps: bool,
) -> tuple[int, int, Recovery]:
    if not clean:
        known_end = recovery_point or 0
        return recover(
            found,
            known_end,
            config.index_interval_bytes,
            epochs,
            known_end=known_end,
            may_have_gaps=may_have_gaps,
        )
    try:
        end_offset = load_clean(found)
        if recovery_point is not None and end_offset != recovery_point:
            raise ValueError(f"{found.segments[-1].name} ends at offset {end_offset}, not at {recovery_point}")
    except (ValueError, CorruptBatch, DamagedLog) as error:
        # Somebody has touched the files since: believe nothing of the last segment.
        last = found.segments[-1].base_offset
        end_offset, trusted_offset, recovery = recover(
            found,
            last,
            config.index_interval_bytes,
            epochs,
            known_end=recovery_point or 0,
            may_have_gaps=may_have_gaps,
            was_closed=recovery_point is not None,
        )
        return end_offset, trusted_offset, replace(recovery, reason=recovery.reason or str(error))
    return end_offset, end_offset, Recovery()


@contextmanager
def _storage(directory: str) -> Generator[None]:
    """Turn errors of the file system into StorageFailure; not for hot paths."""
    try:
        yield
    except OSError as error:
        raise StorageFailure(f"{directory}: {error}") from error

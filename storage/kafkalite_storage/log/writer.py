"""The end of a log: batches are appended to it, segments rolled, and writes that failed undone."""

from collections.abc import Callable
from enum import Enum
from struct import Struct
from typing import Final

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.configs.topic_config import FOREVER
from kafkalite_storage.errors import (
    MessageTooLarge,
    RecordListTooLarge,
    StorageError,
    StorageFailure,
    storage_failures,
)
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.append_checks import prepare_batch
from kafkalite_storage.log.state import LogState
from kafkalite_storage.recovery.recovery import Directory, read_directory, reload_producers
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.state.producer_snapshot import save_snapshot
from kafkalite_wire.batch import LOG_APPEND_TIME
from kafkalite_wire.records import (
    BatchHeader,
    Buffer,
    EndTxnMarker,
    check_batches,
    check_produced,
    iter_records,
    read_end_txn_marker,
)
from kafkalite_wire.values import value_class

#: Base offset, batch length and leader epoch: the part of a batch that its place in the log decides.
_PLACE: Final = Struct(">qii")


class AppendOrigin(Enum):
    """Who made a batch: a client, whose batches are checked in full, or this broker."""

    CLIENT = 1
    BROKER = 2


@value_class
class AppendInfo:
    """The offsets of a batch, for a duplicate those of the original; `log_append_time` is -1 under CreateTime.

    What `awaits_sync` must not be acknowledged, and is not read, before `flush` has returned.
    """

    base_offset: int
    last_offset: int
    log_append_time: int
    log_start_offset: int
    is_duplicate: bool = False
    awaits_sync: bool = False


class LogWriter:
    """Appends batches to a log, rolls its segments and undoes writes that failed."""

    def __init__(
        self,
        state: LogState,
        cache: FileHandleCache,
        config: LogConfig,
        make_directory: Callable[[], None] | None,
    ) -> None:
        self._state = state
        self._fs = state.fs
        self._directory = state.directory
        self._segments = state.segments
        self._cache = cache
        self._epoch_written = state.epochs.latest
        #: Why a failed write may have left bytes in the files; they are removed before the next append.
        self._failure: Exception | None = None
        #: Whether a compaction failed half-way, which only a start completes.
        self._needs_start = False
        self._producers_stale = False
        #: Makes the directory of a partition that was never used.
        self._make_directory = make_directory
        self.configure(config)

    def configure(self, config: LogConfig) -> None:
        """Apply a configuration from the next append on."""
        self._config = config
        if config.is_compacted:
            # Permanent, because the gaps of a compaction stay. A topic becomes compacted only after a sync of its logs
            # (`Storage.alter_configs`): a start could not distinguish the loss of a power cut from such a gap.
            self._state.may_have_gaps = True
        # Kept as attributes because each append reads them.
        self._max_message_bytes = config.max_message_bytes
        self._segment_bytes = config.segment_bytes
        self._segment_ms = (
            min(config.segment_ms, config.max_compaction_lag_ms) if config.is_compacted else config.segment_ms
        )
        self._index_bytes = config.segment_index_bytes
        self._index_interval = config.index_interval_bytes
        self._after_max_ms = config.message_timestamp_after_max_ms
        self._state.flush_messages = self._flush_messages = config.flush_messages
        self._log_append_time = config.uses_log_append_time
        self._looks_inside = (
            config.is_compacted
            or config.uses_log_append_time
            or config.target_compression is not None
            or config.message_timestamp_before_max_ms < FOREVER
        )

    @property
    def has_directory(self) -> bool:
        """Whether the partition was ever appended to; before that nothing of it is on disk."""
        return self._make_directory is None

    @property
    def failed(self) -> bool:
        """Whether a write failed in a way that could not be undone yet; the next append tries again."""
        return self._failure is not None

    def fail_until_start(self, error: Exception) -> None:
        """Refuse all writes until a new start repairs the directory."""
        self._failure = error
        self._needs_start = True

    def append(
        self,
        batch: Buffer,
        *,
        now_ms: int,
        origin: AppendOrigin = AppendOrigin.CLIENT,
        header: BatchHeader | None = None,
        sync: bool = True,
    ) -> AppendInfo:
        """Append as `PartitionLog.append` does."""
        if self._failure is not None:
            self.repair()
        if origin is AppendOrigin.BROKER:
            return self._append_own(batch, sync=sync)
        if header is None:
            header = check_produced(batch)
        if header.size > self._max_message_bytes:
            raise self._too_large(header)
        if (
            self._looks_inside
            or header.max_timestamp > now_ms + self._after_max_ms
            or header.attributes & LOG_APPEND_TIME  # which only brokers set
        ):
            batch, header = prepare_batch(batch, header, self._config, now_ms)
            if header.size > self._max_message_bytes:
                raise self._too_large(header)
        if header.producer_id >= 0:
            duplicate = self._state.producers.find_duplicate(header)
            if duplicate is not None:
                return AppendInfo(
                    duplicate.first_offset,
                    duplicate.last_offset,
                    duplicate.timestamp,
                    self._state.log_start_offset,
                    True,
                    self._await_sync(duplicate.last_offset, sync=sync),
                )
            self._state.producers.check(header)
        offset = self._write(batch, header)
        if header.producer_id >= 0:
            self._state.producers.record_batch(header, offset)
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
            self._state.log_start_offset,
            False,
            awaits_sync,
        )

    def _await_sync(self, offset: int, *, sync: bool) -> bool:
        """Sync if `flush.messages` asks for it before an offset is acknowledged, or note that a sync is due."""
        end = self._state.log_end_offset
        if end - self._state.durability.recovery_point < self._flush_messages:
            self._state.visible_end = end
            return False
        if offset < self._state.high_watermark:
            return False
        if sync:
            self._state.flush(caches=False)
            self._state.visible_end = end
        return not sync

    def _append_own(self, batches: Buffer, *, sync: bool) -> AppendInfo:
        base_offset = self._state.log_end_offset
        try:
            return self._append_all(batches, base_offset, sync=sync)
        except StorageError:
            if self._state.log_end_offset > base_offset:  # all of them or none
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
                    self._state.producers.record_batch(header, offset)
                continue
            markers = [marker for marker in map(read_end_txn_marker, iter_records(batch)) if marker is not None]
            for marker in markers:
                self._state.producers.check_marker(header, marker)
            offset = self._write(batch, header)
            for marker in markers:
                self._end_transaction(header, marker, offset)
        awaits_sync = self._await_sync(self._state.log_end_offset - 1, sync=sync)
        return AppendInfo(
            base_offset, self._state.log_end_offset - 1, -1, self._state.log_start_offset, False, awaits_sync
        )

    def _end_transaction(self, header: BatchHeader, marker: EndTxnMarker, offset: int) -> None:
        aborted = self._state.producers.record_marker(header, marker, offset)
        if aborted is not None:
            with storage_failures(self._directory):
                self._segments.active.lookups.transaction_index.append(aborted)

    def _write(self, batch: Buffer, header: BatchHeader) -> int:
        size = header.batch_length + 12
        if size > self._segment_bytes:
            raise RecordListTooLarge(
                f"a batch of {size} bytes does not fit into a segment of {self._segment_bytes} bytes"
            )
        if self._make_directory is not None:
            with storage_failures(self._directory):
                self._make_directory()
            self._make_directory = None
        offset = self._state.log_end_offset
        last_offset = offset + header.last_offset_delta
        max_timestamp = header.max_timestamp
        segment = self._segments.active
        first_timestamp = segment.first_timestamp
        try:
            if (first_timestamp is not None and max_timestamp - first_timestamp > self._segment_ms) or segment.is_full(
                size, last_offset, segment_bytes=self._segment_bytes, index_bytes=self._index_bytes
            ):
                segment = self.begin_segment()
            epoch = self._state.leader_epoch
            if epoch > self._epoch_written:
                self._state.epochs.assign(epoch, offset)
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
        self._state.log_end_offset = last_offset + 1
        self._state.producers.end_offset = last_offset + 1
        return offset

    def _too_large(self, header: BatchHeader) -> MessageTooLarge:
        return MessageTooLarge(f"a batch of {header.size} bytes exceeds max.message.bytes {self._max_message_bytes}")

    def roll(self) -> None:
        """Begin a new active segment unless the present one is empty, so that compaction may look at it."""
        if self._failure is not None or not self._segments.active.size:
            return
        try:
            self.begin_segment()
        except OSError as error:
            self._undo(self._state.log_end_offset)
            raise StorageFailure(f"{self._directory}: {error}") from error

    def begin_segment(self) -> Segment:
        """Close the active segment and begin the next one at the end offset.

        The old one's name is on disk first, so that no power cut takes it and leaves the next one. Where compaction may
        make gaps its records are, too: no recovery could tell the gap that they would leave from the others.
        """
        durability, segments = self._state.durability, self._segments
        if self._state.may_have_gaps:
            self._state.flush(caches=False)
        else:
            durability.sync_names()
        closed = segments.active
        closed.lookups.seal()
        save_snapshot(self._fs, self._directory, self._state.producers)
        segment = segments.begin(self._state.log_end_offset)
        durability.note_sealed(closed)
        durability.names_unsynced = True
        return segment

    def repair(self) -> None:
        """Undo a failed write that could not be undone before, if any; raises StorageFailure if it still cannot."""
        if self._failure is None:
            return
        if not self._needs_start:
            self._undo(self._state.log_end_offset)
        if self._failure is not None:  # pyright: ignore[reportUnnecessaryComparison] - _undo may have cleared it
            raise StorageFailure(
                f"{self._directory} cannot be written to until its end is repaired: {self._failure}"
            ) from self._failure

    def _undo(self, end: int) -> None:
        """Cut the log back to its end before a failed write. If that fails too, refuse writes until it succeeds.

        Readers see nothing past that end from the first moment on.
        """
        self._state.log_end_offset = self._state.producers.end_offset = end
        self._state.visible_end = min(self._state.visible_end, end)
        self._state.durability.begin_cut()
        self._state.transactions.forget()
        try:
            self._segments.cut_to(end)
            self._state.durability.end_cut(end)
            if self._producers_stale:
                self._load_producers(read_directory(self._fs, self._cache, self._directory))
                self._producers_stale = False
        except (OSError, ValueError, StorageError) as error:
            self._failure = error
        else:
            self._failure = None

    def _load_producers(self, found: Directory) -> None:
        self._state.producers = reload_producers(
            self._fs,
            self._directory,
            found,
            self._segments.all,
            self._state.log_start_offset,
            self._state.log_end_offset,
        )
        self._state.durability.names_unsynced = True  # removed snapshots must not reappear after a crash

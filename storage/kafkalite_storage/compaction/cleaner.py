"""Chooses which log to compact next, and remembers how far each one is (`cleaner-offset-checkpoint`).

Only logs that were opened since the start are looked at: the others got nothing new.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from logging import getLogger
from typing import Final

from kafkalite_storage.compaction.compaction import Compaction, CompactionAbandonedError, CompactionStats, Step
from kafkalite_storage.compaction.log_to_clean import LogToClean, find_log_to_clean, find_log_to_roll
from kafkalite_storage.errors import StorageError
from kafkalite_storage.files.checkpoints import CLEANER_OFFSETS, TopicPartition, decode_offsets, encode_offsets
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import CorruptBatch

log = getLogger("kafkalite.storage.cleaner")

#: The topics in which the broker keeps its own state, and which it reads as a whole when it starts.
STATE_TOPICS: Final = frozenset(("__consumer_offsets", "__transaction_state"))
#: Bytes that a start may read of them in addition to a multiple of the live bytes: about a third of a second.
STATE_BYTES: Final = 4 * 1024 * 1024
STATE_FACTOR: Final = 2.0

DEFAULT_KEY_MAP_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cleaning:
    """A log that is to be cleaned now."""

    key: TopicPartition
    log: PartitionLog
    part: LogToClean


def dirtiest(found: Iterable[Cleaning | None]) -> Cleaning | None:
    """Choose the cleaning with the largest share of new bytes."""
    return max(filter(None, found), key=lambda cleaning: cleaning.part.ratio, default=None)


class Cleaner:
    """Compacts the logs of a storage, one after the other. Times are milliseconds."""

    def __init__(self, storage: Storage, *, key_map_bytes: int = DEFAULT_KEY_MAP_BYTES) -> None:
        self._storage = storage
        self._fs = storage.filesystem
        self._path = f"{storage.path}/{CLEANER_OFFSETS}"
        self.key_map_bytes = key_map_bytes
        self._offsets = self._read_offsets()
        #: The log of each offset: that of a topic which was deleted and created again does not count.
        self._owners: dict[TopicPartition, PartitionLog] = {}
        #: Logs that failed, by partition. They are not cleaned before the next start, as in Kafka.
        self.uncleanable: dict[TopicPartition, str] = {}

    def survey(self, now_ms: int) -> Iterator[Cleaning | None]:
        """Look at all logs, one a step: yield one that is due for cleaning, and None for any other."""
        self._forget_deleted()
        for key, log_ in tuple(self._storage.open_logs.items()):
            part = self._measure(key, log_, now_ms)
            yield Cleaning(key, log_, part) if part is not None and part.is_due(log_.config) else None

    def next_cleaning_of_state(self, now_ms: int) -> Cleaning | None:
        """Choose one of the broker's own logs if a start would have to read too much, and close its active segment.

        Kafka waits until the active segment is full (100 MB) and reads as much at its start.
        """
        self._forget_deleted()
        logs = self._logs_of_state()
        measured = [(log_, part) for key, log_ in logs if (part := self._measure(key, log_, now_ms)) is not None]
        chosen = find_log_to_roll(measured, STATE_BYTES, STATE_FACTOR)
        for key, log_ in logs:
            if log_ is chosen:
                try:
                    log_.roll()
                    part = find_log_to_clean(log_, self._offsets.get(key), now_ms)
                except (OSError, StorageError) as error:
                    self._give_up(key, error)
                    return None
                return Cleaning(key, log_, part) if part.cleanable_bytes else None
        return None

    def clean(self, cleaning: Cleaning, now_ms: int) -> Iterator[Step]:
        """Clean a log in short steps, note how far it got, and return what was done.

        A log that changes during it is left for the next time; one that is damaged is not tried again.
        """
        key, part = cleaning.key, cleaning.part
        compaction = Compaction(
            self._fs,
            cleaning.log,
            first_dirty_offset=part.first_dirty_offset,
            first_uncleanable_offset=part.first_uncleanable_offset,
            now_ms=now_ms,
            key_map_bytes=self.key_map_bytes,
            is_wanted=lambda: self._storage.open_logs.get(key) is cleaning.log,
        )
        self.running = compaction.stats
        if key not in self._offsets:
            # The entry says that the log may have gaps, so it is written before the first gap.
            self._offsets[key] = part.first_dirty_offset
            yield self._checkpoint()
        try:
            yield from compaction.steps()
        except CompactionAbandonedError as reason:
            log.info("compaction of %s-%d was given up: %s", *key, reason)
            return
        except (OSError, StorageError, CorruptBatch) as error:
            self._give_up(key, error)
            return
        if not compaction.is_wanted():
            return
        self._offsets[key] = compaction.end_offset
        yield self._checkpoint()
        done = compaction.stats
        log.info(
            "compacted %s-%d up to offset %d: %d segments of %d bytes became %d of %d bytes",
            *key,
            compaction.end_offset,
            done.segments_before,
            done.bytes_before,
            done.segments_after,
            done.bytes_after,
        )

    running = CompactionStats()
    """Progress of the current cleaning, or the result of the last one."""

    def _logs_of_state(self) -> list[tuple[TopicPartition, PartitionLog]]:
        """List the open logs of the broker's own topics, without a look at all logs."""
        logs, topics = self._storage.open_logs, self._storage.topics
        keys = ((name, number) for name in STATE_TOPICS if name in topics for number in range(topics[name].partitions))
        return [(key, log_) for key in keys if (log_ := logs.get(key)) is not None]

    def _measure(self, key: TopicPartition, log_: PartitionLog, now_ms: int) -> LogToClean | None:
        """Return what there is to clean in a log; None if it is not to be cleaned."""
        if not log_.config.is_compacted or key in self.uncleanable or log_.failed:
            return None
        if self._storage.open_logs.get(key) is not log_:
            return None
        self._owners[key] = log_
        try:
            part = find_log_to_clean(log_, self._offsets.get(key), now_ms)
        except (OSError, StorageError) as error:
            self._give_up(key, error)
            return None
        if part.was_reset:
            log.info("%s-%d is compacted from its start again: it was clean up to %d", *key, self._offsets[key])
            self._offsets[key] = part.first_dirty_offset
        return part

    def _forget_deleted(self) -> None:
        """Forget topics that were deleted, even if a new topic has taken the name."""
        logs = self._storage.open_logs
        for key in [key for key, owner in self._owners.items() if logs.get(key) is not owner]:
            del self._owners[key]
            self._offsets.pop(key, None)
            self.uncleanable.pop(key, None)

    def _give_up(self, key: TopicPartition, error: Exception) -> None:
        log.error("cannot compact %s-%d, and will not before the next start: %s", *key, error)
        self.uncleanable[key] = str(error)

    def _read_offsets(self) -> dict[TopicPartition, int]:
        try:
            return decode_offsets(self._fs.read(self._path)) if self._fs.exists(self._path) else {}
        except (ValueError, OSError):  # a cache: logs are then cleaned from their start
            return {}

    def _checkpoint(self) -> Step:
        topics = self._storage.topics
        content = encode_offsets(
            {
                (topic, partition): offset
                for (topic, partition), offset in self._offsets.items()
                if topic in topics and partition < topics[topic].partitions
            }
        )

        def write() -> None:
            try:
                self._fs.replace(self._path, content)
            except OSError as error:
                log.error("cannot write %s: %s; logs may be cleaned once more after a start", self._path, error)

        return write

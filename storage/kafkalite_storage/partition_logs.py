"""The logs of a data directory: opened at their first use, maintained together, and checkpointed.

The checkpoints are what the next start knows of a log before it opens it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from logging import getLogger
from typing import Final

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import StorageError, StorageFailure, UnknownTopicOrPartition, storage_failures
from kafkalite_storage.files.checkpoints import TopicPartition
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.metadata.data_directory import DataDirectory
from kafkalite_storage.metadata.topics import MetadataImage
from kafkalite_storage.partition_directories import PartitionDirectories, SnapshotsOfPartitions, partition_name
from kafkalite_storage.recovery.recovery import Recovery
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_wire.values import value_class

log = getLogger("kafkalite.storage")

#: Suffixes of files that an interrupted compaction leaves.
_UNFINISHED: Final = (".swap", ".cleaned")
#: From this number on, logs are synced with one call for the whole disk.
_MANY: Final = 64


@value_class
class LogOffsets:
    """The first offset and high watermark of a log, and the leader epochs of its first record and of new ones."""

    log_start_offset: int
    high_watermark: int
    start_epoch: int
    leader_epoch: int


class PartitionLogs:
    """The logs of the catalogue's partitions. Raises StorageError, never OSError."""

    def __init__(
        self,
        fs: FileSystem,
        directory: DataDirectory,
        catalogue: MetadataImage,
        files: FileHandleCache,
        snapshots: SnapshotsOfPartitions,
        *,
        config_of: Callable[[str], LogConfig],
        new_uuid: Callable[[], bytes],
        was_clean: bool,
        staying: Mapping[TopicPartition, PartitionLog],
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._files = files
        self._config_of = config_of
        self._was_clean = was_clean
        self._directories = PartitionDirectories(fs, directory.path, snapshots, new_uuid)
        #: Whether the directory was released, so that deletions in progress must stop.
        self._is_released = False
        #: The logs that were opened so far.
        self.opened: dict[TopicPartition, PartitionLog] = {}
        #: Cached offsets of partitions that are not open.
        self._closed: dict[TopicPartition, LogOffsets] = {}
        self._recovery_points = directory.recovery_points()
        self._log_start_offsets = directory.log_start_offsets()
        #: Partitions that were compacted once and have gaps, even if their topics no longer are compacted.
        self._compacted = frozenset(directory.clean_offsets())
        stale = {key for key in (*self._recovery_points, *self._log_start_offsets) if not self._is_known(*key)}
        #: Topics with deleted partitions that are still in the checkpoints; a new one must not get their offsets.
        self._stale_topics = {topic for topic, _ in stale}
        #: Deleted topics whose logs are still to be taken out of the tables, with the steps that do it.
        self._leaving: dict[str, Iterator[None]] = {}
        for key in stale:
            self._recovery_points.pop(key, None)
            self._log_start_offsets.pop(key, None)
        for key, log in staying.items():
            self._resume(key, log)

    def _resume(self, key: TopicPartition, log: PartitionLog) -> None:
        """Take over a log that stayed open during a restore."""
        name, partition = key
        epoch = self._catalogue.topics[name].assignment[partition].leader_epoch
        log.resume(self._config_of(name), leader_epoch=epoch, may_have_gaps=key in self._compacted)
        self.opened[key] = log
        self._snapshots.opened(partition_name(*key), log.fingerprint())

    def _is_known(self, name: str, partition: int) -> bool:
        topic = self._catalogue.topics.get(name)
        return topic is not None and partition < topic.partitions

    def finish_deletions(self) -> None:
        """Remove the directories of topics that were deleted before the last stop; raises OSError."""
        self._directories.finish_deletions(self._is_known, self._catalogue.removed_topic_ids.__contains__)

    def open(self, name: str, partition: int) -> PartitionLog:
        """Return the log of a partition, opened (and after a crash repaired) at the first call."""
        known = self.opened.get((name, partition))
        if known is not None:
            return known
        topic = self._catalogue.topics.get(name)
        if topic is None:
            raise UnknownTopicOrPartition(f"there is no topic {name!r}")
        if not 0 <= partition < topic.partitions:
            raise UnknownTopicOrPartition(f"topic {name!r} has no partition {partition}")
        key = (name, partition)
        path = self._directories.path_of(name, partition)
        claim = partial(
            self._directories.claim, name, partition, topic.topic_id, self._catalogue.removed_topic_ids.__contains__
        )
        with storage_failures(path):
            exists = self._directories.exists(name, partition)
            if exists:
                claim()
            log = PartitionLog.open(
                self._fs,
                path,
                config=self._config_of(name),
                recovery_point=self._recovery_points.get(key, 0),
                clean=self._was_clean and key in self._recovery_points,
                log_start_offset=self._log_start_offsets.get(key, 0),
                cache=self._files,
                may_have_gaps=key in self._compacted,
                make_directory=None if exists else claim,
            )
        log.start_epoch(topic.assignment[partition].leader_epoch)
        self.opened[key] = log
        if log.recovery == Recovery():
            self._snapshots.opened(partition_name(name, partition), log.fingerprint())
        else:
            self._snapshots.forget(partition_name(name, partition))
        if log.caches_point < self._recovery_points.get(key, 0):
            self._write_checkpoints()  # offsets beyond the new end must not count as synced
        return log

    def path_of(self, key: TopicPartition) -> str:
        """Return the directory of a partition."""
        return self._directories.path_of(*key)

    def closed_offsets(self, key: TopicPartition) -> tuple[int, int] | None:
        """Return where a partition begins and ends that was closed in order and has not been opened since."""
        if key in self.opened or not self._was_clean or key not in self._recovery_points:
            return None
        return self._log_start_offsets.get(key, 0), self._recovery_points[key]

    def offsets(self, name: str, partition: int) -> LogOffsets:
        """Return where a partition begins and ends, without opening its log if its files agree on that.

        Of a partition that was closed in order the checkpoints know it, and one that was never used has no files.
        """
        key = (name, partition)
        log = self.opened.get(key)
        if log is None:
            known = self._closed.get(key) or self._offsets_of_closed(key)
            if known is not None:
                self._closed[key] = known
                return known
            log = self.open(name, partition)
        start = log.log_start_offset
        return LogOffsets(start, log.high_watermark, log.epoch_for_offset(start), log.leader_epoch)

    def _offsets_of_closed(self, key: TopicPartition) -> LogOffsets | None:
        closed = self.closed_offsets(key)
        topic = self._catalogue.topics.get(key[0])
        if topic is None or not 0 <= key[1] < topic.partitions:
            return None
        epoch = topic.assignment[key[1]].leader_epoch
        path = self._directories.path_of(*key)
        with storage_failures(path):
            if not self._directories.exists(*key):
                return None if key in self._recovery_points else LogOffsets(0, 0, epoch, epoch)
            if closed is None or not self._directories.belongs_to(*key, topic.topic_id):
                return None
            names = self._fs.list(path)
            bases = [int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdecimal()]
            if not bases or any(name.endswith(_UNFINISHED) for name in names):
                return None
            epochs = LeaderEpochs(self._fs, path)
        start, end = max(closed[0], min(bases)), closed[1]
        if end < max(start, *bases) or (epochs.entries[0][1] != start if epochs.entries else start != end):
            return None
        leader_epoch = max(epochs.latest, epoch)
        return LogOffsets(start, end, epochs.epoch_of(start) if start < end else leader_epoch, leader_epoch)

    def size(self, name: str, partition: int) -> int:
        """Return the bytes of a partition's records without opening it."""
        log = self.opened.get((name, partition))
        if log is not None:
            return log.size
        with storage_failures(self._directories.path_of(name, partition)):
            return self._directories.size(name, partition)

    def flush_topic(self, name: str) -> None:
        """Sync all logs of a topic, also those that were not opened since the start."""
        for topic, number in self._used_of(name):
            self.open(topic, number).flush()

    def reconfigure(self, names: Iterable[str]) -> Iterator[None]:
        """Apply the configurations of topics to their opened logs, some in each step."""
        looked_at = 0
        for name in names:
            number = 0
            while (topic := self._catalogue.topics.get(name)) is not None and number < topic.partitions:
                log = self.opened.get((name, number))
                if log is not None:
                    log.config = self._config_of(name)
                number += 1
                looked_at += 1
                if looked_at % _MANY == 0:
                    yield

    def remove_topic(self, name: str, partitions: int, *, due_ms: int) -> Iterator[None]:
        """Close the logs of a topic that has left the catalogue, and rename their directories, a partition a step.

        The directories are deleted when they are due. From the first step on another topic may get the name
        (`forget_stale_offsets`).
        """
        logs: deque[PartitionLog | None] = deque()
        self._stale_topics.add(name)
        leaving = self._leaving[name] = self._take_out(name, partitions, logs)
        yield from leaving
        if self._leaving.get(name) is leaving:
            del self._leaving[name]
        for number in range(partitions):
            key = (name, number)
            log = logs.popleft()  # so that each is freed in its own step
            if log is not None:
                log.close(clean=False)
            if self._is_released:
                return
            if log is None or log.has_directory:
                with storage_failures(self._directories.path_of(*key)):
                    self._snapshots.forget(partition_name(*key))
                    if key not in self.opened:
                        self._directories.remove(*key, due_ms=due_ms)
            yield

    def _take_out(self, name: str, partitions: int, logs: deque[PartitionLog | None]) -> Iterator[None]:
        for number in range(partitions):
            key = (name, number)
            logs.append(self.opened.pop(key, None))
            self._recovery_points.pop(key, None)
            self._log_start_offsets.pop(key, None)
            self._closed.pop(key, None)
            if number % _MANY == _MANY - 1:
                yield

    def forget_stale_offsets(self, name: str) -> None:
        """Remove a deleted topic from the tables and the checkpoints before a new topic gets its name."""
        for _ in self._leaving.pop(name, ()):
            pass
        if name in self._stale_topics:
            self._write_checkpoints()
            self._stale_topics.clear()

    def open_all(self) -> Iterator[None]:
        """Open every partition that was ever used, one a step; log an error for one that cannot be opened."""
        for name, number in self.used():
            try:
                self.open(name, number)
            except StorageError as error:
                log.error("%s-%d cannot be opened: %s", name, number, error)
            yield

    def delete_expired(self, now_ms: int) -> Iterator[str | None]:
        """Apply retention to every partition, one a step; see `Storage.delete_expired`."""
        for name, number in self.used():
            count = 0
            try:
                count = self.open(name, number).delete_expired(now_ms)
            except StorageError as error:
                log.error("cannot delete old segments of %s-%d: %s", name, number, error)
            if count:
                log.info("deleted %d old segments of %s-%d", count, name, number)
            yield name if count else None

    def used(self) -> Iterator[TopicPartition]:
        """Yield the partitions with a directory, of the topics that are there when each is reached."""
        for name in tuple(self._catalogue.topics):
            yield from self._used_of(name)

    def _used_of(self, name: str) -> Iterator[TopicPartition]:
        number = 0
        while (topic := self._catalogue.topics.get(name)) is not None and number < topic.partitions:
            log = self.opened.get((name, number))
            if self._directories.exists(name, number) if log is None else log.has_directory:
                yield name, number
            number += 1

    def remove_retired(self, now_ms: int) -> Iterator[None]:
        """Remove files and directories after `file.delete.delay.ms`; see `Storage.remove_retired_steps`."""
        for number, log in enumerate(tuple(self.opened.values()), start=1):
            log.remove_retired(now_ms)
            if number % _MANY == 0:
                yield
        with storage_failures(self._directory.path):
            yield from self._directories.remove_due(now_ms)

    def checkpoint(self) -> None:
        """Sync all open logs and write their offsets to the checkpoints; see `Storage.checkpoint`."""
        logs = list(self.opened.values())
        self._sync_many(logs)
        failures = _tried(log.flush for log in logs)
        self._write_checkpoints()
        if failures:
            raise failures[0]

    def _sync_many(self, logs: Iterable[PartitionLog]) -> None:
        """Sync the whole disk if many logs need a sync: one file after another takes minutes."""
        with suppress(StorageFailure):
            marks = [(log, mark) for log in logs if (mark := log.begin_sync()) is not None]
            if len(marks) < _MANY:
                return
            try:
                self._fs.sync_all(self._directory.path)
            except OSError:
                return  # the caller syncs each file, which also shows which one fails
            for log, mark in marks:
                log.end_sync(mark)

    def _write_checkpoints(self) -> None:
        for key, log in list(self.opened.items()):
            if not log.has_directory:
                continue
            self._recovery_points[key] = log.caches_point
            if log.log_start_offset > log.first_segment_offset:
                self._log_start_offsets[key] = log.log_start_offset
            else:
                self._log_start_offsets.pop(key, None)
        with storage_failures(self._directory.path):
            self._directory.checkpoint(self._recovery_points, self._log_start_offsets)

    def close(self, metadata: Callable[[], None]) -> bool:
        """Sync, save all caches, and close, the metadata log last; return whether the directory is clean.

        It is not if the last owner did not close in order and some log was not opened since: the end of that log has
        not been checked.
        """
        self._is_released = True
        logs = list(self.opened.values())
        if len(logs) >= _MANY:
            _tried(log.save_caches for log in logs)  # a failure is raised again when the log is closed
            self._sync_many(logs)
        failures = _tried((*(log.close for log in logs), metadata))
        self._write_checkpoints()
        if failures:
            raise failures[0]
        return self._was_clean or not self._has_unchecked(logs)

    def _has_unchecked(self, logs: Sequence[PartitionLog]) -> bool:
        checked = {log.directory for log in logs}
        return any(
            path not in checked and self._fs.exists(path)
            for topic in self._catalogue.topics.values()
            for path in (self._directories.path_of(topic.name, number) for number in range(topic.partitions))
        )

    def let_go(self, staying: Mapping[TopicPartition, PartitionLog]) -> None:
        """Close all logs except those that stay open, without a sync."""
        self._is_released = True
        for key, log in self.opened.items():
            if key not in staying:
                log.close(clean=False)
        self.opened.clear()


def _tried(actions: Iterable[Callable[[], None]]) -> list[StorageFailure]:
    """Run all actions; return the failures."""
    failures: list[StorageFailure] = []
    for action in actions:
        try:
            action()
        except StorageFailure as error:
            failures.append(error)
    return failures

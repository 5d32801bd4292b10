"""Take snapshots of a data directory whose logs are open, and prepare to restore one."""

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import Final

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.checkpoints import (
    CLEAN_SHUTDOWN,
    LOG_START_OFFSETS,
    RECOVERY_POINTS,
    TopicPartition,
    encode_clean_shutdown,
    encode_offsets,
)
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.log import Fingerprint, PartitionLog
from kafkalite_storage.metadata.data_directory import DataDirectory
from kafkalite_storage.metadata.metadata_log import MetadataLog
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.partition_directories import partition_name
from kafkalite_storage.partition_logs import PartitionLogs
from kafkalite_storage.snapshots import directory_swap
from kafkalite_storage.snapshots.directory_snapshot import KEPT_FILES, DirectorySnapshot
from kafkalite_storage.snapshots.log_snapshot import SnapshotTarget, copy_closed_directory, write_log, write_new
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS, PartitionSnapshot, PartitionSnapshots
from kafkalite_wire.values import value_class

METADATA_PARTITION: Final = partition_name(METADATA_TOPIC, 0)


@value_class(kw_only=True)
class RetainedLogs:
    """What one `Storage` hands to the next: a locked data directory, and the unchanged logs that stay open."""

    directory: DataDirectory
    snapshots: PartitionSnapshots
    files: FileHandleCache = field(default_factory=FileHandleCache)
    """The open files of these logs, and of all that will be opened."""
    logs: Mapping[TopicPartition, PartitionLog] = field(default_factory=dict[TopicPartition, PartitionLog])
    metadata: MetadataLog | None = None


def fork_directory(snapshot: DirectorySnapshot, path: str) -> RetainedLogs:
    """Make and own a data directory with the content of a snapshot, on the same file system.

    Partitions get their directories at their first use, even after the snapshot was removed, so another process cannot
    open the directory. Raises StorageError.
    """
    with storage_failures(path):
        snapshot.clone_files(path)
        snapshot.clone_partition(METADATA_PARTITION, path)
        directory = DataDirectory(snapshot.filesystem, path)
        snapshots = PartitionSnapshots(snapshot.filesystem, path)
        snapshots.put_in_place(snapshot.partitions)
        return RetainedLogs(directory=directory, snapshots=snapshots)


class SnapshotTaker:
    """Takes and restores snapshots of one data directory while its logs are open. Raises StorageError."""

    def __init__(
        self,
        fs: FileSystem,
        directory: DataDirectory,
        partitions: PartitionLogs,
        metadata: MetadataLog,
        files: FileHandleCache,
        snapshots: PartitionSnapshots,
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._path = directory.path
        self._snapshots = snapshots
        self._partitions = partitions
        self._metadata = metadata
        self._files = files

    def take(self, name: str) -> DirectorySnapshot:
        """Take a snapshot; see `Storage.take_snapshot`."""
        fs, path = self._fs, f"{self._path}/{SNAPSHOTS}/{name}"
        ends: dict[TopicPartition, int] = {}
        starts: dict[TopicPartition, int] = {}
        snapshots: dict[str, PartitionSnapshot] = {}
        for key in self._partitions.used():
            with storage_failures(self._partitions.path_of(key)):
                snapshots[partition_name(*key)] = self._snapshot_of(key)
            log, closed = self._partitions.opened.get(key), self._partitions.closed_offsets(key)
            if log is not None:
                ends[key] = log.log_end_offset
                if log.log_start_offset > log.first_segment_offset:
                    starts[key] = log.log_start_offset
            elif closed is not None:
                start, ends[key] = closed
                if start:
                    starts[key] = start
        with storage_failures(path):
            snapshots[METADATA_PARTITION] = self._snapshot_of_metadata()
            snapshot = DirectorySnapshot(fs, path, snapshots, self._snapshots, ends)
        try:
            with storage_failures(path):
                fs.make_directory(path)
                for file in KEPT_FILES:
                    if fs.exists(f"{self._path}/{file}"):
                        fs.link(f"{self._path}/{file}", f"{path}/{file}")
                write_new(fs, f"{path}/{RECOVERY_POINTS}", encode_offsets(ends))
                write_new(fs, f"{path}/{LOG_START_OFFSETS}", encode_offsets(starts))
                write_new(fs, f"{path}/{CLEAN_SHUTDOWN}", encode_clean_shutdown(-1))
        except BaseException:
            snapshot.remove()
            raise
        return snapshot

    def _snapshot_of(self, key: TopicPartition) -> PartitionSnapshot:
        name, log = partition_name(*key), self._partitions.opened.get(key)
        found = self._snapshots.current(name, None if log is None else log.fingerprint())
        return found or self._snapshots.make(name, partial(self._write, key))

    def _write(self, key: TopicPartition, target: SnapshotTarget) -> Fingerprint | None:
        if self._partitions.closed_offsets(key) is not None and copy_closed_directory(
            self._fs, self._partitions.path_of(key), target, quickly=True
        ):
            return None
        log = self._partitions.open(*key)
        write_log(self._fs, log, target)
        return log.fingerprint()

    def _snapshot_of_metadata(self) -> PartitionSnapshot:
        log, snapshots = self._metadata.log, self._snapshots

        def write(target: SnapshotTarget) -> Fingerprint:
            write_log(self._fs, log, target)
            return log.fingerprint()

        return snapshots.current(METADATA_PARTITION, log.fingerprint()) or snapshots.make(METADATA_PARTITION, write)

    def prepare_restore(self, snapshot: DirectorySnapshot) -> RetainedLogs:
        """Prepare to restore a snapshot; return the logs that are unchanged since it, and stay open."""
        logs = {partition_name(*key): log for key, log in self._partitions.opened.items()}
        logs[METADATA_PARTITION] = self._metadata.log
        names = {name for name, partition in snapshot.partitions.items() if self._is(partition, name, logs.get(name))}
        staying = {key: log for key, log in self._partitions.opened.items() if partition_name(*key) in names}
        # A log that stays may not have saved its caches, which must not be trusted after a kill.
        saved = {**snapshot.ends, **{key: log.caches_point for key, log in staying.items()}}
        directory_swap.prepare(snapshot, self._path, names, saved)
        return RetainedLogs(
            directory=self._directory,
            snapshots=self._snapshots,
            files=self._files,
            logs=staying,
            metadata=self._metadata if METADATA_PARTITION in names else None,
        )

    def _is(self, snapshot: PartitionSnapshot, name: str, log: PartitionLog | None) -> bool:
        if log is not None and log.failed:
            return False
        return self._snapshots.current(name, None if log is None else log.fingerprint()) is snapshot

    def complete_restore(self, snapshot: DirectorySnapshot) -> None:
        """Restore the snapshot that was prepared, after all other logs were closed. Raises OSError."""
        directory_swap.swap(self._fs, self._path)
        self._snapshots.put_in_place(snapshot.partitions)

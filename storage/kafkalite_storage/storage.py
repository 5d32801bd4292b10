"""The data directory of a broker: its topics, their configurations and their logs, across restarts."""

import os
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final, cast

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.configs.topic_config import validate
from kafkalite_storage.errors import (
    InvalidPartitions,
    PolicyViolation,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
    UnsupportedFormat,
    storage_failures,
)
from kafkalite_storage.files.checkpoints import TopicPartition
from kafkalite_storage.files.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.metadata.cluster_image import ClusterImage
from kafkalite_storage.metadata.data_directory import DataDirectory
from kafkalite_storage.metadata.metadata_log import MetadataLog
from kafkalite_storage.metadata.metadata_records import config_records, election_records, partition_records
from kafkalite_storage.metadata.topics import (
    BROKER_RESOURCE,
    METADATA_TOPIC,
    MOST_NEW_PARTITIONS,
    TOPIC_RESOURCE,
    Topic,
    check_topic_name,
)
from kafkalite_storage.partition_logs import LogOffsets, PartitionLogs
from kafkalite_storage.recovery.recovery import Recovery, summary
from kafkalite_storage.snapshots import directory_swap
from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
from kafkalite_storage.snapshots.partition_snapshots import PartitionSnapshots
from kafkalite_storage.snapshots.taking import METADATA_PARTITION, RetainedLogs, SnapshotTaker
from kafkalite_wire.messages.metadata_records import (
    ConfigRecord,
    FeatureLevelRecord,
    MetadataRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    TopicRecord,
)

#: Features of a new cluster, as Kafka 4.4 formats one.
FEATURES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "metadata.version": 33,
        "eligible.leader.replicas.version": 1,
        "group.version": 1,
        "share.version": 2,
        "streams.version": 1,
        "transaction.version": 2,
    }
)
PRODUCER_ID_BLOCK: Final = 1000
_CLEANUP_POLICY: Final = "log.cleanup.policy"


class Storage:
    """The persistent state of a broker. Raises StorageError, never OSError."""

    def __init__(
        self,
        fs: FileSystem,
        directory: DataDirectory,
        metadata: MetadataLog,
        files: FileHandleCache,
        snapshots: PartitionSnapshots,
        *,
        cluster_id: str,
        node_id: int,
        clean: bool,
        defaults: Mapping[str, str],
        new_uuid: Callable[[], bytes],
        staying: Mapping[TopicPartition, PartitionLog],
    ) -> None:
        self.cluster_id = cluster_id
        self.node_id = node_id
        #: Whether the last owner closed in order; if not, logs are checked when they are first opened.
        self.was_clean = clean
        self._fs = fs
        self._directory = directory
        self._metadata = metadata
        self._catalogue = metadata.catalogue
        self._snapshots = snapshots
        self._new_uuid = new_uuid
        self._defaults = dict(defaults)
        #: Cached effective configurations by topic.
        self._configs: dict[str, LogConfig] = {}
        #: The configuration of topics without overrides.
        self._defaulted: LogConfig | None = None
        self._partitions = PartitionLogs(
            fs,
            directory,
            metadata.catalogue,
            files,
            snapshots,
            config_of=self.log_config,
            new_uuid=new_uuid,
            was_clean=clean,
            staying=staying,
        )
        self._logs = self._partitions.opened
        self._snapshot_taker = SnapshotTaker(fs, directory, self._partitions, metadata, files, snapshots)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        fs: FileSystem | None = None,
        cluster_id: str | None = None,
        node_id: int = 1,
        defaults: Mapping[str, str] | None = None,
        new_uuid: Callable[[], bytes],
        now_ms: int,
        open_segments: int = 256,
        handover: RetainedLogs | None = None,
    ) -> "Storage":
        """Lock a data directory, create it if it is new, and read its topics.

        `defaults` are the broker's configurations by name (`log.segment.bytes`, …), `new_uuid` makes ids of
        16 bytes, `open_segments` bounds the descriptors.
        Partitions are opened, and repaired, when they are first asked for. With `handover` it is owned already, and in
        order (`restore`, `fork_directory`), and its snapshots are left; else they are removed.

        Raises DataDirectoryInUse, DataDirectoryCorrupt, UnsupportedFormat, InvalidConfig, StorageFailure.
        """
        fs = OsFileSystem() if fs is None else fs
        LogConfig.of({}, defaults or {})  # a bad default must fail here, not at the first topic
        with storage_failures(str(path)):
            is_new_owner = handover is None
            root = os.fspath(path).rstrip("/") or "/"
            handover = handover or RetainedLogs(
                directory=DataDirectory(fs, root),
                files=FileHandleCache(open_segments),
                snapshots=PartitionSnapshots(fs, root),
            )
        directory, files, snapshots = handover.directory, handover.files, handover.snapshots
        try:
            with storage_failures(str(path)):
                if is_new_owner:
                    directory_swap.clear(fs, directory.path)
                found_id = directory.identify(cluster_id, node_id, new_uuid)
                clean = not is_new_owner or directory.has_clean_marker
                metadata = handover.metadata or MetadataLog.open(
                    fs, f"{directory.path}/{METADATA_PARTITION}", files, clean=clean
                )
                if metadata.recovery == Recovery():
                    snapshots.opened(METADATA_PARTITION, metadata.log.fingerprint())
                _check_features(metadata.catalogue.features, str(path))
                storage = cls(
                    fs,
                    directory,
                    metadata,
                    files,
                    snapshots,
                    cluster_id=found_id,
                    node_id=node_id,
                    clean=clean or metadata.is_new,
                    defaults=defaults or {},
                    new_uuid=new_uuid,
                    staying=handover.logs,
                )
                # Only after the directory proved usable. The content of a snapshot is not synced either.
                directory.forget_clean_marker(sync=is_new_owner)
                if metadata.is_new:
                    metadata.append(
                        [FeatureLevelRecord(name=name, feature_level=level) for name, level in FEATURES.items()],
                        now_ms,
                    )
                metadata.abort_open_transaction(now_ms)
                storage._elect_leaders(now_ms)
                storage._partitions.finish_deletions()
                return storage
        except BaseException:
            directory.release()
            raise

    @property
    def path(self) -> str:
        """The data directory."""
        return self._directory.path

    @property
    def filesystem(self) -> FileSystem:
        """Where the files of the data directory are."""
        return self._fs

    @property
    def directory_id(self) -> str:
        """The data directory's own id, as base64."""
        return self._directory.directory_id

    @property
    def topics(self) -> Mapping[str, Topic]:
        """All topics by name."""
        return self._catalogue.topics

    @property
    def topics_by_id(self) -> Mapping[bytes, Topic]:
        """All topics by id of 16 bytes."""
        return self._catalogue.topics_by_id

    @property
    def features(self) -> Mapping[str, int]:
        """The finalized features of the cluster."""
        return self._catalogue.features

    @property
    def cluster_image(self) -> ClusterImage:
        """Registered brokers, quotas, credentials, and configurations of groups and client metrics."""
        return self._catalogue.cluster

    @property
    def metadata(self) -> MetadataLog:
        """The metadata log."""
        return self._metadata

    @property
    def open_logs(self) -> Mapping[TopicPartition, PartitionLog]:
        """The logs that were opened so far."""
        return self._logs

    def topic(self, name: str) -> Topic:
        """Return a topic; raises UnknownTopicOrPartition."""
        topic = self._catalogue.topics.get(name)
        if topic is None:
            raise UnknownTopicOrPartition(f"there is no topic {name!r}")
        return topic

    def create_topic(
        self,
        name: str,
        partitions: int,
        configs: Mapping[str, str] | None = None,
        *,
        topic_id: bytes | None = None,
        assignment: Sequence[Sequence[int]] | None = None,
        now_ms: int,
    ) -> Topic:
        """Create a topic; it is on disk when this returns. `assignment` names the brokers of each partition.

        Raises InvalidTopic, TopicAlreadyExists, InvalidPartitions, InvalidConfig.
        """
        return _result(
            self.create_topic_steps(name, partitions, configs, topic_id=topic_id, assignment=assignment, now_ms=now_ms)
        )

    def create_topic_steps(
        self,
        name: str,
        partitions: int,
        configs: Mapping[str, str] | None = None,
        *,
        topic_id: bytes | None = None,
        assignment: Sequence[Sequence[int]] | None = None,
        down: Container[int] = (),
        now_ms: int,
    ) -> Generator[None, None, Topic]:
        """Do what `create_topic` does in steps of a few milliseconds; the last one writes, and returns the topic.

        Other changes may be made between two steps. A generator that is closed before its end has changed nothing.
        """
        self.check_new_topic(name, partitions, configs or {})
        topic_id = self._new_uuid() if topic_id is None else topic_id
        first: list[MetadataRecord] = [TopicRecord(name=name, topic_id=topic_id)]
        first += config_records(TOPIC_RESOURCE, name, configs or {})
        parts = partition_records(topic_id, 0, partitions, assignment, self.node_id, down)
        change = yield from self._metadata.prepare(topic_id, chain(first, parts), now_ms)
        if name in self._catalogue.topics:
            raise TopicAlreadyExists(f"Topic '{name}' already exists.")
        self._partitions.forget_stale_offsets(name)
        self._metadata.append_prepared(change, now_ms)
        return self._catalogue.topics[name]

    def check_new_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Raise what create_topic would raise, and create nothing (`validate_only`)."""
        check_topic_name(name)
        if name in self._catalogue.topics or name == METADATA_TOPIC:
            raise TopicAlreadyExists(f"Topic '{name}' already exists.")
        if partitions < 1:
            raise InvalidPartitions("Number of partitions must be larger than 0.")
        if partitions > MOST_NEW_PARTITIONS:
            raise PolicyViolation(f"{partitions} partitions at once are too many; at most {MOST_NEW_PARTITIONS}.")
        validate(configs)

    def create_partitions(
        self, name: str, total: int, *, assignment: Sequence[Sequence[int]] | None = None, now_ms: int
    ) -> Topic:
        """Add partitions to a topic; `assignment` names the brokers of the new ones.

        Raises UnknownTopicOrPartition, InvalidPartitions, PolicyViolation.
        """
        return _result(self.create_partitions_steps(name, total, assignment=assignment, now_ms=now_ms))

    def create_partitions_steps(
        self,
        name: str,
        total: int,
        *,
        assignment: Sequence[Sequence[int]] | None = None,
        down: Container[int] = (),
        now_ms: int,
    ) -> Generator[None, None, Topic]:
        """Do what `create_partitions` does in steps; see `create_topic_steps`."""
        topic = self.topic(name)
        if total <= topic.partitions:
            raise InvalidPartitions(f"topic {name!r} has {topic.partitions} partitions, {total} is not more")
        if total - topic.partitions > MOST_NEW_PARTITIONS:
            raise PolicyViolation(f"{total} partitions are too many more at once; at most {MOST_NEW_PARTITIONS}.")
        records = partition_records(topic.topic_id, topic.partitions, total, assignment, self.node_id, down)
        change = yield from self._metadata.prepare(topic.topic_id, records, now_ms)
        now = self.topic(name)
        if (now.topic_id, now.partitions) != (topic.topic_id, topic.partitions):
            raise InvalidPartitions(f"topic {name!r} was changed at the same time")
        self._partitions.forget_stale_offsets(name)
        self._metadata.append_prepared(change, now_ms)
        return self._catalogue.topics[name]

    def delete_topic(self, name: str, *, now_ms: int) -> None:
        """Delete a topic and its records; readers that hold a FetchSlice may finish.

        The files are removed when `file.delete.delay.ms` is over (`remove_retired`).
        """
        for _ in self.delete_topic_steps(name, now_ms=now_ms):
            pass

    def delete_topic_steps(self, name: str, *, now_ms: int) -> Iterator[None]:
        """Do what `delete_topic` does, a partition a step; the topic is gone after the first one.

        What a generator that is closed before its end has left, the next start removes.
        """
        topic = self.topic(name)
        due_ms = now_ms + self.log_config(name).file_delete_delay_ms
        removed: list[MetadataRecord] = [
            ConfigRecord(resource_type=TOPIC_RESOURCE, resource_name=name, name=config, value=None)
            for config in topic.configs
        ]
        self._metadata.append([*removed, RemoveTopicRecord(topic_id=topic.topic_id)], now_ms)
        self._configs.pop(name, None)
        yield from self._partitions.remove_topic(name, topic.partitions, due_ms=due_ms)

    def alter_configs(self, name: str, changes: Mapping[str, str | None], *, now_ms: int) -> Topic:
        """Set overrides of a topic, or with None remove them. They take effect at once.

        Raises UnknownTopicOrPartition, InvalidConfig, StorageFailure.
        """
        for _ in self.alter_configs_steps(name, changes, now_ms=now_ms):
            pass
        return self.topic(name)

    def alter_configs_steps(self, name: str, changes: Mapping[str, str | None], *, now_ms: int) -> Iterator[None]:
        """Do what `alter_configs` does in steps: the change is made in the first, and open logs follow."""
        overrides = self.checked_overrides(self.topic(name), changes)
        self._flush_before_compaction(name, LogConfig.of(overrides, self.log_defaults))
        records = config_records(TOPIC_RESOURCE, name, changes)
        if records:
            self._metadata.append(records, now_ms)
        self._configs.pop(name, None)
        yield from self._partitions.reconfigure((name,))

    def checked_overrides(self, topic: Topic, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Return the overrides that a topic would have after changes; raises InvalidConfig."""
        merged = {**topic.configs, **changes}
        overrides = {name: value for name, value in merged.items() if value is not None}
        validate(overrides)
        return overrides

    def alter_broker_configs(self, broker: str, changes: Mapping[str, str | None], *, now_ms: int) -> None:
        """Set dynamic configurations of a broker ("" for all); topics inherit them at once.

        Raises InvalidConfig for values that topics would not allow, and StorageFailure.
        """
        for _ in self.alter_broker_configs_steps(broker, changes, now_ms=now_ms):
            pass

    def alter_broker_configs_steps(
        self, broker: str, changes: Mapping[str, str | None], *, now_ms: int
    ) -> Iterator[None]:
        """Do what `alter_broker_configs` does in steps: the change is made in the first, and open logs follow."""
        self.check_broker_configs(broker, changes)
        if _CLEANUP_POLICY in changes:
            defaults = self._log_defaults(broker, changes)
            for topic in self._catalogue.topics.values():
                self._flush_before_compaction(topic.name, LogConfig.of(topic.configs, defaults))
        records = config_records(BROKER_RESOURCE, broker, changes)
        if records:
            self._metadata.append(records, now_ms)
        self._configs.clear()
        self._defaulted = None
        yield from self._partitions.reconfigure(tuple(self._catalogue.topics))

    def check_broker_configs(self, broker: str, changes: Mapping[str, str | None]) -> None:
        """Raise what alter_broker_configs would raise, and change nothing (`validate_only`)."""
        known = self._catalogue.broker_configs.get(broker, {})
        merged = {name: value for name, value in {**known, **changes}.items() if value is not None}
        LogConfig.of({}, {**self._defaults, **merged})

    def broker_configs(self, broker: str = "") -> Mapping[str, str]:
        """Return the dynamic configurations of one broker, or with "" those of all."""
        return self._catalogue.broker_configs.get(broker, {})

    @property
    def log_defaults(self) -> Mapping[str, str]:
        """The broker's configurations that topics inherit. Dynamic ones override those of the start."""
        return self._log_defaults("", {})

    def _log_defaults(self, broker: str, changes: Mapping[str, str | None]) -> Mapping[str, str]:
        """Return the defaults of topics after changes."""
        dynamic = dict(self._catalogue.broker_configs)
        changed = {**dynamic.get(broker, {}), **changes}
        dynamic[broker] = {name: value for name, value in changed.items() if value is not None}
        return {**self._defaults, **dynamic.get("", {}), **dynamic.get(str(self.node_id), {})}

    def log_config(self, name: str) -> LogConfig:
        """Return the effective configuration of a topic."""
        config = self._configs.get(name)
        if config is None:
            overrides = self.topic(name).configs
            if overrides:
                config = LogConfig.of(overrides, self.log_defaults)
            else:
                config = self._defaulted = self._defaulted or LogConfig.of({}, self.log_defaults)
            self._configs[name] = config
        return config

    @property
    def next_producer_id(self) -> int:
        """The first producer id that is not reserved."""
        return self._catalogue.next_producer_id

    def allocate_producer_ids(self, *, now_ms: int, at_least: int = 0) -> range:
        """Reserve a block of producer ids, which is on disk when this returns (KIP-730)."""
        first = max(self._catalogue.next_producer_id, at_least)
        block = range(first, first + PRODUCER_ID_BLOCK)
        self._metadata.append([ProducerIdsRecord(broker_id=self.node_id, next_producer_id=block.stop)], now_ms)
        return block

    def log(self, name: str, partition: int) -> PartitionLog:
        """Return the log of a partition, opened (and after a crash repaired) at the first call.

        Raises UnknownTopicOrPartition, StorageFailure.
        """
        log = self._logs.get((name, partition))
        return self._partitions.open(name, partition) if log is None else log

    def log_offsets(self, name: str, partition: int) -> LogOffsets:
        """Return where a partition begins and ends, where possible without opening its log.

        Raises UnknownTopicOrPartition, StorageFailure.
        """
        return self._partitions.offsets(name, partition)

    def partition_size(self, name: str, partition: int) -> int:
        """Return the bytes of a partition's records without opening it; raises StorageFailure."""
        return self._partitions.size(name, partition)

    def open_all(self) -> Iterator[None]:
        """Open, and after a crash recover, every partition that was ever used, one a step.

        Logs an error for one that cannot be opened.
        """
        return self._partitions.open_all()

    def delete_expired(self, now_ms: int) -> Iterator[str | None]:
        """Apply `retention.ms` and `retention.bytes` to every partition, one a step.

        Yields the topic of a partition whose log start offset has changed, None for any other. Logs an error for a
        partition that cannot be read.
        """
        return self._partitions.delete_expired(now_ms)

    def recovery_summary(self) -> str:
        """Return one line about the repairs after an unclean stop."""
        done = {self._metadata.directory: self._metadata.recovery}
        done |= {partition.directory: partition.recovery for partition in self._logs.values()}
        return summary(done)

    def remove_retired(self, now_ms: int) -> None:
        """Remove the files that left their logs, or the topics, longer ago than `file.delete.delay.ms`.

        Raises StorageFailure.
        """
        for _ in self.remove_retired_steps(now_ms):
            pass

    def remove_retired_steps(self, now_ms: int) -> Iterator[None]:
        """Do what `remove_retired` does in short steps, which may run in threads; a step deletes one directory."""
        return self._partitions.remove_retired(now_ms)

    def checkpoint(self) -> None:
        """Sync all open logs and write their offsets to the checkpoints, which bounds the work after a crash.

        May run in a thread of its own, but not during `close` or a change of topics.
        """
        self._partitions.checkpoint()

    def close(self) -> None:
        """Sync, save all caches, close all logs, mark the directory clean, and remove the snapshots.

        It is not marked if a log failed, nor if the last owner did not close in order and some log was not opened
        since: the end of that log has not been checked.
        """
        try:
            if self._partitions.close(lambda: self._metadata.close(clean=True)):
                with storage_failures(self.path):
                    self._directory.leave_clean_marker()
            with storage_failures(self.path):
                directory_swap.clear(self._fs, self.path)
                self._snapshots.close()
        finally:
            self._logs.clear()
            self._directory.release()

    def take_snapshot(self, name: str) -> DirectorySnapshot:
        """Take a snapshot of the data directory under a free name, without a sync.

        The directory does not change, except that large active segments may be closed. Raises StorageError; nothing is
        left then.
        """
        return self._snapshot_taker.take(name)

    def restore(self, snapshot: DirectorySnapshot) -> RetainedLogs:
        """Restore a snapshot of this directory and release it; pass the result to the next `Storage.open`.

        Nothing has changed after a StorageFailure. After an OSError the next start completes the restore.
        """
        handover = self._snapshot_taker.prepare_restore(snapshot)
        self._partitions.let_go(handover.logs)
        if handover.metadata is None:
            self._metadata.close(clean=False)
        try:
            self._snapshot_taker.complete_restore(snapshot)
        except BaseException:
            self._directory.release()
            raise
        return handover

    def _elect_leaders(self, now_ms: int) -> None:
        """Become the leader of partitions that a shutdown of Kafka left without one."""
        changes = [
            record for topic in self._catalogue.topics.values() for record in election_records(topic, self.node_id)
        ]
        if changes:
            self._metadata.append(changes, now_ms)

    def _flush_before_compaction(self, name: str, config: LogConfig) -> None:
        """Sync a topic before it becomes compacted.

        Afterwards a start expects gaps, and would not notice a segment that was lost in a power cut.
        """
        if config.is_compacted and not self.log_config(name).is_compacted:
            self._partitions.flush_topic(name)


def _result(steps: Generator[None, None, Topic]) -> Topic:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("Topic", end.value)


def _check_features(features: Mapping[str, int], path: str) -> None:
    """Raise UnsupportedFormat if the records are of a newer, unknown version."""
    for name, newest in FEATURES.items():
        if features.get(name, 0) > newest:
            raise UnsupportedFormat(
                f"{path} is at {name}={features[name]}, and known here is {newest}: a newer release wrote the "
                "directory, which is left as it is"
            )

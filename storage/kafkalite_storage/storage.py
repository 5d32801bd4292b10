"""The data directory of a broker: its topics, their configurations and their logs, across restarts."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from logging import getLogger
from types import MappingProxyType
from typing import Final

from kafkalite_storage.checkpoints import TopicPartition
from kafkalite_storage.data_directory import DataDirectory
from kafkalite_storage.errors import (
    InvalidPartitions,
    StorageError,
    StorageFailure,
    TopicAlreadyExists,
    UnknownTopicId,
    UnknownTopicOrPartition,
    UnsupportedFormat,
)
from kafkalite_storage.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.log import PartitionLog
from kafkalite_storage.log_config import LogConfig
from kafkalite_storage.metadata_log import MetadataLog
from kafkalite_storage.open_files import OpenFiles
from kafkalite_storage.partition_directories import PartitionDirectories
from kafkalite_storage.recovery import summary
from kafkalite_storage.topic_config import validate
from kafkalite_storage.topics import BROKER_RESOURCE, METADATA_TOPIC, TOPIC_RESOURCE, Topic, check_topic_name
from kafkalite_wire.messages.metadata_records import (
    ConfigRecord,
    FeatureLevelRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    TopicRecord,
)

log = getLogger("kafkalite.storage")

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
#: So many logs are synced with one call rather than with one for each.
_MANY: Final = 64
_LOG_SUFFIX: Final = ".log"


class Storage:
    """Everything a broker keeps. Raises StorageError, never OSError."""

    def __init__(
        self,
        fs: FileSystem,
        directory: DataDirectory,
        metadata: MetadataLog,
        files: OpenFiles,
        *,
        cluster_id: str,
        node_id: int,
        clean: bool,
        defaults: Mapping[str, str],
        new_uuid: Callable[[], bytes],
        check_records: bool,
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._metadata = metadata
        self._catalogue = metadata.catalogue
        self._files = files
        self._new_uuid = new_uuid
        self._check_records = check_records
        self._directories = PartitionDirectories(fs, directory.path, new_uuid)
        self._defaults = dict(defaults)
        self._logs: dict[TopicPartition, PartitionLog] = {}
        #: Effective configurations by topic, as far as they were asked for.
        self._configs: dict[str, LogConfig] = {}
        self._recovery_points = directory.recovery_points()
        self._log_start_offsets = directory.log_start_offsets()
        #: Partitions that were compacted once: whatever their topics are configured for today, they have gaps.
        self._compacted = frozenset(directory.clean_offsets())
        #: What the checkpoints still say of partitions that are gone. A new topic of that name must not inherit it.
        self._stale_offsets = {
            key for key in (*self._recovery_points, *self._log_start_offsets) if not self._has_partition(*key)
        }
        for key in self._stale_offsets:
            self._recovery_points.pop(key, None)
            self._log_start_offsets.pop(key, None)
        self.cluster_id = cluster_id
        self.node_id = node_id
        #: Whether the last owner closed in order; if not, logs are checked when they are first opened.
        self.was_clean = clean

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
        check_records: bool = False,
    ) -> "Storage":
        """Own a data directory, making it if it is new, and read what topics there are.

        `defaults` are the broker's configurations by name (`log.segment.bytes`, …), `new_uuid` makes ids of
        16 bytes, `open_segments` bounds the descriptors, `check_records` makes appends look at every record.
        Partitions are opened, and repaired, when they are first asked for.

        Raises DataDirectoryInUse, DataDirectoryCorrupt, UnsupportedFormat, InvalidConfig, StorageFailure.
        """
        fs = OsFileSystem() if fs is None else fs
        LogConfig.of({}, defaults or {})  # a bad default shall fail here, not at the first topic
        with _failures(str(path)):
            directory = DataDirectory(fs, os.fspath(path).rstrip("/") or "/")
        try:
            with _failures(str(path)):
                found_id = directory.identify(cluster_id, node_id, new_uuid)
                clean = directory.has_clean_marker
                files = OpenFiles(open_segments)
                metadata = MetadataLog.open(fs, f"{directory.path}/{METADATA_TOPIC}-0", files, clean=clean)
                _check_features(metadata.catalogue.features, str(path))
                storage = cls(
                    fs,
                    directory,
                    metadata,
                    files,
                    cluster_id=found_id,
                    node_id=node_id,
                    clean=clean or metadata.is_new,
                    defaults=defaults or {},
                    new_uuid=new_uuid,
                    check_records=check_records,
                )
                directory.forget_clean_marker()  # not before it is sure that the directory can be used
                if metadata.is_new:
                    metadata.append(
                        [FeatureLevelRecord(name=name, feature_level=level) for name, level in FEATURES.items()],
                        now_ms,
                    )
                storage._elect_leaders(now_ms)
                storage._directories.finish_deletions()
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

    def topic_by_id(self, topic_id: bytes) -> Topic:
        """Return a topic; raises UnknownTopicId."""
        topic = self._catalogue.topics_by_id.get(topic_id)
        if topic is None:
            raise UnknownTopicId(f"there is no topic with id {topic_id.hex()}")
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
        """Make a topic; it is on disk when this returns. `assignment` names the brokers of each partition.

        Raises InvalidTopic, TopicAlreadyExists, InvalidPartitions, InvalidConfig.
        """
        self.check_new_topic(name, partitions, configs or {})
        topic_id = self._new_uuid() if topic_id is None else topic_id
        records: list[MetadataRecord] = [TopicRecord(name=name, topic_id=topic_id)]
        records += _config_records(TOPIC_RESOURCE, name, configs or {})
        records += self._partition_records(topic_id, 0, partitions, assignment)
        self._forget_stale_offsets(name)
        self._metadata.append(records, now_ms)
        return self._catalogue.topics[name]

    def check_new_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Raise what create_topic would, without making anything (`validate_only`)."""
        check_topic_name(name)
        if name in self._catalogue.topics or name == METADATA_TOPIC:
            raise TopicAlreadyExists(f"Topic '{name}' already exists.")
        if partitions < 1:
            raise InvalidPartitions("Number of partitions must be larger than 0.")
        validate(configs)

    def create_partitions(
        self, name: str, total: int, *, assignment: Sequence[Sequence[int]] | None = None, now_ms: int
    ) -> Topic:
        """Give a topic more partitions; `assignment` names the brokers of the new ones.

        Raises UnknownTopicOrPartition, InvalidPartitions.
        """
        topic = self.topic(name)
        if total <= topic.partitions:
            raise InvalidPartitions(f"topic {name!r} has {topic.partitions} partitions, {total} is not more")
        self._forget_stale_offsets(name)
        self._metadata.append(self._partition_records(topic.topic_id, topic.partitions, total, assignment), now_ms)
        return self._catalogue.topics[name]

    def delete_topic(self, name: str, *, now_ms: int) -> None:
        """Remove a topic and its records; readers that hold a FetchSlice may finish.

        The files go when `file.delete.delay.ms` is over (`remove_retired`).
        """
        topic = self.topic(name)
        due_ms = now_ms + self.log_config(name).file_delete_delay_ms
        removed: list[MetadataRecord] = [
            ConfigRecord(resource_type=TOPIC_RESOURCE, resource_name=name, name=config, value=None)
            for config in topic.configs
        ]
        self._metadata.append([*removed, RemoveTopicRecord(topic_id=topic.topic_id)], now_ms)
        self._configs.pop(name, None)
        for number in range(topic.partitions):
            self._remove_partition(name, number, due_ms=due_ms)

    def alter_configs(self, name: str, changes: Mapping[str, str | None], *, now_ms: int) -> Topic:
        """Set overrides of a topic, or with None take them back; its logs act on them at once.

        Raises UnknownTopicOrPartition, InvalidConfig.
        """
        self.checked_overrides(self.topic(name), changes)
        records = _config_records(TOPIC_RESOURCE, name, changes)
        if records:
            self._metadata.append(records, now_ms)
        self._reconfigure(name)
        return self._catalogue.topics[name]

    def checked_overrides(self, topic: Topic, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Return the overrides that a topic would have after changes; raises InvalidConfig."""
        merged = {**topic.configs, **changes}
        overrides = {name: value for name, value in merged.items() if value is not None}
        validate(overrides)
        return overrides

    def alter_broker_configs(self, broker: str, changes: Mapping[str, str | None], *, now_ms: int) -> None:
        """Set dynamic configurations of a broker ("" for all); topics inherit them at once.

        Raises InvalidConfig for values that topics would not allow.
        """
        self.check_broker_configs(broker, changes)
        records = _config_records(BROKER_RESOURCE, broker, changes)
        if records:
            self._metadata.append(records, now_ms)
        for name in list(self._configs):
            self._reconfigure(name)

    def check_broker_configs(self, broker: str, changes: Mapping[str, str | None]) -> None:
        """Raise what alter_broker_configs would, without changing anything (`validate_only`)."""
        known = self._catalogue.broker_configs.get(broker, {})
        merged = {name: value for name, value in {**known, **changes}.items() if value is not None}
        LogConfig.of({}, {**self._defaults, **merged})

    def broker_configs(self, broker: str = "") -> Mapping[str, str]:
        """Return the dynamic configurations of one broker, or with "" those of all."""
        return self._catalogue.broker_configs.get(broker, {})

    @property
    def log_defaults(self) -> Mapping[str, str]:
        """The broker's configurations that topics inherit; dynamic ones go over those of the start."""
        dynamic = self._catalogue.broker_configs
        return {**self._defaults, **dynamic.get("", {}), **dynamic.get(str(self.node_id), {})}

    def log_config(self, name: str) -> LogConfig:
        """Return the effective configuration of a topic."""
        config = self._configs.get(name)
        if config is None:
            config = self._configs[name] = LogConfig.of(self.topic(name).configs, self.log_defaults)
        return config

    def move_leader(self, name: str, partition: int, leader: int, *, now_ms: int) -> Topic:
        """Let another broker of this process lead a partition, under the next leader epoch."""
        topic = self.topic(name)
        if not 0 <= partition < topic.partitions:
            raise UnknownTopicOrPartition(f"topic {name!r} has no partition {partition}")
        self._metadata.append(
            [PartitionChangeRecord(partition_id=partition, topic_id=topic.topic_id, leader=leader)], now_ms
        )
        topic = self._catalogue.topics[name]
        log = self._logs.get((name, partition))
        if log is not None:
            log.start_epoch(topic.assignment[partition].leader_epoch)
        return topic

    def allocate_producer_ids(self, *, now_ms: int) -> range:
        """Reserve a block of producer ids that no restart gives out again (KIP-730)."""
        first = self._catalogue.next_producer_id
        block = range(first, first + PRODUCER_ID_BLOCK)
        self._metadata.append([ProducerIdsRecord(broker_id=self.node_id, next_producer_id=block.stop)], now_ms)
        return block

    def log(self, name: str, partition: int) -> PartitionLog:
        """Return the log of a partition, opened (and after a crash repaired) at the first call.

        Raises UnknownTopicOrPartition, StorageFailure.
        """
        log = self._logs.get((name, partition))
        return self._open_log(name, partition) if log is None else log

    def partition_size(self, name: str, partition: int) -> int:
        """Return the bytes of a partition's records without opening it; raises StorageFailure."""
        log = self._logs.get((name, partition))
        if log is not None:
            return log.size
        path = self._partition_path(name, partition)
        with _failures(path):
            if not self._fs.exists(path):
                return 0
            return sum(
                self._fs.open(f"{path}/{file}").size() for file in self._fs.list(path) if file.endswith(_LOG_SUFFIX)
            )

    def open_all(self) -> Iterator[None]:
        """Open every partition that was ever used, one a step, so that all is known that a crash left.

        One that cannot be opened is told of and passed over.
        """
        for name, number in self._used_partitions():
            try:
                self.log(name, number)
            except StorageError as error:
                log.error("%s-%d cannot be opened: %s", name, number, error)
            yield

    def delete_expired(self, now_ms: int) -> Iterator[str | None]:
        """Let every partition delete what `retention.ms` and `retention.bytes` do not keep, one a step.

        Yields the topic of each partition that begins later now, None for one that did not change. A partition that
        cannot be read is told of and passed over.
        """
        for name, number in self._used_partitions():
            count = 0
            try:
                count = self.log(name, number).delete_expired(now_ms)
            except StorageError as error:
                log.error("cannot delete old segments of %s-%d: %s", name, number, error)
            if count:
                log.info("deleted %d old segments of %s-%d", count, name, number)
            yield name if count else None

    def recovery_summary(self) -> str:
        """Tell in one line what opening the logs after an unclean stop had to repair."""
        done = {self._metadata.directory: self._metadata.recovery}
        done |= {partition.directory: partition.recovery for partition in self._logs.values()}
        return summary(done)

    def remove_retired(self, now_ms: int) -> None:
        """Remove the files that left their logs, or the topics, longer ago than `file.delete.delay.ms`.

        Raises StorageFailure.
        """
        for partition in tuple(self._logs.values()):
            partition.remove_retired(now_ms)
        with _failures(self.path):
            self._directories.remove_due(now_ms)

    def _used_partitions(self) -> Iterator[TopicPartition]:
        """Name the partitions with a directory, of the topics that are there when each is reached."""
        for name in tuple(self._catalogue.topics):
            number = 0
            while (topic := self._catalogue.topics.get(name)) is not None and number < topic.partitions:
                if (name, number) in self._logs or self._directories.exists(name, number):
                    yield name, number
                number += 1

    def checkpoint(self) -> None:
        """Sync all open logs and write down how far they are, which bounds the work after a crash.

        May run in another thread than everything else, except close and changes of topics.
        """
        logs = list(self._logs.values())
        self._sync_many(logs)
        failures = _tried(log.flush for log in logs)
        self._write_checkpoints()
        if failures:
            raise failures[0]

    def _sync_many(self, logs: Iterable[PartitionLog]) -> None:
        """Sync the disk as a whole if many logs have something to be synced: one file after another takes minutes."""
        with suppress(StorageFailure):
            marks = [(log, mark) for log in logs if (mark := log.begin_sync()) is not None]
            if len(marks) < _MANY:
                return
            try:
                self._fs.sync_all(self.path)
            except OSError:
                return  # file by file, then, which also tells which one it is that fails
            for log, mark in marks:
                log.end_sync(mark)

    def close(self) -> None:
        """Close in order: sync, save all caches, and mark the directory clean.

        It is not marked when a log failed, nor when the last owner did not close in order and some log has not been
        opened since: nobody has looked at that log's end yet.
        """
        logs = list(self._logs.values())
        try:
            if len(logs) >= _MANY:
                _tried(log.save_caches for log in logs)  # those that fail are told of when they are closed
                self._sync_many(logs)
            failures = _tried((*(log.close for log in logs), lambda: self._metadata.close(clean=True)))
            self._write_checkpoints()
            if failures:
                raise failures[0]
            if self.was_clean or not self._has_unchecked_logs(logs):
                with _failures(self.path):
                    self._directory.leave_clean_marker()
        finally:
            self._logs.clear()
            self._directory.release()

    def _has_unchecked_logs(self, logs: Sequence[PartitionLog]) -> bool:
        checked = {log.directory for log in logs}
        return any(
            path not in checked and self._fs.exists(path)
            for topic in self._catalogue.topics.values()
            for path in (self._partition_path(topic.name, number) for number in range(topic.partitions))
        )

    def crash(self) -> None:
        """Let go of everything as a killed process would, for tests: nothing is synced or saved."""
        for log in self._logs.values():
            log.close(clean=False)
        self._metadata.close(clean=False)
        self._logs.clear()
        self._directory.release()

    def _open_log(self, name: str, partition: int) -> PartitionLog:
        topic = self.topic(name)
        if not 0 <= partition < topic.partitions:
            raise UnknownTopicOrPartition(f"topic {name!r} has no partition {partition}")
        key = (name, partition)
        path = self._partition_path(name, partition)
        with _failures(path):
            self._directories.claim(name, partition, topic.topic_id, self._catalogue.removed_topic_ids.__contains__)
            log = PartitionLog.open(
                self._fs,
                path,
                config=self.log_config(name),
                recovery_point=self._recovery_points.get(key, 0),
                clean=self.was_clean and key in self._recovery_points,
                log_start_offset=self._log_start_offsets.get(key, 0),
                files=self._files,
                check_records=self._check_records,
                may_have_gaps=key in self._compacted,
            )
        log.start_epoch(topic.assignment[partition].leader_epoch)
        self._logs[key] = log
        if log.caches_point < self._recovery_points.get(key, 0):
            self._write_checkpoints()  # what is missing will be written again, and is not on disk then
        return log

    def _remove_partition(self, name: str, partition: int, *, due_ms: int) -> None:
        key = (name, partition)
        log = self._logs.pop(key, None)
        if log is not None:
            log.close(clean=False)
        self._recovery_points.pop(key, None)
        self._log_start_offsets.pop(key, None)
        self._stale_offsets.add(key)
        with _failures(self._partition_path(name, partition)):
            self._directories.remove(name, partition, due_ms=due_ms)

    def _elect_leaders(self, now_ms: int) -> None:
        """Lead what Kafka left without a leader when it shut down."""
        changes = [
            PartitionChangeRecord(
                partition_id=number,
                topic_id=topic.topic_id,
                leader=partition.replicas[0] if partition.replicas else self.node_id,
            )
            for topic in self._catalogue.topics.values()
            for number, partition in enumerate(topic.assignment)
            if partition.leader < 0
        ]
        if changes:
            self._metadata.append(changes, now_ms)

    def _reconfigure(self, name: str) -> None:
        self._configs.pop(name, None)
        config = self.log_config(name)
        for (topic, _), log in self._logs.items():
            if topic == name:
                log.config = config

    def _has_partition(self, name: str, partition: int) -> bool:
        topic = self._catalogue.topics.get(name)
        return topic is not None and partition < topic.partitions

    def _forget_stale_offsets(self, name: str) -> None:
        """Write the checkpoints without what they say of a deleted topic, before another one gets its name."""
        if any(topic == name for topic, _ in self._stale_offsets):
            self._write_checkpoints()
            self._stale_offsets.clear()

    def _write_checkpoints(self) -> None:
        for key, log in list(self._logs.items()):
            self._recovery_points[key] = log.caches_point
            if log.log_start_offset > log.first_segment_offset:
                self._log_start_offsets[key] = log.log_start_offset
            else:
                self._log_start_offsets.pop(key, None)
        with _failures(self.path):
            self._directory.checkpoint(self._recovery_points, self._log_start_offsets)

    def _partition_path(self, name: str, partition: int) -> str:
        return self._directories.path_of(name, partition)

    def _partition_records(
        self, topic_id: bytes, first: int, total: int, assignment: Sequence[Sequence[int]] | None
    ) -> list[MetadataRecord]:
        if assignment is not None and len(assignment) != total - first:
            raise InvalidPartitions(f"{len(assignment)} assignments for {total - first} partitions")
        records: list[MetadataRecord] = []
        for number in range(first, total):
            replicas = (self.node_id,) if assignment is None else tuple(assignment[number - first])
            records.append(
                PartitionRecord(
                    partition_id=number,
                    topic_id=topic_id,
                    replicas=replicas,
                    isr=replicas,
                    leader=replicas[0],
                    leader_epoch=0,
                    partition_epoch=0,
                    directories=(_UNASSIGNED_DIRECTORY,) * len(replicas),
                )
            )
        return records


def _check_features(features: Mapping[str, int], path: str) -> None:
    """Raise UnsupportedFormat for records of a newer version: what they mean is not known."""
    for name, newest in FEATURES.items():
        if features.get(name, 0) > newest:
            raise UnsupportedFormat(
                f"{path} is at {name}={features[name]}, and known here is {newest}: a newer release wrote the "
                "directory, which is left as it is"
            )


#: What KRaft writes before a broker has said in which of its directories a replica lies (KIP-858).
_UNASSIGNED_DIRECTORY: Final = bytes(16)


def _config_records(resource: int, name: str, changes: Mapping[str, str | None]) -> list[MetadataRecord]:
    return [
        ConfigRecord(resource_type=resource, resource_name=name, name=config, value=value)
        for config, value in changes.items()
    ]


def _tried(actions: Iterable[Callable[[], None]]) -> list[StorageFailure]:
    """Do all of them, whichever fail; return the failures."""
    failures: list[StorageFailure] = []
    for action in actions:
        try:
            action()
        except StorageFailure as error:
            failures.append(error)
    return failures


@contextmanager
def _failures(path: str) -> Generator[None]:
    """Turn errors of the file system into StorageFailure."""
    try:
        yield
    except OSError as error:
        raise StorageFailure(f"{path}: {error}") from error

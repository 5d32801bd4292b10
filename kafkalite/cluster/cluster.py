"""The state that the brokers of this process share: topics and logs, leaders, groups, producer ids.

Handlers change it through the methods here, so that what belongs together happens together: an append and the delayed
fetches that it completes, a deleted topic and the offsets committed for it.
"""

from __future__ import annotations

import os
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Final, Protocol

from kafkalite.background.flusher import LogFlusher
from kafkalite.cluster.described_partitions import DescribedPartitions
from kafkalite.cluster.internal_topics import (
    OFFSETS_TOPIC,
    SHARE_STATE_TOPIC,
    TRANSACTION_TOPIC,
    internal_topic,
    missing_configs,
)
from kafkalite.cluster.leadership import Leadership
from kafkalite.coordinators.group_service import GroupCoordinatorService
from kafkalite.coordinators.service import CoordinatorEnvironment
from kafkalite.coordinators.share_state_service import ShareStateService
from kafkalite.coordinators.transaction_service import TransactionCoordinatorService
from kafkalite.errors import StartError
from kafkalite.fetch.delayed import DelayedFetches
from kafkalite.fetch.sessions import FetchSessions, TopicKey
from kafkalite.requests.steps import StepQueue, finish
from kafkalite_storage.errors import (
    DataDirectoryCorrupt,
    DataDirectoryInUse,
    InvalidTopic,
    StorageError,
    UnsupportedFormat,
)
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.storage import Storage
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.metadata_records import RemoveDelegationTokenRecord
from kafkalite_wire.records import build_end_txn_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence

    from kafkalite.background.cleaner import LogCleaner
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.config import BrokerConfig
    from kafkalite.coordinators.results import TransactionMarker
    from kafkalite.coordinators.share.state import ShareKey
    from kafkalite.sharing.share_partitions import SharePartitions
    from kafkalite_storage.files.filesystem import FileSystem
    from kafkalite_storage.log.log import AppendInfo, PartitionLog
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
    from kafkalite_storage.snapshots.taking import RetainedLogs
    from kafkalite_wire.messages.metadata_records import MetadataRecord
    from kafkalite_wire.records import BatchHeader


log = getLogger("kafkalite.cluster")

_BASE64_DASH: Final = 62


def random_uuid() -> bytes:
    """Return a version 4 UUID that does not start with a dash in base64: tools would take it for an option."""
    while True:
        made = bytearray(os.urandom(16))
        made[6] = made[6] & 0x0F | 0x40
        made[8] = made[8] & 0x3F | 0x80
        if made[0] >> 2 != _BASE64_DASH:
            return bytes(made)


class Endpoint(Protocol):
    """A broker that is up (:class:`kafkalite.cluster.endpoint.BrokerEndpoint`)."""

    @property
    def id(self) -> int:
        """Its id."""
        ...

    @property
    def ports(self) -> tuple[int, ...]:
        """The port of each listener."""
        ...

    @property
    def rack(self) -> str | None:
        """Where it stands."""
        ...

    @property
    def fetch_sessions(self) -> FetchSessions:
        """Its fetch sessions."""
        ...

    def advertised(self, client_host: str, local: tuple[str, int]) -> tuple[str, int]:
        """Return the address that a client is sent to."""
        ...


class Cluster:
    """What all brokers of this process share: storage, coordinators, delayed fetches, producer ids."""

    def __init__(
        self,
        config: BrokerConfig,
        timers: TimerQueue,
        file_system: FileSystem | None = None,
        *,
        handover: RetainedLogs | None = None,
        least_producer_id: int = 0,
        steps: StepQueue | None = None,
        down: Collection[int] = (),
    ) -> None:
        """Open the data directory, by default on the machine's file system, and replay its metadata log.

        ``handover`` comes from :meth:`restore` of the cluster before on the same directory, and
        ``least_producer_id`` from its :attr:`next_producer_ids`. ``steps`` runs what is done in steps. The brokers that
        are ``down`` lead nothing. Raises StartError.
        """
        self.config = config
        self.has_several_brokers: Final = config.brokers > 1
        """Whether there is more than one broker, whether up or not."""
        self.endpoints: dict[int, Endpoint] = {}
        """The brokers that are up, by id."""
        self.brokers: dict[int, Endpoint] = {}
        """All brokers, by id."""
        self.timers = timers
        self.crash_guard = timers.crash_guard
        # The clock's own functions, because every request reads the time.
        self.now: Callable[[], float] = timers.now
        """Return the time of sessions and waits: monotonic seconds."""
        self.wall_ms: Callable[[], int] = timers.clock.wall_ms
        """Return the time of records: milliseconds since 1970."""
        self.steps = StepQueue(timers.crash_guard) if steps is None else steps
        """Work that takes turns with that of requests."""
        self.delayed_fetches = DelayedFetches(timers.crash_guard.guard)
        self.flusher = LogFlusher(timers)
        self.log_cleaner: LogCleaner | None = None
        """Set while compaction runs."""
        self._producer_ids = range(0)
        self._least_producer_id = least_producer_id
        try:
            self.storage = Storage.open(
                config.data_dir,
                fs=file_system,
                node_id=config.node_id,
                defaults=config.log_defaults,
                new_uuid=random_uuid,
                now_ms=self.wall_ms(),
                handover=handover,
            )
        except (DataDirectoryInUse, DataDirectoryCorrupt, UnsupportedFormat) as error:
            raise StartError(str(error)) from None
        except (OSError, StorageError) as error:
            raise StartError(f"cannot use the data directory {config.data_dir}: {error}") from error
        self.described_partitions = DescribedPartitions(self.storage.topics_by_id, self.endpoints)
        self._create_after_request: dict[str, None] = {}
        self.leadership = Leadership(self.storage, config, self.wall_ms, down)
        """The brokers that are up, and what each of them leads."""
        self._repair_internal_topics()
        environment = CoordinatorEnvironment(
            storage=self.storage,
            timers=timers,
            wall_ms=self.wall_ms,
            flusher=self.flusher,
            write_marker=self.write_marker,
            steps=self.steps,
        )
        self.groups = GroupCoordinatorService(
            environment, config, ensure_topic=partial(self.ensure_internal_topic, OFFSETS_TOPIC)
        )
        self.transactions = TransactionCoordinatorService(
            environment,
            config,
            ensure_topic=partial(self.ensure_internal_topic, TRANSACTION_TOPIC),
            new_producer_id=self.new_producer_id,
            accepts_writes=(
                partial(self.leadership.accepts_writes, TRANSACTION_TOPIC) if self.has_several_brokers else None
            ),
        )
        self.share_states = ShareStateService(
            environment,
            config.share_coordinator_snapshot_updates,
            ensure_topic=partial(self.ensure_internal_topic, SHARE_STATE_TOPIC),
        )
        self._share_partitions: SharePartitions | None = None
        self.on_broker_configs_changed: list[Callable[[], None]] = []
        """Called when configurations of brokers were changed at run time."""
        self.on_quotas_changed: list[Callable[[], None]] = []
        """Called when quotas of clients have changed."""
        self._failed_markers: set[tuple[str, int]] = set()
        self.leadership.on_moved = self._leaders_moved
        self._rebalancing: Timer | None = None

    @property
    def share_partitions(self) -> SharePartitions:
        """The partitions of share groups that are in use."""
        if self._share_partitions is None:
            # Imported on first use: a broker starts faster than all of this is imported.
            from kafkalite.sharing.share_partitions import SharePartitions

            self._share_partitions = SharePartitions(
                self.storage,
                self.timers,
                self.share_states,
                self.groups.share_config,
                self.delayed_fetches,
                self.wall_ms,
            )
        return self._share_partitions

    def _forget_share_partitions(self, is_gone: Callable[[ShareKey], bool]) -> None:
        if self._share_partitions is not None:
            self._share_partitions.forget(is_gone)

    def rebalance_leaders_later(self) -> None:
        """Elect the preferred leaders from time to time, if there are several brokers."""
        if not (self.has_several_brokers and self.config.auto_leader_rebalance_enable):
            return
        when = self.now() + self.config.leader_imbalance_check_interval
        self._rebalancing = self.timers.call_at(when, self._rebalance_leaders)

    def _rebalance_leaders(self) -> None:
        try:
            self.leadership.prefer_everywhere()
        except StorageError as error:
            log.error("cannot elect the preferred leaders: %s; trying again later", error)
        self.rebalance_leaders_later()

    def add(self, endpoint: Endpoint) -> None:
        """Add a broker, which is up unless its id is among those that are down."""
        self.brokers[endpoint.id] = endpoint
        if endpoint.id not in self.leadership.down:
            self.endpoints[endpoint.id] = endpoint

    def broker_stopped(self, broker: int) -> None:
        """Move what a broker leads and coordinates to other brokers. Raises StorageError."""
        self.endpoints.pop(broker, None)
        self.leadership.fence(broker)

    def broker_killed(self, broker: int) -> None:
        """Suspend the groups that a broker coordinates; :meth:`broker_stopped` follows when its session is over."""
        topic = self.storage.topics.get(OFFSETS_TOPIC)
        if topic is not None:
            led = {index for index, partition in enumerate(topic.assignment) if partition.leader == broker}
            self.groups.suspend_partitions(led)

    def broker_started(self, broker: int) -> None:
        """Bring a broker back: it is in sync, and leads what has no leader. Raises StorageError."""
        up = sorted({*self.endpoints, broker})
        self.endpoints.clear()  # the same dictionary, which others keep
        self.endpoints.update((each, self.brokers[each]) for each in up)
        self.leadership.unfence(broker)

    def _leaders_moved(self, topic: str, indexes: Collection[int]) -> None:
        self.delayed_fetches.topic_changed(topic)
        if topic == OFFSETS_TOPIC:
            self.groups.partitions_moved(indexes)
        elif topic == SHARE_STATE_TOPIC:
            self.share_states.partitions_moved()
        moved = self.storage.topics[topic].topic_id
        self._forget_share_partitions(lambda key: key.topic_id == moved and key.partition in indexes)
        self.delayed_fetches.complete_ready()

    def coordinator_of(self, topic: str, partition: int) -> int:
        """Return the broker that coordinates what belongs to a partition of an internal topic, -1 if none is up."""
        return self.storage.topics[topic].assignment[partition].leader

    @property
    def controller_id(self) -> int:
        """The broker that clients take for the controller: of those that are up, the one with the lowest id."""
        return min(self.endpoints, default=self.config.node_id)

    def addresses(self, client_host: str, local: tuple[str, int]) -> dict[int, tuple[str, int]]:
        """Return where a client finds each broker that is up, by id; ``local`` is the address that it dialled."""
        return {node_id: each.advertised(client_host, local) for node_id, each in self.endpoints.items()}

    def same_listener(self, port: int, ports: tuple[int, ...]) -> int:
        """Return the one of ``ports``, a broker's listeners, that is the same listener as ``port`` of another broker.

        A port of no listener is returned as it is.
        """
        for each in self.brokers.values():
            if port in each.ports and ports:
                return ports[each.ports.index(port)]
        return port

    # Partitions

    def topic_name(self, key: TopicKey) -> str | None:
        """Return the name of a topic that is given by name or by id, or None for an unknown id."""
        if isinstance(key, str):
            return key
        topic = self.storage.topics_by_id.get(key)
        return None if topic is None else topic.name

    def topic_names(self) -> dict[bytes, str]:
        """Return the names of all topics by their ids."""
        return {topic_id: topic.name for topic_id, topic in self.storage.topics_by_id.items()}

    def log(self, topic: str, index: int) -> PartitionLog | None:
        """Return the log of a partition, or None if there is no such partition. Raises StorageError."""
        found = self.storage.topics.get(topic)
        if found is None or not 0 <= index < found.partitions:
            return None
        return self.storage.log(topic, index)

    def append(self, topic: str, index: int, batch: memoryview, header: BatchHeader) -> AppendInfo:
        """Append a client's batch to a partition that exists; :meth:`after_request` completes the fetches that wait.

        A batch that awaits a sync may be acknowledged only after it (:meth:`when_synced`). ``header`` is the result of
        ``check_produced``. Raises StorageError and CorruptBatch.
        """
        partition = self.storage.log(topic, index)
        appended = partition.append(batch, now_ms=self.wall_ms(), header=header, sync=False)
        if not appended.is_duplicate and not appended.awaits_sync:
            self.delayed_fetches.partition_changed((topic, index))
            if partition.flush_within is not None:
                self.flusher.sync_within(partition, partition.flush_within)
        return appended

    def when_synced(
        self, gained: Mapping[tuple[str, int], int], done: Callable[[Mapping[tuple[str, int], StorageError]], None]
    ) -> None:
        """Sync partitions that exist; then call ``done`` with those that failed, and complete the fetches that wait.

        ``gained`` is the number of bytes by partition that become readable with the sync.
        """
        left = len(gained)
        failed: dict[tuple[str, int], StorageError] = {}

        def one_is_synced(partition: tuple[str, int], error: StorageError | None) -> None:
            nonlocal left
            left -= 1
            if error is None:
                self.delayed_fetches.partition_changed(partition)
            else:
                failed[partition] = error
            if not left:
                done(failed)
            self.after_request()

        for partition in gained:
            self.flusher.when_synced(self.storage.log(*partition), partial(one_is_synced, partition))

    def write_marker(
        self, topic: str, index: int, marker: TransactionMarker, done: Callable[[ErrorCode], None]
    ) -> None:
        """End a transaction in a partition; call ``done`` with NONE once the marker is durable, or with the error."""
        partition = (topic, index)
        try:
            log_of_partition = self.log(topic, index)
            if log_of_partition is None:
                done(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
                return
            if self.storage.topics[topic].assignment[index].leader < 0:
                done(ErrorCode.LEADER_NOT_AVAILABLE)
                return
            if not self.leadership.accepts_writes(topic, index):
                done(ErrorCode.NOT_ENOUGH_REPLICAS)
                return
            if marker.must_raise_epoch:
                log_of_partition.producers.check_raised_epoch(marker.producer_id, marker.producer_epoch)
            now_ms = self.wall_ms()
            batch = build_end_txn_marker(
                producer_id=marker.producer_id,
                producer_epoch=marker.producer_epoch,
                commit=marker.commit,
                coordinator_epoch=marker.coordinator_epoch,
                timestamp=now_ms,
            )
            appended = log_of_partition.append(batch, now_ms=now_ms, origin=AppendOrigin.BROKER, sync=False)
        except StorageError as error:
            self._marker_failed(partition, error, done)
            return
        if appended.awaits_sync:
            written = partial(self._marker_written, partition, marker, done)
            self.flusher.when_synced(log_of_partition, written)
            return
        if log_of_partition.flush_within is not None:
            self.flusher.sync_within(log_of_partition, log_of_partition.flush_within)
        self._marker_written(partition, marker, done, None)

    def _marker_written(
        self,
        partition: tuple[str, int],
        marker: TransactionMarker,
        done: Callable[[ErrorCode], None],
        error: StorageError | None,
    ) -> None:
        if error is not None:
            self._marker_failed(partition, error, done)
            return
        self._failed_markers.discard(partition)
        topic, index = partition
        if topic == OFFSETS_TOPIC:
            self.groups.transaction_ended(index, marker.producer_id, commit=marker.commit)
        self.delayed_fetches.partition_changed(partition)
        done(ErrorCode.NONE)
        self.delayed_fetches.complete_ready()

    def _marker_failed(
        self, partition: tuple[str, int], error: StorageError, done: Callable[[ErrorCode], None]
    ) -> None:
        if partition not in self._failed_markers:  # named once, though it is tried again
            self._failed_markers.add(partition)
            log.error("cannot write the marker of a transaction to %s-%d: %s", *partition, error)
        done(error.code)

    # Topics

    def create_topic(
        self, name: str, partitions: int, configs: Mapping[str, str], *, replication_factor: int | None = None
    ) -> Topic:
        """Create a topic, and complete the fetches that wait for it. Raises StorageError."""
        factor = replication_factor
        if factor is None:
            factor = self.leadership.factor(self.config.default_replication_factor)
        assignment = self.leadership.place(partitions, factor)
        return finish(self.create_topic_steps(name, partitions, configs, assignment))

    def create_topic_steps(
        self,
        name: str,
        partitions: int,
        configs: Mapping[str, str],
        assignment: Sequence[Sequence[int]] | None,
    ) -> Generator[None, None, Topic]:
        """Do what :meth:`create_topic` does, in steps of a few milliseconds.

        ``assignment`` names the replicas of each partition, of which one is up; None where there is one broker.
        """
        topic = yield from self.storage.create_topic_steps(
            name, partitions, configs, assignment=assignment, down=self.leadership.down, now_ms=self.wall_ms()
        )
        self.delayed_fetches.topic_changed(name)
        return topic

    def auto_create_topic(self, name: str) -> Topic:
        """Create a topic as automatic creation does, with the broker's defaults. Raises StorageError."""
        if internal_topic(name, self.config) is not None:
            return self.ensure_internal_topic(name)
        if name == METADATA_TOPIC:
            raise InvalidTopic(f"Creation of internal topic {name} is prohibited.")
        twin = self.colliding_topic(name)
        if twin is not None:
            raise InvalidTopic(f"Topic '{name}' collides with existing topic: {twin}")
        return self.create_topic(name, self.config.num_partitions, {})

    def auto_create_topic_later(self, name: str) -> None:
        """Create a topic after the response to the current request (:meth:`after_request`)."""
        self._create_after_request[name] = None

    def ensure_internal_topic(self, name: str) -> Topic:
        """Return an internal topic, creating it as Kafka does if it does not exist. Raises StorageError."""
        existing = self.storage.topics.get(name)
        if existing is not None:
            return existing
        wanted = internal_topic(name, self.config)
        assert wanted is not None, name
        return self.create_topic(
            name,
            wanted.partitions,
            wanted.configs,
            replication_factor=self.leadership.factor(wanted.replication_factor),
        )

    def colliding_topic(self, name: str) -> str | None:
        """Return a topic whose metrics would have the same name: '.' and '_' are one character there."""
        if "." not in name and "_" not in name:
            return None
        flat = name.replace(".", "_")
        return next((other for other in self.storage.topics if other != name and other.replace(".", "_") == flat), None)

    def _repair_internal_topics(self) -> None:
        """Set what an internal topic that an earlier release created as a user's topic does not set.

        Its number of partitions stays: groups are found by a hash over it, so that another number would hide what was
        committed, and any number serves.
        """
        for topic in tuple(self.storage.topics.values()):
            missing = missing_configs(topic.name, topic.configs, self.config)
            if missing:
                self.storage.alter_configs(topic.name, missing, now_ms=self.wall_ms())
                told = ", ".join(f"{name}={value}" for name, value in missing.items())
                log.warning("internal topic %s lacked configurations, now set: %s", topic.name, told)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its committed offsets, and complete the fetches that wait for it. Raises StorageError."""
        for _ in self.delete_topic_steps(name):
            pass

    def delete_topic_steps(self, name: str) -> Iterator[None]:
        """Do what :meth:`delete_topic` does, a partition a step; for clients the topic is gone after the first."""
        topic = self.storage.topic(name)
        steps = self.storage.delete_topic_steps(name, now_ms=self.wall_ms())
        next(steps, None)
        self.delayed_fetches.topic_changed(name)
        if name == OFFSETS_TOPIC:
            self.groups.offsets_topic_deleted()
        elif name == TRANSACTION_TOPIC:
            self.transactions.topic_deleted()
        elif name == SHARE_STATE_TOPIC:
            self.share_states.topic_deleted()
        self._forget_share_partitions(lambda key: key.topic_id == topic.topic_id)
        yield
        if not topic.is_internal:
            yield from self.groups.topic_deleted(topic)
            if SHARE_STATE_TOPIC in self.storage.topics:
                yield from self.share_states.partitions_deleted(topic.topic_id)
        yield from steps

    def create_partitions(self, name: str, total: int) -> None:
        """Add partitions to a topic, up to ``total``. Raises StorageError."""
        finish(self.create_partitions_steps(name, total))

    def create_partitions_steps(
        self, name: str, total: int, assignment: Sequence[Sequence[int]] | None = None
    ) -> Generator[None, None, Topic]:
        """Do what :meth:`create_partitions` does, in steps of a few milliseconds.

        The new partitions have as many replicas as the first one, unless ``assignment`` names them.
        """
        topic = self.storage.topic(name)
        if assignment is None:
            factor = self.leadership.factor(len(topic.assignment[0].replicas))
            assignment = self.leadership.place(max(0, total - topic.partitions), factor)
        return (
            yield from self.storage.create_partitions_steps(
                name, total, assignment=assignment, down=self.leadership.down, now_ms=self.wall_ms()
            )
        )

    def alter_topic_configs(self, name: str, changes: Mapping[str, str | None]) -> Iterator[None]:
        """Set configurations of a topic, in steps; None removes one. Raises StorageError."""
        return self.storage.alter_configs_steps(name, changes, now_ms=self.wall_ms())

    def change_metadata(self, records: Sequence[MetadataRecord]) -> None:
        """Write records to the metadata log as one change, unless there are none. Raises StorageError."""
        if records:
            self.storage.metadata.append(records, self.wall_ms())

    def quotas_changed(self) -> None:
        """Apply other quotas of clients from now on."""
        for call in self.on_quotas_changed:
            call()

    def expire_delegation_tokens(self) -> None:
        """Remove the delegation tokens that have expired. Raises StorageError."""
        now = self.wall_ms()
        tokens = self.storage.cluster_image.delegation_tokens.values()
        expired = [token.token_id for token in tokens if min(token.expiration_timestamp, token.max_timestamp) < now]
        self.change_metadata([RemoveDelegationTokenRecord(token_id=token_id) for token_id in expired])

    def delete_records(self, topic: str, index: int, offset: int) -> int:
        """Delete the records of a partition below an offset, and return its new start. Raises StorageError."""
        start = self.storage.log(topic, index).delete_records(offset, now_ms=self.wall_ms())
        self.delayed_fetches.topic_changed(topic)
        return start

    def topic_changed(self, topic: str) -> None:
        """Complete the fetches that wait for a topic whose log start offsets have changed."""
        self.delayed_fetches.topic_changed(topic)
        self.after_request()

    def new_producer_id(self) -> int:
        """Return a producer id that this data directory has never used. Raises StorageError."""
        if not self._producer_ids:
            self._producer_ids = self.storage.allocate_producer_ids(
                now_ms=self.wall_ms(), at_least=self._least_producer_id
            )
        first, self._producer_ids = self._producer_ids[0], self._producer_ids[1:]
        return first

    @property
    def next_producer_ids(self) -> int:
        """The first producer id that neither this cluster nor those before it on the directory have reserved."""
        return max(self.storage.next_producer_id, self._least_producer_id)

    # Life cycle

    def after_request(self) -> None:
        """Complete the fetches that a request made ready, and create the topics that it asked for."""
        self.delayed_fetches.complete_ready()
        if self._create_after_request:
            names, self._create_after_request = self._create_after_request, {}
            for name in names:
                try:
                    if name not in self.storage.topics:
                        self.auto_create_topic(name)
                except StorageError as error:
                    log.warning("cannot create topic %s automatically: %s", name, error)

    def checkpoint(self) -> None:
        """Sync the logs and write the checkpoints, so that the next start has less to check; may run in a thread."""
        try:
            self.storage.checkpoint()
        except StorageError as error:
            log.error("cannot write the checkpoints: %s; trying again later", error)

    def expire_producers(self) -> None:
        """Remove the sequence numbers of producers that have been idle for ``producer.id.expiration.ms``."""
        before_ms = self.wall_ms() - round(self.config.producer_id_expiration * 1000)
        for partition in tuple(self.storage.open_logs.values()):
            partition.expire_producers(before_ms)

    def prune_share_states(self, older_than: float) -> Iterator[None]:
        """Delete redundant records of share groups, in short steps, after states as old as that are recorded whole."""
        return self.share_states.prune(older_than)

    def stop_waiting(self) -> None:
        """Answer the requests that wait, because the broker stops."""
        self.groups.stop_waiting()
        self.delayed_fetches.complete_all()

    def restore(self, snapshot: DirectorySnapshot) -> RetainedLogs:
        """Stop using the data directory and put the content of a snapshot into it, for the next cluster.

        Nothing has changed if it raises StorageError. After an OSError the next start completes the restore.
        """
        handover = self.storage.restore(snapshot)
        if self._rebalancing is not None:
            self._rebalancing.cancel()
        self.groups.retire()
        self.transactions.retire()
        self.share_states.retire()
        self._forget_share_partitions(lambda _: True)
        self.flusher.retire()
        return handover

    def carry_over(self, before: Cluster) -> None:
        """Carry over the runtime settings of the cluster before that a snapshot does not hold."""
        self.groups.succeed(before.groups)
        self.transactions.succeed(before.transactions)

    def close(self) -> None:
        """Close the logs, and mark the shutdown as clean."""
        self.storage.close()

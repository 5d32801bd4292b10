"""One broker's state: its topics and logs, its groups, and the requests that wait for either.

Handlers are given the node and change it through the methods here, so that whatever must happen together (an append
and the consumers that wait for it, a deleted topic and the offsets committed for it) does.
"""

from __future__ import annotations

import os
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Final

from kafkalite.background.flusher import LogFlusher
from kafkalite.cluster.internal_topics import OFFSETS_TOPIC, internal_topic, missing_configs
from kafkalite.config.address import HostPort
from kafkalite.config.table import ADVERTISED_OUTSIDE
from kafkalite.coordinators.group_service import GroupCoordinatorService
from kafkalite.errors import StartError
from kafkalite.fetch.delayed import DelayedFetches
from kafkalite.fetch.sessions import FetchSessions, TopicKey
from kafkalite_storage.errors import (
    DataDirectoryCorrupt,
    DataDirectoryInUse,
    InvalidTopic,
    StorageError,
    UnsupportedFormat,
)
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kafkalite.background.cleaner import LogCleaner
    from kafkalite.background.timers import TimerQueue
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.files.filesystem import FileSystem
    from kafkalite_storage.log.log import AppendInfo, PartitionLog
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_storage.snapshots.directory_snapshot import DirectoryImage
    from kafkalite_storage.snapshots.retained_logs import Handover
    from kafkalite_wire.records import BatchHeader


log = getLogger("kafkalite.node")

_BASE64_DASH: Final = 62


def _random_positive_int32() -> int:
    return int.from_bytes(os.urandom(4)) & 0x7FFFFFFF or 1


def _random_uuid() -> bytes:
    """Make a version 4 UUID that does not start with a dash in base64: tools would take it for an option."""
    while True:
        made = bytearray(os.urandom(16))
        made[6] = made[6] & 0x0F | 0x40
        made[8] = made[8] & 0x3F | 0x80
        if made[0] >> 2 != _BASE64_DASH:
            return bytes(made)


class Node:
    """Everything that the requests of all clients share."""

    def __init__(
        self,
        config: BrokerConfig,
        deadlines: TimerQueue,
        file_system: FileSystem | None = None,
        *,
        handover: Handover | None = None,
        least_producer_id: int = 0,
    ) -> None:
        """Open the data directory, by default on the machine's file system, and replay what it says.

        ``handover`` is what another node left of the same directory (:meth:`exchange`), and ``least_producer_id`` what
        that one gives out no more. Raises StartError.
        """
        self.config = config
        self.node_id = config.node_id
        self.outside = config.advertise_outside
        """Where clients from outside of a container's network find this broker."""
        self.timers = deadlines
        self.crash_guard = deadlines.crash_guard
        # The clock's own functions: every request asks for the time, and shall not pay for a call that passes on.
        self.now: Callable[[], float] = deadlines.now
        """Tells the time that sessions and waits are measured in: monotonic seconds."""
        self.wall_ms: Callable[[], int] = deadlines.clock.wall_ms
        """Tells the time that records are stamped with: milliseconds since 1970."""
        self.delayed_fetches = DelayedFetches(deadlines.crash_guard.guard)
        self.fetch_sessions = FetchSessions(config.max_incremental_fetch_session_cache_slots, _random_positive_int32)
        self.flusher = LogFlusher(deadlines)
        self.log_cleaner: LogCleaner | None = None
        """What compacts, once it has begun."""
        self._producer_ids = range(0)
        self._least_producer_id = least_producer_id
        try:
            self.storage = Storage.open(
                config.data_dir,
                fs=file_system,
                node_id=config.node_id,
                defaults=config.log_defaults,
                new_uuid=_random_uuid,
                now_ms=self.wall_ms(),
                handover=handover,
            )
        except (DataDirectoryInUse, DataDirectoryCorrupt, UnsupportedFormat) as error:
            raise StartError(str(error)) from None
        except (OSError, StorageError) as error:
            raise StartError(f"cannot use the data directory {config.data_dir}: {error}") from error
        self._create_after_request: dict[str, None] = {}
        self._repair_internal_topics()
        self.groups = GroupCoordinatorService(
            self.storage,
            config,
            deadlines,
            self.wall_ms,
            self.flusher,
            partial(self.ensure_internal_topic, OFFSETS_TOPIC),
        )

    # Partitions

    def topic_name(self, key: TopicKey) -> str | None:
        """Give the name of a topic that a request named or identified, None for an id that no topic has."""
        if isinstance(key, str):
            return key
        topic = self.storage.topics_by_id.get(key)
        return None if topic is None else topic.name

    def log(self, topic: str, index: int) -> PartitionLog | None:
        """Give the log of a partition, None if there is no such partition."""
        found = self.storage.topics.get(topic)
        if found is None or not 0 <= index < found.partitions:
            return None
        return self.storage.log(topic, index)

    def append(self, topic: str, index: int, batch: memoryview, header: BatchHeader) -> AppendInfo:
        """Append a client's batch to a partition that exists; fetches that wait for it are answered afterwards.

        What awaits a sync may be acknowledged only after it (:meth:`when_synced`). ``header`` is what
        ``check_produced`` said of the batch. Raises StorageError and CorruptBatch.
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
        """Sync partitions that exist; then tell ``done`` which of them failed, and answer the fetches that wait.

        ``gained`` says how many bytes each has more for readers once it is synced.
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

    # Topics

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        """Create a topic; it is ready when this returns, and whoever waits for it learns so. Raises StorageError."""
        topic = self.storage.create_topic(name, partitions, configs, now_ms=self.wall_ms())
        self.delayed_fetches.topic_changed(name)
        return topic

    def auto_create_topic(self, name: str) -> Topic:
        """Create a topic that a client asked about, with the broker's defaults. Raises StorageError."""
        if internal_topic(name, self.config) is not None:
            return self.ensure_internal_topic(name)
        if name == METADATA_TOPIC:
            raise InvalidTopic(f"Creation of internal topic {name} is prohibited.")
        twin = self.colliding_topic(name)
        if twin is not None:
            raise InvalidTopic(f"Topic '{name}' collides with existing topic: {twin}")
        return self.create_topic(name, self.config.num_partitions, {})

    def auto_create_topic_later(self, name: str) -> None:
        """Create a topic once the reply to the current request is under way (:meth:`after_request`)."""
        self._create_after_request[name] = None

    def ensure_internal_topic(self, name: str) -> Topic:
        """Return an internal topic, creating it as Kafka does if it does not exist. Raises StorageError."""
        existing = self.storage.topics.get(name)
        if existing is not None:
            return existing
        wanted = internal_topic(name, self.config)
        assert wanted is not None, name
        return self.create_topic(name, wanted.partitions, wanted.configs)

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
        """Delete a topic and the offsets committed for it; fetches that wait for it learn so. Raises StorageError."""
        self.storage.delete_topic(name, now_ms=self.wall_ms())
        if name == OFFSETS_TOPIC:
            self.groups.offsets_topic_deleted()
        else:
            self.groups.topic_deleted(name)
        self.delayed_fetches.topic_changed(name)

    def create_partitions(self, name: str, total: int) -> None:
        """Raise the number of a topic's partitions. Raises StorageError."""
        self.storage.create_partitions(name, total, now_ms=self.wall_ms())

    def alter_topic_configs(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Set configurations of a topic, or with None take them back. Raises StorageError."""
        self.storage.alter_configs(name, changes, now_ms=self.wall_ms())

    def alter_broker_configs(self, broker: str, changes: Mapping[str, str | None]) -> None:
        """Set defaults of topics for this broker, or for "" all of them. Raises StorageError.

        The address for outside is not kept, because the next start may have other ports published.
        """
        kept = {name: value for name, value in changes.items() if name != ADVERTISED_OUTSIDE}
        if kept:
            self.storage.alter_broker_configs(broker, kept, now_ms=self.wall_ms())
        if ADVERTISED_OUTSIDE in changes:
            outside = changes[ADVERTISED_OUTSIDE]
            self.outside = HostPort.parse(outside) if outside else self.config.advertise_outside

    def delete_records(self, topic: str, index: int, offset: int) -> int:
        """Let a partition that exists begin at an offset; fetches that wait below learn so. Raises StorageError."""
        begins = self.storage.log(topic, index).delete_records(offset, now_ms=self.wall_ms())
        self.delayed_fetches.topic_changed(topic)
        return begins

    def topic_changed(self, topic: str) -> None:
        """Answer the fetches that wait for a topic whose partitions begin later than they did."""
        self.delayed_fetches.topic_changed(topic)
        self.after_request()

    def new_producer_id(self) -> int:
        """Give out a producer id that this data directory has never given out. Raises StorageError."""
        if not self._producer_ids:
            self._producer_ids = self.storage.allocate_producer_ids(
                now_ms=self.wall_ms(), at_least=self._least_producer_id
            )
        first, self._producer_ids = self._producer_ids[0], self._producer_ids[1:]
        return first

    @property
    def next_producer_ids(self) -> int:
        """Where the producer ids begin that neither this node nor those before it may have given out."""
        return max(self.storage.next_producer_id, self._least_producer_id)

    # The rest

    def advertised(self, client_host: str, local: tuple[str, int]) -> tuple[str, int]:
        """Tell a client where to find this broker: at ``--advertise``, or else where it already has found it.

        In a container that has an address for outside, it has found it there unless it is a container's neighbour.
        ``client_host`` is the client's address with Kafka's slash in front of it, ``local`` the one that it dialled.
        """
        advertise = self.config.advertise_by_port.get(local[1], self.config.advertise)
        if advertise is None and self.outside is not None:
            from kafkalite.neighbours import Routes

            if not Routes.of_this_machine().are_neighbours(client_host.removeprefix("/"), local[0]):
                advertise = self.outside
        return local if advertise is None else (advertise.host, advertise.port)

    def broker_configs(self, broker: str) -> dict[str, str]:
        """Give what was changed for a broker since it started, or for "" all of them."""
        configs = dict(self.storage.broker_configs(broker))
        if broker and self.outside != self.config.advertise_outside:
            configs[ADVERTISED_OUTSIDE] = str(self.outside)
        return configs

    def after_request(self) -> None:
        """Do what a request left to be done once its own reply was under way."""
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
        """Sync the logs and note how far they are, so that the next start has less to check; may run in a thread."""
        try:
            self.storage.checkpoint()
        except StorageError as error:
            log.error("cannot note how far the logs are on disk: %s; trying again later", error)

    def expire_producers(self) -> None:
        """Forget the sequence numbers of producers that have been quiet for too long."""
        before_ms = self.wall_ms() - round(self.config.producer_id_expiration * 1000)
        for partition in tuple(self.storage.open_logs.values()):
            partition.expire_producers(before_ms)

    def stop_waiting(self) -> None:
        """Answer what waits, because the broker stops."""
        self.groups.stop_waiting()
        self.delayed_fetches.complete_all()

    def exchange(self, image: DirectoryImage) -> Handover:
        """Do nothing any more, and put what an image holds into the place of what is kept, for the next node.

        Nothing has changed if it raises StorageError. Raises OSError, after which the next start completes it.
        """
        handover = self.storage.exchange(image)
        self.groups.retire()
        self.flusher.retire()
        return handover

    def succeed(self, before: Node) -> None:
        """Go on with what the node before was told and what is no state: the address for outside, who steers."""
        self.outside = before.outside
        self.groups.succeed(before.groups)

    def close(self) -> None:
        """Close the logs cleanly."""
        self.storage.close()

"""The group coordinator of the broker: the coordinator service over ``__consumer_offsets``, and delayed heartbeats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafkalite.config.group_bounds import ASSIGNMENT_INTERVALS, clamped
from kafkalite.coordinators.delayed_heartbeats import DelayedHeartbeats
from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
from kafkalite.coordinators.service import CoordinatorService
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.cluster_image import GROUP_RESOURCE
from kafkalite_wire.batch import CorruptBatch

if TYPE_CHECKING:
    from kafkalite.config import BrokerConfig
    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.classic.rebalance import AssignmentHook
    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
    from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
    from kafkalite.coordinators.groups.consumer.membership import TargetHook
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator
    from kafkalite.coordinators.groups.streams.configs import StreamsGroupConfig
    from kafkalite.coordinators.results import Client, CoordinatorResult, ResponseSink
    from kafkalite.coordinators.service import CoordinatorEnvironment
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.requests.steps import Steps
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

OFFSETS_TOPIC: Final = "__consumer_offsets"

_CONSUMER_INTERVAL, _SHARE_INTERVAL, _STREAMS_INTERVAL = ASSIGNMENT_INTERVALS
AssignedConfig = TypeVar("AssignedConfig", "ConsumerGroupConfig", ShareGroupConfig, "StreamsGroupConfig")
"""The configuration of groups that the broker assigns."""


class GroupCoordinatorService:
    """The coordinator of all groups, with its clock, its log and its clients."""

    def __init__(
        self, environment: CoordinatorEnvironment, config: BrokerConfig, *, ensure_topic: Callable[[], object]
    ) -> None:
        self._storage = environment.storage
        self._config = config
        self._timers = environment.timers
        self._wall_ms = environment.wall_ms
        self._delayed = DelayedHeartbeats(environment.timers, config.group_heartbeat_hold)
        self._unavailable: set[str | None] = set()
        self._share_config = ShareGroupConfig(
            session_timeout=config.group_share_session_timeout,
            heartbeat_interval=config.group_share_heartbeat_interval,
            assignment_interval=config.group_share_assignment_interval,
            max_size=config.group_share_max_size,
            record_lock_duration=config.group_share_record_lock_duration,
            delivery_count_limit=config.group_share_delivery_count_limit,
            partition_max_record_locks=config.group_share_partition_max_record_locks,
        )
        self.prepare = ensure_topic
        """Creates the topic that offsets are committed to, if it does not exist. Raises StorageError."""
        self.on_performed: Callable[[CoordinatorResult], None] | None = None
        """Called after each change of a group, once its replies have been sent: for those who wait for a state."""
        self.assignment_hook: AssignmentHook | None = None
        """Changes what the leaders of groups assign."""
        self.target_hook: TargetHook | None = None
        """Changes the target assignments of consumer groups."""
        self._service: CoordinatorService[GroupCoordinator] = CoordinatorService(
            OFFSETS_TOPIC, self._new_coordinator, _partition_for, environment, ensure_topic
        )
        self._service.on_loaded = self._loaded
        self._service.on_performed = self._performed

    @property
    def coordinator(self) -> GroupCoordinator:
        """The state of all groups. If it is not loaded it is loaded now, in one piece; see :meth:`load`."""
        return self._service.coordinator

    def load(self) -> Steps[GroupCoordinator]:
        """Return the coordinator, which is loaded in steps if it is not."""
        return self._service.load()

    def perform(self, result: CoordinatorResult) -> None:
        """Append the records of a result, then send its replies."""
        self._service.perform(result)

    def perform_parts(
        self,
        parts: Sequence[Callable[[ResponseSink], CoordinatorResult | Steps[CoordinatorResult]]],
        response: ResponseSink,
        merge: Callable[[list[Any]], object],
    ) -> Steps[None]:
        """Perform a large request as several small ones, a step each, and send their merged responses.

        Each part is appended on its own; one may itself take several steps. If one fails, the client is disconnected
        and the rest is not performed.
        """
        merged = _MergedResponse(response, len(parts), merge)
        for number, part in enumerate(parts):
            if number:
                yield
            if merged.has_failed:
                return
            result = part(merged)
            self.perform((yield from result) if isinstance(result, Generator) else result)

    def _new_coordinator(self) -> GroupCoordinator:
        # Imported on first use: a broker starts faster than all of this is imported.
        from base64 import urlsafe_b64encode
        from uuid import uuid4

        from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
        from kafkalite.coordinators.groups.consumer.migration import MigrationPolicy
        from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
        from kafkalite.coordinators.groups.streams.configs import StreamsGroupConfig

        config = self._config
        groups = GroupConfig(
            group_min_session_timeout=config.group_min_session_timeout,
            group_max_session_timeout=config.group_max_session_timeout,
            group_initial_rebalance_delay=config.group_initial_rebalance_delay,
            group_max_size=config.group_max_size,
            offset_metadata_max_bytes=config.offset_metadata_max_bytes,
            offsets_retention=config.offsets_retention,
            offsets_retention_check_interval=config.offsets_retention_check_interval,
        )
        consumer = ConsumerGroupConfig(
            assignors=config.group_consumer_assignors,
            session_timeout=config.group_consumer_session_timeout,
            heartbeat_interval=config.group_consumer_heartbeat_interval,
            assignment_interval=config.group_consumer_assignment_interval,
            max_size=config.group_consumer_max_size,
        )

        streams = StreamsGroupConfig(
            session_timeout=config.group_streams_session_timeout,
            heartbeat_interval=config.group_streams_heartbeat_interval,
            assignment_interval=config.group_streams_assignment_interval,
            initial_rebalance_delay=config.group_streams_initial_rebalance_delay,
            max_size=config.group_streams_max_size,
            standby_replicas=config.group_streams_num_standby_replicas,
            rack_tags=config.group_streams_rack_aware_assignment_tags,
        )

        def streams_config(group_id: str) -> StreamsGroupConfig:
            return self._with_own(self._with_interval(streams, _STREAMS_INTERVAL), group_id)

        def consumer_config(group_id: str) -> ConsumerGroupConfig:
            return self._with_own(self._with_interval(consumer, _CONSUMER_INTERVAL), group_id)

        return GroupCoordinator(
            groups,
            self._storage,
            new_member_suffix=lambda: str(uuid4()),
            new_member_id=lambda: urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode(),
            assignment_hook=self._assigned,
            target_hook=self._targeted,
            consumer_config=consumer_config,
            share_config=self.share_config,
            streams_config=streams_config,
            migration_policy=MigrationPolicy(config.group_consumer_migration_policy),
        )

    def share_config(self, group_id: str) -> ShareGroupConfig:
        """Return the configuration of a share group."""
        return self._with_own(self._with_interval(self._share_config, _SHARE_INTERVAL), group_id)

    def _with_own(self, config: AssignedConfig, group_id: str) -> AssignedConfig:
        """Return the broker's configuration with what a group sets of its own, within the present bounds."""
        own = self._storage.cluster_image.configs(GROUP_RESOURCE, group_id)
        return config.with_own(clamped(own, self._config.group_bounds)) if own else config

    def _with_interval(self, config: AssignedConfig, name: str) -> AssignedConfig:
        """Return the broker's configuration with an assignment interval that was changed since the start."""
        storage = self._storage
        text = storage.broker_configs(str(storage.node_id)).get(name) or storage.broker_configs().get(name)
        if text is None:
            return config
        interval = self._config.group_bounds[name.removeprefix("group.")].clamped(int(text))
        return replace(config, assignment_interval=interval / 1000)

    def _assigned(self, group: Group, assignments: dict[str, bytes]) -> dict[str, bytes]:
        return assignments if self.assignment_hook is None else self.assignment_hook(group, assignments)

    def _targeted(
        self, group: ConsumerGroup, targets: dict[str, Partitions], topics: ClusterTopics
    ) -> dict[str, Partitions]:
        return targets if self.target_hook is None else self.target_hook(group, targets, topics)

    def _loaded(self, coordinator: GroupCoordinator) -> None:
        self.perform(coordinator.move_misplaced(now=self._timers.now()))
        for group_id in self._unavailable:
            coordinator.suspend(_belongs(group_id))
        self._suspend_without_leader(coordinator)

    def _performed(self, result: CoordinatorResult) -> None:
        if self._delayed:
            for group_id in result.rebalancing:
                self._delayed.release(group_id)
        if self.on_performed is not None:
            self.on_performed(result)

    # Heartbeats

    def heartbeat(self, request: HeartbeatRequest, client: Client, response: ResponseHandle[HeartbeatResponse]) -> None:
        """Answer a heartbeat: at once if there is news, otherwise after a delay or as soon as there is news."""

        def answer_later() -> None:
            self.perform(self.coordinator.answer_heartbeat(request, response, now=self._timers.now()))

        # By default heartbeats are not delayed, and then each is looked at only once.
        session_timeout = self.coordinator.settled_session_timeout(request) if self._delayed.are_on else None
        is_delayed = session_timeout is not None and self._delayed.delay(
            request.group_id, session_timeout, response, answer_later
        )
        result = self.coordinator.heartbeat(request, client, response, now=self._timers.now())
        if not is_delayed:
            self.perform(result)

    def stop_waiting(self) -> None:
        """Answer the delayed heartbeats, because the broker stops."""
        self._delayed.release_all()

    # Transactions

    def transaction_ended(self, partition: int, producer_id: int, *, commit: bool) -> None:
        """Set or drop the offsets of a transaction whose marker has been appended to a partition of the topic."""
        partitions = self._storage.topics[OFFSETS_TOPIC].partitions

        @cache
        def belongs(group_id: str) -> bool:
            return _partition_for(group_id, partitions) == partition

        def end(coordinator: GroupCoordinator) -> None:
            self.perform(
                coordinator.end_transaction(
                    producer_id, belongs, commit=commit, now=self._timers.now(), wall_ms=self._wall_ms()
                )
            )

        # A load that is in progress may have read the partition before the marker; one that begins later reads it.
        self._service.with_loaded(end)

    def partition_of(self, group_id: str) -> int:
        """Return the partition of ``__consumer_offsets``, which is created on need, that a group belongs to."""
        self.prepare()
        return _partition_for(group_id, self._storage.topics[OFFSETS_TOPIC].partitions)

    # Topics

    def topic_deleted(self, topic: Topic) -> Iterator[None]:
        """Delete the offsets that were committed for a topic, in short steps."""
        coordinator = yield from self.load()
        for result in coordinator.delete_topic_offsets(topic.name, topic.topic_id):
            self.perform(result)
            yield

    def offsets_topic_deleted(self) -> None:
        """Drop all groups and offsets, and disconnect the clients that wait for a response."""
        self._service.topic_deleted()

    # Controls of tests, and snapshots

    def steer(self, group_id: str, result: CoordinatorResult) -> None:
        """Carry out what a test does to a group, and answer the group's delayed heartbeats."""
        self.perform(result)
        self._delayed.release(group_id)

    def move_away(self, group_id: str | None) -> None:
        """Stop coordinating a group, or all groups with None: refuse the requests that wait, and suspend timers.

        The caller keeps requests away until :meth:`move_back`.
        """
        belongs = _belongs(group_id)
        self._delayed.release_where(belongs)
        self.perform(self.coordinator.refuse_waiting(belongs, now=self._timers.now()))
        self._unavailable.add(group_id)
        self._reload(group_id)

    def move_back(self, group_id: str | None) -> None:
        """Coordinate again, with the state that the log holds."""
        self._unavailable.discard(group_id)
        self._reload(group_id)

    def _reload(self, group_id: str | None) -> None:
        if group_id is None:
            self._service.reload()
            return
        coordinator = self.coordinator
        try:
            records = self._service.records_of(group_id)
            coordinator.reload(_belongs(group_id), records, now=self._timers.now())
        except (StorageError, CorruptBatch):
            self._service.reload()  # which logs it, and refuses the groups of that partition
            return
        if not self._unavailable.isdisjoint((group_id, None)):
            coordinator.suspend(_belongs(group_id))
        self._service.timers_changed()

    # Several brokers

    def partitions_moved(self, indexes: Collection[int]) -> None:
        """Load the groups of partitions again, because they have another leader: members find it and go on.

        As in Kafka, what waits for other members is refused, and sessions restart. Groups of a partition without a
        leader have no timers until there is one.
        """
        if not self._service.is_loaded:
            self._service.reload()  # what has been loaded so far may be of a former leader
            return
        partitions = self._service.partitions
        moved = frozenset(index for index in indexes if index < partitions)
        partition_of = cache(partial(_partition_for, partitions=partitions))

        def belongs(group_id: str) -> bool:
            return partition_of(group_id) in moved

        self._delayed.release_where(belongs)
        self.perform(self.coordinator.refuse_waiting(belongs, now=self._timers.now()))
        coordinator = self.coordinator
        try:
            records = (record for index in sorted(moved) for record in self._service.records_in(index))
            coordinator.reload(belongs, records, now=self._timers.now())
        except (StorageError, CorruptBatch):
            self._service.reload()
            return
        self._suspend_without_leader(coordinator)
        self._service.timers_changed()

    def suspend_partitions(self, indexes: Collection[int]) -> None:
        """Suspend the timers of the groups of partitions, whose coordinator is gone, until :meth:`partitions_moved`."""

        def suspend(coordinator: GroupCoordinator) -> None:
            partitions = self._service.partitions
            coordinator.suspend(lambda group_id: _partition_for(group_id, partitions) in indexes)
            self._service.timers_changed()

        self._service.with_loaded(suspend)

    def _suspend_without_leader(self, coordinator: GroupCoordinator) -> None:
        topic = self._storage.topics.get(OFFSETS_TOPIC)
        if topic is None:
            return
        without = {index for index, partition in enumerate(topic.assignment) if partition.leader < 0}
        if without:
            coordinator.suspend(lambda group_id: _partition_for(group_id, topic.partitions) in without)

    def retire(self) -> None:
        """Stop the timers: another state of the broker takes over."""
        self._service.retire()

    def succeed(self, before: GroupCoordinatorService) -> None:
        """Take over the runtime settings of the service of the state before: they are in no log."""
        self.on_performed = before.on_performed
        self.assignment_hook, self.target_hook = before.assignment_hook, before.target_hook
        self._unavailable = before._unavailable


class _MergedResponse:
    """Collects the responses of the parts of a request."""

    def __init__(self, response: ResponseSink, parts: int, merge: Callable[[list[Any]], object]) -> None:
        self._response = response
        self._expected = parts
        self._merge = merge
        self._parts: list[Any] = []
        self.has_failed = False

    def send(self, part: Any, /) -> None:
        self._parts.append(part)
        if len(self._parts) == self._expected and not self.has_failed:
            self._response.send(part if self._expected == 1 else self._merge(self._parts))

    def fail(self, reason: str, /) -> None:
        if not self.has_failed:
            self.has_failed = True
            self._response.fail(reason)


def _belongs(group_id: str | None) -> Callable[[str], bool]:
    return lambda each: group_id in (None, each)


def _partition_for(group_id: str, partitions: int) -> int:
    from kafkalite.coordinators.groups.coordinator import partition_for

    return partition_for(group_id, partitions)

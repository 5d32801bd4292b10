"""Drives the group coordinator: gives it the time, writes what it wants kept, then sends what it answers.

Committed offsets and group metadata are records of ``__consumer_offsets``, written before any reply leaves and replayed
at start through the same code. If they cannot be written, the coordinator is rebuilt from the log and the clients
concerned are cut off, so that nobody was told what is not so.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.coordinators.delayed_heartbeats import DelayedHeartbeats
from kafkalite.coordinators.replay import keys_and_values
from kafkalite.errors import RequestError
from kafkalite_storage.errors import StorageError
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_wire.records import Record, build_batch

if TYPE_CHECKING:
    from kafkalite.background.flusher import LogFlusher
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.config import BrokerConfig
    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.classic.pinning import Overrule
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator
    from kafkalite.coordinators.results import Client, CoordinatorResult
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_storage.log.log import PartitionLog
    from kafkalite_storage.storage import Storage
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

log = getLogger("kafkalite.groups")

OFFSETS_TOPIC: Final = "__consumer_offsets"


class GroupCoordinatorService:
    """The coordinator of all groups, with its clock, its log and its clients."""

    def __init__(
        self,
        storage: Storage,
        config: BrokerConfig,
        deadlines: TimerQueue,
        wall_ms: Callable[[], int],
        commits: LogFlusher,
        ensure_offsets_topic: Callable[[], object],
    ) -> None:
        self._storage = storage
        self._config = config
        self._deadlines = deadlines
        self._wall_ms = wall_ms
        self._commits = commits
        self._ensure_offsets_topic = ensure_offsets_topic
        self._alarm: Timer | None = None
        self._held = DelayedHeartbeats(deadlines, config.group_heartbeat_hold)
        self._loaded: GroupCoordinator | None = None
        self._away: set[str | None] = set()
        self.on_performed: Callable[[CoordinatorResult], None] | None = None
        """Told after each change of a group, once its replies are under way: for whoever waits for a state."""
        self.overrule: Overrule | None = None
        """Changes what the leaders of groups assign."""

    @property
    def coordinator(self) -> GroupCoordinator:
        """The state of all groups; read from the log when first asked for.

        Raises RequestError when it cannot be read: a group shall rather wait than go back to an old commit.
        """
        if self._loaded is None:
            loaded = _new_coordinator(self._config, self._overruled)
            try:
                loaded.load(self._kept(), now=self._deadlines.now())
            except StorageError as error:
                raise RequestError(f"cannot read the groups from {OFFSETS_TOPIC}: {error}") from error
            for group_id in self._away:
                loaded.suspend(group_id)
            self._loaded = loaded
            self._set_alarm()
        return self._loaded

    def prepare(self) -> None:
        """Create the topic that offsets are committed to, if it does not exist. Raises StorageError."""
        self._ensure_offsets_topic()

    def perform(self, effects: CoordinatorResult) -> None:
        """Write the records, then send the replies; where `flush.messages` asks for it, once all is on disk."""
        unsynced: list[PartitionLog] = []
        if effects.records:
            try:
                unsynced = self._keep(effects)
            except StorageError as error:
                self._start_over(effects, error)
                return
        if unsynced:
            self._commits.when_all_synced(unsynced, lambda error: self._synced(effects, error))
        else:
            _send(effects)
        self._set_alarm()
        if self.on_performed is not None:
            self.on_performed(effects)

    def _synced(self, effects: CoordinatorResult, error: StorageError | None) -> None:
        if error is None:
            _send(effects)
        else:
            self._start_over(effects, error)

    def _start_over(self, effects: CoordinatorResult, error: StorageError) -> None:
        """Read the groups from the log again, so that nobody was told what is not so."""
        log.error("cannot write to %s: %s; reading the groups again", OFFSETS_TOPIC, error)
        reason = f"cannot write to {OFFSETS_TOPIC}"
        for reply in effects.replies:
            cast("ResponseHandle[Any]", reply.token).fail(reason)
        self._forget(reason)

    def _forget(self, reason: str) -> None:
        """Cut off all clients that wait, and read the groups from the log the next time that anybody asks."""
        loaded, self._loaded = self._loaded, None
        self.retire()
        for token in () if loaded is None else loaded.waiting_tokens():
            cast("ResponseHandle[Any]", token).fail(reason)

    def heartbeat(self, request: HeartbeatRequest, client: Client, reply: ResponseHandle[HeartbeatResponse]) -> None:
        """Answer a heartbeat; at once if there is something to tell, else when there is, or a little later."""

        def answer_later() -> None:
            self.perform(self.coordinator.answer_heartbeat(request, reply, now=self._deadlines.now()))

        # By default nothing is kept, and then a heartbeat shall not be looked at twice.
        session_timeout = self.coordinator.settled_session_timeout(request) if self._held.are_on else None
        is_held = session_timeout is not None and self._held.hold(
            request.group_id, session_timeout, reply, answer_later
        )
        effects = self.coordinator.heartbeat(request, client, reply, now=self._deadlines.now())
        if not is_held:
            self.perform(effects)

    def announce_rebalance(self, group_id: str) -> None:
        """Tell the members of a group to join again, if they must and if a heartbeat of theirs waits for an answer."""
        if self._held and self.coordinator.is_rebalancing(group_id):
            self._held.release(group_id)

    def stop_waiting(self) -> None:
        """Answer the heartbeats that wait, because the broker stops."""
        self._held.release_all()

    def steer(self, group_id: str, effects: CoordinatorResult) -> None:
        """Perform what was done to a group from outside, and let no member wait to hear of it."""
        self.perform(effects)
        self._held.release(group_id)

    def move_away(self, group_id: str | None) -> None:
        """Refuse all that waits, and let no time run out: the coordinator of a group, with None of all, is elsewhere.

        Whoever moves it away sees to it that requests do not come here meanwhile.
        """
        self._held.release_where(lambda held: group_id in (None, held))
        self.perform(self.coordinator.refuse_waiting(group_id, now=self._deadlines.now()))
        self._away.add(group_id)
        self._reload(group_id)

    def move_back(self, group_id: str | None) -> None:
        """Be the coordinator again, with what the log says, as one that has just become it."""
        self._away.discard(group_id)
        self._reload(group_id)

    def _reload(self, group_id: str | None) -> None:
        """Read groups from the log again: all of them, the next time that anybody asks, or one at once."""
        if group_id is None:
            self.retire()
            self._loaded = None
            return
        coordinator = self.coordinator
        coordinator.reload(group_id, self._kept(), now=self._deadlines.now())
        if not self._away.isdisjoint((group_id, None)):
            coordinator.suspend(group_id)
        self._set_alarm()

    def retire(self) -> None:
        """Do nothing any more when time passes."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def succeed(self, before: GroupCoordinatorService) -> None:
        """Go on with what was asked of the driver of another state, by whoever watches and steers the groups."""
        self.on_performed, self.overrule, self._away = before.on_performed, before.overrule, before._away

    def _overruled(self, group: Group, assignments: dict[str, bytes]) -> dict[str, bytes]:
        return assignments if self.overrule is None else self.overrule(group, assignments)

    def offsets_topic_deleted(self) -> None:
        """Forget all groups and offsets, and cut off the clients that wait for an answer."""
        self._forget(f"{OFFSETS_TOPIC} was deleted")

    def topic_deleted(self, name: str) -> None:
        """Forget the offsets that were committed for a topic."""
        self.perform(self.coordinator.delete_topic_offsets([name]))

    def _keep(self, effects: CoordinatorResult) -> list[PartitionLog]:
        """Append the records; return the logs that must be synced before anybody is told."""
        from kafkalite.coordinators.groups.coordinator import partition_for

        self.prepare()
        partitions = self._storage.topics[OFFSETS_TOPIC].partitions
        wall_ms = self._wall_ms()
        batches: dict[int, list[Record]] = {}
        for group_id, key, value in effects.records:
            batch = batches.setdefault(partition_for(group_id, partitions), [])
            batch.append(Record(offset=len(batch), timestamp=wall_ms, key=key, value=value))
        unsynced: list[PartitionLog] = []
        for number, records in batches.items():
            partition = self._storage.log(OFFSETS_TOPIC, number)
            appended = partition.append(build_batch(records), now_ms=wall_ms, origin=AppendOrigin.BROKER, sync=False)
            if appended.awaits_sync:
                unsynced.append(partition)
            elif partition.flush_within is not None:
                self._commits.sync_within(partition, partition.flush_within)
        return unsynced

    def _kept(self) -> Iterator[tuple[bytes, bytes | None]]:
        topic = self._storage.topics.get(OFFSETS_TOPIC)
        for partition in range(0 if topic is None else topic.partitions):
            yield from keys_and_values(self._storage.log(OFFSETS_TOPIC, partition))

    def _set_alarm(self) -> None:
        when = self.coordinator.next_deadline()
        if self._alarm is not None:
            if when == self._alarm.when and self._alarm.callback is not None:
                return
            self._alarm.cancel()
        self._alarm = None if when is None else self._deadlines.call_at(when, self._advance, self._cannot_advance)

    def _cannot_advance(self, reason: str) -> None:
        log.error("%s; reading the groups again", reason)
        self._forget(reason)

    def _advance(self) -> None:
        self.perform(self.coordinator.advance(self._deadlines.now(), self._wall_ms()))
        if self._held:
            self._held.release_where(self.coordinator.is_rebalancing)


def _send(effects: CoordinatorResult) -> None:
    for reply in effects.replies:
        cast("ResponseHandle[Any]", reply.token).send(reply.response)


def _new_coordinator(config: BrokerConfig, overrule: Overrule) -> GroupCoordinator:
    # Imported here because a broker shall be up before the first member of a group needs all of this.
    from kafkalite.coordinators.groups.config import GroupConfig
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator

    groups = GroupConfig(
        group_min_session_timeout=config.group_min_session_timeout,
        group_max_session_timeout=config.group_max_session_timeout,
        group_initial_rebalance_delay=config.group_initial_rebalance_delay,
        group_max_size=config.group_max_size,
        offset_metadata_max_bytes=config.offset_metadata_max_bytes,
        offsets_retention=config.offsets_retention,
        offsets_retention_check_interval=config.offsets_retention_check_interval,
    )
    return GroupCoordinator(groups, new_member_suffix=lambda: str(uuid.uuid4()), overrule=overrule)

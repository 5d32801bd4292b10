"""A broker in this process, as what a handle stands on. Everything here may be called from any other thread."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from heapq import merge
from typing import TYPE_CHECKING, TypeVar

from kafkalite.testing.in_process import looking
from kafkalite.testing.in_process.images import Images
from kafkalite.testing.in_process.steering import Steering
from kafkalite.testing.in_process.thread import on_a_thread
from kafkalite.testing.in_process.watching import Watch
from kafkalite.testing.model.batches import Batch, Turns, batch_of, existing, produced
from kafkalite.testing.model.conditions import missing_records
from kafkalite.testing.model.errors import NotPossible
from kafkalite.testing.model.views import Group, Record, Topic
from kafkalite.testing.model.wait import Wait
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import check_produced

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.clock import SteerableClock
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.fetch.delayed import DelayedFetch
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite.testing.model.conditions import Condition
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot

T = TypeVar("T")


@contextmanager
def running(broker: Broker, clock: SteerableClock) -> Generator[LocalBackend]:
    """Run a broker that goes by a clock on a thread of its own, until the block ends; its forks end with it.

    Raises StartError, and at the end BrokerFailed if it did not live so long or failed in a request.
    """
    with on_a_thread(broker, lambda portal: LocalBackend(broker, clock, portal)) as backend:
        try:
            yield backend
        finally:
            backend.end_forks()


class LocalBackend:
    """A broker that runs in a loop of this process; to be made in that loop, once the broker is open."""

    def __init__(self, broker: Broker, clock: SteerableClock, portal: Portal) -> None:
        self._broker = broker
        self._portal = portal
        self._turns = Turns()
        interceptors = broker.pipeline.interceptors
        self._watch = Watch(broker, interceptors, portal)
        self._steering = Steering(broker, clock, interceptors, self._watch, portal)
        self._images = Images(broker, clock, portal)
        self._forks: set[ExitStack] = set()
        self._bootstrap = broker.bootstrap
        broker.on_restored.append(self._turns.forget)

    @property
    def _cluster(self) -> Cluster:
        return self._broker.cluster

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker."""
        return self._bootstrap

    @property
    def steering(self) -> Steering:
        """The controls."""
        return self._steering

    @property
    def images(self) -> Images:
        """What makes snapshots."""
        return self._images

    @contextmanager
    def forked(self, image: DirectorySnapshot) -> Generator[LocalBackend]:
        """Run another broker that begins with an image, until the block ends, or this broker does."""
        with ExitStack() as running_fork:
            fork, clock = running_fork.enter_context(self._images.forked(image))
            backend = running_fork.enter_context(running(fork, clock))
            self._forks.add(running_fork)
            try:
                yield backend
            finally:
                self._forks.discard(running_fork)

    def end_forks(self) -> None:
        """End the forks that still run: what they keep lies in this broker's data directory."""
        while self._forks:
            self._forks.pop().close()

    # Topics

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Create a topic. Raises ValueError where the broker refuses."""

        def create() -> None:
            try:
                self._cluster.create_topic(name, partitions, configs)
            except StorageError as error:
                raise _not_created(name, error) from None

        self._portal.call(create)

    def delete_topic(self, name: str) -> None:
        """Delete a topic. Raises LookupError if there is none."""

        def delete() -> None:
            looking.topic_of(self._cluster, name)
            self._cluster.delete_topic(name)
            self._cluster.after_request()

        self._portal.call(delete)

    def topics(self) -> dict[str, Topic]:
        """Show all topics but Kafka's own."""
        return self._portal.call(lambda: looking.topics_of(self._cluster))

    # Records

    def append(self, batch: Batch) -> tuple[Record, ...]:
        """Produce; a topic that is missing is created with the broker's defaults."""
        return self._portal.call(lambda: self._append(batch))

    def _append(self, batch: Batch) -> tuple[Record, ...]:
        cluster = self._cluster
        topic = cluster.storage.topics.get(batch.topic)
        if topic is None:
            try:
                topic = cluster.auto_create_topic(batch.topic)
            except StorageError as error:
                raise _not_created(batch.topic, error) from None
        partition = self._turns.choose(batch, topic.partitions)
        timestamp = cluster.wall_ms() if batch.timestamp is None else batch.timestamp
        data = memoryview(bytearray(batch_of(batch.values, key=batch.key, headers=batch.headers, timestamp=timestamp)))
        appended = cluster.append(batch.topic, partition, data, check_produced(data))
        if appended.awaits_sync:
            cluster.when_synced({(batch.topic, partition): len(data)}, _synced)
        cluster.after_request()
        return produced(batch, partition, appended.base_offset, timestamp)

    def records(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        """Show what is in a topic."""
        return self._portal.call(lambda: self._read(topic, partition, offset))

    def _read(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        partitions = looking.topic_of(self._cluster, topic).partitions
        chosen = range(partitions) if partition is None else (existing(topic, partition, partitions),)
        found = [looking.read(self._cluster, topic, index, offset) for index in chosen]
        return list(merge(*found, key=lambda record: record.timestamp))

    def arrival(self, topic: str, partition: int | None, offset: int, count: int) -> Wait[list[Record]]:
        """Wait until there are so many records; woken by whoever appends, as a waiting fetch is."""
        future: Future[list[Record]] = Future()
        pending: DelayedFetch | None = None

        def look() -> None:
            if not future.done():
                try:
                    look_again()
                except Exception as error:  # noqa: BLE001  # the future raises it, not the append that runs this
                    future.set_exception(error)

        def look_again() -> None:
            nonlocal pending
            if topic not in self._cluster.storage.topics:
                partitions = [(topic, 0)]  # its creation wakes whoever waits for any of its partitions
            else:
                found = self._read(topic, partition, offset)
                if len(found) >= count:
                    future.set_result(found[:count])
                    return
                total = looking.topic_of(self._cluster, topic).partitions
                partitions = [(topic, index) for index in (range(total) if partition is None else (partition,))]
            pending = self._cluster.delayed_fetches.add(partitions, look)

        def begin() -> None:
            self._portal.owe(future)
            look()

        def forget() -> None:
            future.cancel()
            if pending is not None:
                self._cluster.delayed_fetches.remove(pending)

        def give_up() -> str:
            forget()
            return missing_records(topic, count, lambda: self._read(topic, partition, offset))

        self._portal.call(begin)
        return Wait(future, lambda: self._portal.call(give_up), lambda: self._portal.begin(forget))

    # Groups

    def groups(self) -> list[str]:
        """Name all groups."""
        return self._portal.call(lambda: [group.group_id for group in self._cluster.groups.coordinator.groups()])

    def group(self, group_id: str) -> Group:
        """Show a group, ``Dead`` if there is none."""
        return self._portal.call(lambda: looking.group_of(self._cluster, group_id))

    def delete_group(self, group_id: str) -> None:
        """Delete a group without members. Raises ValueError where the broker refuses."""

        def delete() -> None:
            from kafkalite.coordinators.results import Client
            from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

            reply = _Refusal()
            client = Client(client_id="kafkalite.testing", client_host="/127.0.0.1", api_version=2)
            groups = self._cluster.groups
            groups.perform(
                groups.coordinator.delete_groups(DeleteGroupsRequest(groups_names=(group_id,)), client, reply)
            )
            if reply.error_code:
                error = ErrorCode(reply.error_code).name
                raise NotPossible(f"cannot delete ({error}): {looking.group_of(self._cluster, group_id)}")

        self._portal.call(delete)

    def until(self, condition: Condition[T]) -> Wait[T]:
        """Wait until a condition holds."""
        return self._watch.until(condition)


def _not_created(name: str, error: StorageError) -> NotPossible:
    return NotPossible(f"topic {name!r} cannot be created: {error}")


def _synced(failed: Mapping[tuple[str, int], StorageError]) -> None:
    for error in failed.values():
        raise error


class _Refusal:
    """The reply to our own DeleteGroups."""

    error_code = 0

    def send(self, response: object) -> None:
        from kafkalite_wire.messages.delete_groups import DeleteGroupsResponse

        assert isinstance(response, DeleteGroupsResponse)
        self.error_code = response.results[0].error_code

    def fail(self, reason: str) -> None:
        raise NotPossible(reason)

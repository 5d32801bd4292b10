"""The handle: what a test sees of a broker, and how it steers it. For synchronous code, whose calls block."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from kafkalite.testing.handles.awaited import committed, positioned, stable
from kafkalite.testing.handles.backend import PATIENCE, Backend, Batch
from kafkalite.testing.handles.faults import Faults
from kafkalite.testing.handles.request_log import RequestLogControl
from kafkalite.testing.model.batches import Text
from kafkalite.testing.model.views import Group, Header, Record, Topic

if TYPE_CHECKING:
    from typing import Unpack

    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.testing.handles.request_log import Filters
    from kafkalite.testing.handles.waiting import AsyncHandle
    from kafkalite.testing.in_process.images import Snapshots
    from kafkalite_wire.apis import ApiKey

T = TypeVar("T")


class Handle:
    """A broker as a test sees it.

    ``await_...`` blocks until something is so, and wakes with the very event that makes it so; no test needs to sleep.
    In a test that runs in an event loop itself, use :attr:`aio`, so that the loop goes on meanwhile.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.topics = Topics(backend)
        self.groups = Groups(backend)
        self.clock = ClockControl(backend)
        self.coordinator = CoordinatorControl(backend)
        self.faults = Faults(backend)
        self.requests = RequestLogControl(backend)

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker, as their ``bootstrap.servers`` wants it."""
        return self._backend.bootstrap

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots of all that the broker keeps, to come back to. Raises NotOnThisBroker."""
        return self._backend.snapshots

    @property
    def aio(self) -> AsyncHandle:
        """The same for asyncio and trio: what takes its time is awaited."""
        from kafkalite.testing.handles.waiting import AsyncHandle

        return AsyncHandle(self, self._backend)

    # Records

    def produce(
        self,
        topic: str,
        *values: Text,
        key: Text = None,
        partition: int | None = None,
        headers: Sequence[Header] = (),
        timestamp: int | None = None,
    ) -> tuple[Record, ...]:
        """Produce records to one partition, and give them as they lie there.

        Without ``partition`` the key chooses it, as Kafka's Java client lets it, and without a key it is each
        partition's turn. A topic that is missing is created. Raises LookupError for a partition that is missing.
        """
        if not values:
            raise ValueError("there is nothing to produce: give at least one value")
        batch = Batch(
            topic=topic, partition=partition, values=values, key=key, headers=tuple(headers), timestamp=timestamp
        )
        return self._backend.append(batch)

    def records(self, topic: str, *, partition: int | None = None, offset: int = 0) -> list[Record]:
        """Give what is in a topic now, in the order of time. Raises LookupError if there is no such topic."""
        return self._backend.records(topic, partition, offset)

    def consume(
        self, topic: str, count: int = 1, *, partition: int | None = None, offset: int = 0, timeout: float = PATIENCE
    ) -> list[Record]:
        """Wait until a topic has ``count`` records, and give the first ones; no group is involved. Raises NotInTime."""
        return self._backend.arrival(topic, partition, offset, count).result(timeout)

    # Waiting

    def await_stable(self, group: str, *, members: int | None = None, timeout: float = PATIENCE) -> Group:
        """Wait until a group is stable, with just so many members if ``members`` is given. Raises NotInTime."""
        return self._backend.until(stable(group, members)).result(timeout)

    def await_committed(
        self,
        group: str,
        topic: str,
        *,
        partition: int | None = None,
        offset: int | None = None,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until a group has committed ``offset``, by default all that the topic has now. Raises NotInTime."""
        return self._backend.until(committed(self._backend, group, topic, partition, offset)).result(timeout)

    def await_positioned(
        self,
        group: str,
        topic: str | None = None,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until the members of a stable group fetch what they own; of ``topic`` from ``offset`` on.

        From then on nothing that is produced is missed by a consumer that begins at the end of a topic. Fetches are
        told apart by client id, so members should have one each. Raises NotInTime.
        """
        return self._backend.until(positioned(self._backend, group, topic, partition, offset)).result(timeout)

    def await_request(
        self, api: str | ApiKey | None = None, *, timeout: float = PATIENCE, **filters: Unpack[Filters]
    ) -> Exchange:
        """Wait for a request that the request log has seen, and that has been answered or has ended otherwise.

        See :meth:`.request_log.Requests.await_request`. Raises NotInTime, and ValueError if the log is off.
        """
        return self.requests.await_request(api, timeout=timeout, **filters)

    # The broker's being there

    def set_available(self, available: bool) -> None:
        """Cut all clients off and let none in, or let them in again; the broker keeps what it has."""
        self._backend.steering.set_available(available)

    @contextmanager
    def unavailable(self) -> Generator[None]:
        """Cut all clients off and let none in, until the block ends."""
        self.set_available(False)
        try:
            yield
        finally:
            self.set_available(True)

    def let_go(self) -> None:
        """Undo what controls do now: no faults, no pins, time runs, and the coordinator and the broker are here."""
        self._backend.steering.let_go()


class Topics:
    """The topics of a broker, without Kafka's own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create(self, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> None:
        """Create a topic. Raises ValueError where the broker refuses."""
        self._backend.create_topic(name, partitions, configs or {})

    def delete(self, name: str) -> None:
        """Delete a topic, and the offsets committed for it. Raises LookupError if there is none."""
        self._backend.delete_topic(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._backend.topics())

    def __contains__(self, name: object) -> bool:
        return name in self._backend.topics()

    def __getitem__(self, name: str) -> Topic:
        """Show a topic. Raises KeyError if there is none."""
        topics = self._backend.topics()
        if name not in topics:
            raise KeyError(f"there is no topic {name!r}; topics: {', '.join(topics) or 'none'}")
        return topics[name]


class Groups:
    """The groups of a broker, and what can be done to them from outside.

    A member is named by its member id, its instance id or its client id.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __iter__(self) -> Iterator[str]:
        return iter(self._backend.groups())

    def __getitem__(self, group: str) -> Group:
        """Show a group as it is now, ``Dead`` if there is none."""
        return self._backend.group(group)

    def delete(self, group: str) -> None:
        """Delete a group without members, and its offsets. Raises ValueError where the broker refuses."""
        self._backend.delete_group(group)

    def expire(self, group: str, member: str) -> None:
        """End a member's session now, as if it had been silent for too long; it may join again when it finds out.

        Raises LookupError unless exactly one member is called so.
        """
        self._backend.steering.expire(group, member)

    def fence(self, group: str, member: str) -> None:
        """Take a static member's place away for good, as if another had come with its instance id and had left again.

        Its partitions are free, and all it asks is answered FENCED_INSTANCE_ID, which clients take as fatal. Raises
        LookupError unless exactly one member is called so, and ValueError for a dynamic one, which Kafka cannot fence.
        """
        self._backend.steering.fence(group, member)

    def rebalance(self, group: str) -> None:
        """Have all members of a group join again. Raises LookupError if it has none."""
        self._backend.steering.rebalance(group)

    def pin(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> None:
        """Give partitions to members of your choice, whatever the group's leader assigns, from now on.

        ``assignment`` gives to each member, as it is called, its pairs of topic and partition. Other partitions go
        where the leader puts them, and so do those of members that are not there. Whoever is in the group joins again
        at once; a member of a cooperative group gets what another owns when that one has let it go. Pinned anew, only
        the last word counts. Raises ValueError for a partition with two owners.
        """
        self._backend.steering.pin(group, assignment)

    def unpin(self, group: str) -> None:
        """Let the group's leader assign again, at once; nothing happens if nothing is pinned."""
        self._backend.steering.unpin(group)

    @contextmanager
    def pinned(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> Generator[None]:
        """Have an assignment pinned inside the block."""
        self.pin(group, assignment)
        try:
            yield
        finally:
            self.unpin(group)


class ClockControl:
    """The broker's clock: sessions, rebalance time-outs, delayed fetches, retention and record times go by it.

    Clients have clocks of their own, and time-outs of the handle are the test's.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def now_ms(self) -> int:
        """Tell the broker's time: milliseconds since 1970."""
        return self._backend.steering.now()[1]

    def freeze(self) -> None:
        """Let the broker's time stand still until it is resumed; it can be advanced meanwhile."""
        self._backend.steering.freeze()

    def resume(self) -> None:
        """Let the broker's time run on from where it stands."""
        self._backend.steering.resume()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Let the broker's time stand still inside the block."""
        self.freeze()
        try:
            yield
        finally:
            self.resume()

    def advance(self, seconds: float, *, keep_alive: Collection[str] = ()) -> None:
        """Move the broker's time; whatever is due on the way happens in its order.

        ``keep_alive`` names members (by member, instance or client id) whose heartbeats are taken for granted.
        All others are silent for ``seconds``, so that sessions shorter than that end. Raises ValueError for a way back,
        and LookupError for a member that is in no group.
        """
        self._backend.steering.advance(seconds, keep_alive)


class CoordinatorControl:
    """The coordinator of groups, as if it lived on another broker from time to time; by default that of all groups."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def move_away(self, group: str | None = None) -> None:
        """Answer requests of groups NOT_COORDINATOR, and do not tell where the coordinator is.

        Meanwhile nobody's session ends. Nothing happens if just this coordinator is away already.
        """
        self._backend.steering.move_coordinator_away(group)

    def move_back(self, group: str | None = None) -> None:
        """Be the coordinator again, with the groups as they were kept and sessions that begin anew."""
        self._backend.steering.move_coordinator_back(group)

    @contextmanager
    def away(self, group: str | None = None) -> Generator[None]:
        """Have the coordinator away inside the block."""
        self.move_away(group)
        try:
            yield
        finally:
            self.move_back(group)

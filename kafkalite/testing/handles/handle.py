"""The handle: what a test sees of a broker, and how it steers it.

Its snapshots and its coroutines stand beside it, because they lead to handles again.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from kafkalite.testing.handles.clock import ClockControl
from kafkalite.testing.handles.faults import Faults
from kafkalite.testing.handles.groups import CoordinatorControl, Groups
from kafkalite.testing.handles.request_log import RequestLogControl
from kafkalite.testing.handles.topics import Topics
from kafkalite.testing.handles.waiting import AwaitedWaits, BlockingWaits
from kafkalite.testing.model.batches import Batch
from kafkalite.testing.model.errors import BrokerFailed, NotPossible, NotThere

if TYPE_CHECKING:
    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.handles.steering import Images
    from kafkalite.testing.model.batches import Text
    from kafkalite.testing.model.views import Header, Record


class Handle(BlockingWaits):
    """A broker as a test sees it.

    ``await_...`` blocks until something is so, and wakes with the very event that makes it so; no test needs to sleep.
    In a test that runs in an event loop itself, use :attr:`aio`, so that the loop goes on meanwhile.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.topics = Topics(backend)
        self.groups = Groups(backend)
        self.clock = ClockControl(backend)
        self.coordinator = CoordinatorControl(backend)
        self.faults = Faults(backend)
        self.requests = RequestLogControl(backend)
        self._snapshots = Snapshots(backend)

    def __repr__(self) -> str:
        return f"<broker at {self.bootstrap}>"

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker, as their ``bootstrap.servers`` wants it."""
        return self._backend.bootstrap

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots of all that the broker keeps, to come back to. Raises NotOnThisBroker."""
        self._snapshots.check_possible()
        return self._snapshots

    @property
    def aio(self) -> AsyncHandle:
        """The same for asyncio and trio: what takes its time is awaited."""
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
        partition's turn. ``headers`` are pairs of a name and bytes, ``timestamp`` is in milliseconds. A topic that is
        missing is created. Raises LookupError for a partition that is missing.
        """
        if not values:
            raise NotPossible("there is nothing to produce: give at least one value")
        batch = Batch(
            topic=topic, partition=partition, values=values, key=key, headers=tuple(headers), timestamp=timestamp
        )
        return self._backend.append(batch)

    def records(self, topic: str, *, partition: int | None = None, offset: int = 0) -> list[Record]:
        """Give what is in a topic now, in the order of time. Raises LookupError if there is no such topic."""
        return self._backend.records(topic, partition, offset)

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
        """Undo what controls do now: no faults, no pins, the coordinator and the broker are here, and time runs.

        The date is the machine's again; sessions that were ended by the clock stay ended. The log of faults is empty
        afterwards, and the request log off.
        """
        self._backend.steering.let_go()


class AsyncHandle(AwaitedWaits):
    """The waits of a :class:`Handle` as coroutines. All else of it takes no more than milliseconds: see ``handle``."""

    def __init__(self, handle: Handle, backend: Backend) -> None:
        super().__init__(backend)
        self.handle = handle


class Snapshot:
    """What a broker kept at a moment: topics, records, configurations, committed offsets, groups, producers' sequences.

    It holds no time: the broker's clock goes on, whatever is restored. It goes with its broker.
    """

    def __init__(self, snapshots: Snapshots, name: str, image: object) -> None:
        self._snapshots = snapshots
        self.name = name
        self.image = image

    def __repr__(self) -> str:
        return f"<snapshot {self.name!r}>"

    def is_of(self, snapshots: Snapshots) -> bool:
        """Tell whether it is one of these."""
        return self._snapshots is snapshots

    @contextmanager
    def fork(self) -> Generator[Handle]:
        """Run a second broker that begins with the snapshot, on a port of its own, until the block ends.

        What becomes of one broker is never seen in the other. Their clocks tell the same time in the beginning. It ends
        with the broker that it comes from, should that be before. Raises as :func:`kafkalite.testing.run` does, and
        ValueError if the snapshot was discarded.
        """
        with self._snapshots.forked(self.image) as handle:
            yield handle

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a data directory that `run(data=…)`, `kafkalite serve --data` and Apache Kafka can open.

        It is on the disk when this returns. Raises FileExistsError if anything is there, ValueError if it was
        discarded, and StorageError.
        """
        self._snapshots.save(self.image, path)

    def discard(self) -> None:
        """Give back the memory or the disk space that it takes; it cannot be used any more."""
        self._snapshots.discard(self)


class Snapshots:
    """The snapshots of one broker: as it was at a moment, to come back to, to start another one from, or to keep."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = Lock()
        self._numbers = count(1)
        self._taken: dict[str, Snapshot] = {}

    @property
    def _images(self) -> Images:
        return self._backend.images

    def check_possible(self) -> None:
        """Raise NotOnThisBroker unless the broker is one of which snapshots can be taken."""
        _ = self._images

    def take(self, name: str | None = None) -> Snapshot:
        """Take a snapshot, between two requests; nothing changes by it. Without a name it gets a number.

        Raises ValueError if there is one of that name, and StorageError.
        """
        with self._lock:
            free = (number for number in map(str, self._numbers) if number not in self._taken)
            chosen = next(free) if name is None else name
            if chosen in self._taken:
                raise NotPossible(f"there is a snapshot {chosen!r} already")
            taken = self._taken[chosen] = Snapshot(self, chosen, self._images.take())
            return taken

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(tuple(self._taken.values()))

    def __getitem__(self, name: str) -> Snapshot:
        """Find a snapshot that was taken and not discarded. Raises LookupError."""
        if name in self._taken:
            return self._taken[name]
        raise NotThere(f"there is no snapshot {name!r}; snapshots: {', '.join(map(repr, self._taken)) or 'none'}")

    def restore(self, snapshot: Snapshot | str) -> None:
        """Go back to a snapshot, or to the one of a name, at the same address.

        Clients find the broker as if it had been started again: they are cut off and connect again; waits of the handle
        go on. May be done any number of times. Raises ValueError for a snapshot of another broker, or one that was
        discarded, LookupError for a name that none has, and StorageError.
        """
        if isinstance(snapshot, str):
            snapshot = self[snapshot]
        if not snapshot.is_of(self):
            raise NotPossible(f"snapshot {snapshot.name!r} is of another broker")
        self._images.restore(snapshot.image)

    @contextmanager
    def scratch(self) -> Generator[Snapshot]:
        """Have the broker forget all that happens in the block, when the block ends."""
        snapshot = self.take()
        try:
            yield snapshot
        finally:
            try:
                self.restore(snapshot)
            finally:
                snapshot.discard()

    @contextmanager
    def forked(self, image: object) -> Generator[Handle]:
        """Run a broker that begins with an image; see :meth:`Snapshot.fork`."""
        with self._backend.forked(image) as backend:
            yield Handle(backend)

    def save(self, image: object, path: str | os.PathLike[str]) -> None:
        """Save an image without keeping the broker from its work; see :meth:`Snapshot.save`."""
        self._images.save(image, path)

    def discard(self, snapshot: Snapshot) -> None:
        """Remove a snapshot; if the broker has ended, it is gone already."""
        with suppress(BrokerFailed), self._lock:
            self._images.remove(snapshot.image)
            if self._taken.get(snapshot.name) is snapshot:
                del self._taken[snapshot.name]

"""Snapshots: a broker as it was at a moment, to come back to, to start another one from, or to keep."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from kafkalite.clock import MACHINE_CLOCK, SteerableClock
from kafkalite.testing.model.errors import BrokerFailed
from kafkalite_storage.directory_image import save_directory

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.testing.handles.handle import Handle
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite_storage.directory_image import DirectoryImage


class Snapshot:
    """What a broker kept at a moment: topics, records, configurations, committed offsets, groups, producers' sequences.

    It holds no time: the broker's clock goes on, whatever is restored. It goes with its broker.
    """

    def __init__(self, snapshots: Snapshots, name: str, image: DirectoryImage) -> None:
        self._snapshots = snapshots
        self.name = name
        self.image = image

    @contextmanager
    def fork(self) -> Generator[Handle]:
        """Run a second broker that begins with the snapshot, on a port of its own, until the block ends.

        What becomes of one broker is never seen in the other. Their clocks tell the same time in the beginning. Raises
        as :func:`kafkalite.testing.run` does.
        """
        with self._snapshots.forked(self.image) as handle:
            yield handle

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a data directory that `run(data=…)`, `kafkalite serve --data` and Apache Kafka can open.

        It is on the disk when this returns. Raises FileExistsError if anything is there, and StorageError.
        """
        self._snapshots.save(self.image, path)

    def discard(self) -> None:
        """Give back the memory or the disk space that it takes; it cannot be used any more."""
        self._snapshots.discard(self)


class Snapshots:
    """The snapshots of one broker. Safe to call from any other thread than the broker's."""

    def __init__(self, broker: Broker, clock: SteerableClock, portal: Portal) -> None:
        self._broker = broker
        self._clock = clock
        self._portal = portal
        self._numbers = count(1)
        self._taken: dict[str, Snapshot] = {}

    def take(self, name: str | None = None) -> Snapshot:
        """Take a snapshot, between two requests; nothing changes by it. Without a name it gets a number.

        Raises ValueError if there is one of that name, and StorageError.
        """

        def take() -> Snapshot:
            free = (number for number in map(str, self._numbers) if number not in self._taken)
            chosen = next(free) if name is None else name
            if chosen in self._taken:
                raise ValueError(f"there is a snapshot {chosen!r} already")
            taken = self._taken[chosen] = Snapshot(self, chosen, self._broker.take_snapshot())
            return taken

        return self._portal.call(take)

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(tuple(self._taken.values()))

    def __getitem__(self, name: str) -> Snapshot:
        """Find a snapshot that was taken and not discarded. Raises LookupError."""
        if name in self._taken:
            return self._taken[name]
        raise LookupError(f"there is no snapshot {name!r}; snapshots: {', '.join(map(repr, self._taken)) or 'none'}")

    def restore(self, snapshot: Snapshot | str) -> None:
        """Go back to a snapshot, or to the one of a name, at the same address.

        Clients find the broker as if it had been started again: they are cut off and connect again; waits of the handle
        go on. May be done any number of times. Raises ValueError for a snapshot of another broker, or one that was
        discarded, LookupError for a name that none has, and StorageError.
        """
        image = (self[snapshot] if isinstance(snapshot, str) else snapshot).image
        self._portal.call_async(lambda: self._broker.restore(image))

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
    def forked(self, image: DirectoryImage) -> Generator[Handle]:
        """Run a broker that begins with an image; see :meth:`Snapshot.fork`."""
        from kafkalite.testing.running import running

        ahead = self._portal.call(self._clock.wall_ms) - MACHINE_CLOCK.wall_ms()
        clock = SteerableClock()
        clock.advance(max(0, ahead) / 1000)
        fork = self._portal.call(lambda: self._broker.fork(image, clock=clock))
        try:
            with running(fork, clock) as handle:
                yield handle
        finally:
            image.filesystem.remove_directory(str(fork.config.data_dir))

    def save(self, image: DirectoryImage, path: str | os.PathLike[str]) -> None:
        """Save an image without keeping the broker from its work; see :meth:`Snapshot.save`."""
        copy = f"{image.path}-saved-{uuid4().hex}"
        self._portal.call(lambda: image.clone(copy))
        try:
            save_directory(image.filesystem, copy, path)
        finally:
            image.filesystem.remove_directory(copy)

    def discard(self, snapshot: Snapshot) -> None:
        """Remove a snapshot; if the broker has ended, it is gone already."""

        def remove() -> None:
            snapshot.image.remove()
            if self._taken.get(snapshot.name) is snapshot:
                del self._taken[snapshot.name]

        with suppress(BrokerFailed):
            self._portal.call(remove)

"""Snapshots of everything that a broker keeps: taken, restored, forked and saved."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakValueDictionary

from kafkalite.controls.definition import Subject, delete, get, local_only, post
from kafkalite.controls.errors import BrokerFailed, Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from kafkalite.controls.controls import Controls
    from kafkalite.controls.definition import Transport
    from kafkalite.controls.local_broker import LocalBroker
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot


class Snapshot:
    """What a broker kept at a moment: topics, records, configurations, committed offsets, groups, producer sequences.

    It does not hold the time: a restore does not change the clock. It lasts until its broker ends.
    """

    def __init__(self, snapshots: Snapshots, name: str) -> None:
        self._snapshots = snapshots
        self._is_discarded = False
        self.name = name

    def __repr__(self) -> str:
        return f"<snapshot {self.name!r}>"

    def name_at(self, snapshots: Snapshots) -> str:
        """Return its name among the snapshots of its broker. Raises ValueError."""
        if self._snapshots is not snapshots:
            raise InvalidRequest(f"snapshot {self.name!r} is of another broker")
        if self._is_discarded:
            raise InvalidRequest(f"snapshot {self.name!r} was discarded")
        return self.name

    @contextmanager
    def fork(self) -> Generator[Controls]:
        """Run a second broker that begins with the snapshot, on a port of its own, until the block ends.

        The two share nothing from then on, but their clocks begin with the same time. The fork ends with its broker at
        the latest. Raises as :func:`kafkalite.testing.run` does, and ValueError if the snapshot was discarded.
        """
        with self._snapshots.forked(self.name_at(self._snapshots)) as controls:
            yield controls

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a data directory that `run(data=…)`, `kafkalite serve --data` and Apache Kafka can open.

        It is synced when this returns. Raises FileExistsError if anything is there, ValueError if the snapshot was
        discarded, and StorageError.
        """
        self._snapshots.save(self.name_at(self._snapshots), path)

    def discard(self) -> None:
        """Free the memory or disk space that it takes; it cannot be used any more."""
        if not self._is_discarded:
            self._is_discarded = True
            self._snapshots.forget(self.name)
            with suppress(BrokerFailed, NotFound):  # it went with its broker
                self._snapshots.discard(self.name)


class Snapshots(Subject):
    """The snapshots of one broker, by name: a mapping of those that were taken and not discarded."""

    def __init__(self, transport: Transport | None, local: LocalBroker | None = None) -> None:
        super().__init__(transport, local)
        self._numbers = count(1)
        self._known: WeakValueDictionary[str, Snapshot] = WeakValueDictionary()
        self._kept: dict[str, DirectorySnapshot] = {}

    @get("/snapshots", result="snapshots")
    def names(self) -> list[str]:
        """Return the names of all snapshots."""
        return list(self._kept)

    @post("/snapshots", result="name")
    def add(self, name: str | None = None) -> str:
        """Take a snapshot of everything that the broker keeps; return its name, by default a number."""
        if name is None:
            name = next(number for number in map(str, self._numbers) if number not in self._kept)
        if name in self._kept:
            raise Conflict(f"there is a snapshot {name!r} already")
        self._kept[name] = self._local.broker.take_snapshot()
        return name

    @post("/snapshots/{snapshot}/restore", result="name")
    async def go_back(self, snapshot: str) -> str:
        """Restore a snapshot, at the same address; clients are disconnected and connect again."""
        await self._local.broker.restore(self._named(snapshot))
        return snapshot

    @delete("/snapshots/{snapshot}")
    def discard(self, snapshot: str) -> None:
        """Discard a snapshot, and free what it takes."""
        self._named(snapshot).remove()
        del self._kept[snapshot]

    @local_only("saving a snapshot")
    def copy(self, snapshot: str) -> DirectorySnapshot:
        """Return a copy of a snapshot that outlives it, for another thread to save and remove."""
        kept = self._named(snapshot)
        self._local.broker.check_snapshot(kept)
        return kept.again(f"{kept.path}-saved-{uuid4().hex}")

    @local_only("saving a snapshot")
    def remove_copy(self, copy: DirectorySnapshot) -> None:
        """Free what a copy takes."""
        copy.remove()

    def take(self, name: str | None = None) -> Snapshot:
        """Take a snapshot, between two requests; nothing changes. Without a name it gets a number.

        Raises ValueError if there is one of that name, and StorageError.
        """
        return self._snapshot(self.add(name))

    def __iter__(self) -> Iterator[Snapshot]:
        return map(self._snapshot, self.names())

    def __getitem__(self, name: str) -> Snapshot:
        """Return a snapshot that was taken and not discarded. Raises LookupError."""
        names = self.names()
        if name not in names:
            raise _missing(name, names)
        return self._snapshot(name)

    def restore(self, snapshot: Snapshot | str) -> None:
        """Restore a snapshot, or the one of a name, at the same address.

        Clients find the broker as after a restart: they are disconnected and connect again. Waits go on. A snapshot can
        be restored any number of times. Raises ValueError for one of another broker or one that was discarded,
        LookupError for an unknown name, and StorageError.
        """
        self.go_back(snapshot if isinstance(snapshot, str) else snapshot.name_at(self))

    @contextmanager
    def scratch(self) -> Generator[Snapshot]:
        """Undo at the end of the block all that the broker has kept in it."""
        snapshot = self.take()
        try:
            yield snapshot
        finally:
            try:
                self.restore(snapshot)
            finally:
                snapshot.discard()

    @contextmanager
    def forked(self, name: str) -> Generator[Controls]:
        """Run a broker that begins with a snapshot; see :meth:`Snapshot.fork`."""
        with self._transport.fork(lambda: self._named(name)) as controls:
            yield controls

    def save(self, name: str, path: str | os.PathLike[str]) -> None:
        """Save a snapshot without holding up the broker; see :meth:`Snapshot.save`."""
        copy = self.copy(name)
        try:
            copy.save(path)
        finally:
            self.remove_copy(copy)

    def forget(self, name: str) -> None:
        """Return another object for a name from now on."""
        self._known.pop(name, None)

    def _snapshot(self, name: str) -> Snapshot:
        return self._known.setdefault(name, Snapshot(self, name))

    def _named(self, name: str) -> DirectorySnapshot:
        if name not in self._kept:
            raise _missing(name, self._kept)
        return self._kept[name]


def _missing(name: str, names: Iterable[str]) -> NotFound:
    known = ", ".join(map(repr, names)) or "none"
    return NotFound(f"there is no snapshot {name!r}; snapshots: {known}")

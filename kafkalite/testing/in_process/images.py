"""Images of what a broker keeps: taken, restored, saved, and where another broker begins."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from kafkalite.clock import MACHINE_CLOCK, SteerableClock

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot


class Images:
    """What can be done with the images of one broker. Safe to call from any other thread than the broker's."""

    def __init__(self, broker: Broker, clock: SteerableClock, portal: Portal) -> None:
        self._broker = broker
        self._clock = clock
        self._portal = portal

    def take(self) -> DirectorySnapshot:
        """Take an image, between two requests; nothing changes by it. Raises StorageError."""
        return self._portal.call(self._broker.take_snapshot)

    def restore(self, image: DirectorySnapshot) -> None:
        """Go back to an image, at the same address. Raises ValueError for one of another broker, and StorageError."""
        self._portal.call_async(lambda: self._broker.restore(image))

    @contextmanager
    def forked(self, image: DirectorySnapshot) -> Generator[tuple[Broker, SteerableClock]]:
        """Make a broker that begins with an image, and its clock; all that it keeps is gone when the block ends."""
        ahead = self._portal.call(self._clock.wall_ms) - MACHINE_CLOCK.wall_ms()
        clock = SteerableClock()
        clock.advance(max(0, ahead) / 1000)
        fork = self._portal.call(lambda: self._broker.fork(image, clock=clock))
        try:
            yield fork, clock
        finally:
            image.filesystem.remove_directory(str(fork.config.data_dir))

    def save(self, image: DirectorySnapshot, path: str | os.PathLike[str]) -> None:
        """Write an image as a data directory, without keeping the broker from its work.

        It is on the disk when this returns. Raises FileExistsError if anything is there, ValueError for an image of
        another broker or one that was removed, and StorageError.
        """

        def again() -> DirectorySnapshot:
            self._broker.check_snapshot(image)
            return image.again(f"{image.path}-saved-{uuid4().hex}")

        saved = self._portal.call(again)
        try:
            saved.save(path)
        finally:
            self.remove(saved)

    def remove(self, image: DirectorySnapshot) -> None:
        """Give back what an image takes; nothing happens if it is gone."""
        self._portal.call(image.remove)

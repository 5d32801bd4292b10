"""Group commit: replies that wait until their records are on disk, many of them for one sync.

While a log is being synced in a thread, the event loop goes on: what is appended meanwhile shares the next sync. So
64 producers with `flush.messages=1` cost one sync for all of them, not one each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from logging import getLogger
from typing import TYPE_CHECKING

import trio

from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite_storage.log.log import PartitionLog

log = getLogger("kafkalite.log")

Done = Callable[[StorageError | None], None]
"""Called when a log has been synced, or with the reason why it could not be."""


class LogFlusher:
    """The syncs of all logs that somebody waits for; at most one of a log at a time."""

    def __init__(self, deadlines: TimerQueue) -> None:
        self._deadlines = deadlines
        self._nursery: trio.Nursery | None = None
        self._waiting: dict[PartitionLog, list[Done]] = {}
        self._due: dict[PartitionLog, Timer] = {}

    def when_synced(self, partition: PartitionLog, done: Done) -> None:
        """Sync a log, and then call ``done``: at once where nothing runs that could do it meanwhile."""
        waiting = self._waiting.get(partition)
        if waiting is not None:
            waiting.append(done)
        elif self._nursery is None:
            done(_sync_now(partition))
        else:
            self._waiting[partition] = [done]
            self._nursery.start_soon(self._sync, partition)

    def when_all_synced(self, partitions: Iterable[PartitionLog], done: Done) -> None:
        """Sync several logs and call ``done`` once, with the first error if there was any."""
        logs = list(dict.fromkeys(partitions))
        left = len(logs)
        first: StorageError | None = None

        def one_is_synced(error: StorageError | None) -> None:
            nonlocal left, first
            left -= 1
            first = first or error
            if not left:
                done(first)

        for partition in logs:
            self.when_synced(partition, one_is_synced)

    def sync_within(self, partition: PartitionLog, seconds: float) -> None:
        """Sync a log when it has had something unsynced for a time (``flush.ms``)."""
        if partition not in self._due:
            self._due[partition] = self._deadlines.call_at(
                self._deadlines.now() + seconds, lambda: self._time_is_up(partition)
            )

    def _time_is_up(self, partition: PartitionLog) -> None:
        del self._due[partition]
        self.when_synced(partition, lambda error: _tell(partition, error))

    def retire(self) -> None:
        """Sync nothing any more only because its time is up."""
        for deadline in self._due.values():
            deadline.cancel()
        self._due.clear()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sync in threads until cancelled; whoever waits then gets a last sync, made without one."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def _sync(self, partition: PartitionLog) -> None:
        # Requests that have arrived already shall share this sync: let the loop turn once.
        await trio.lowlevel.checkpoint()
        try:
            while waiting := self._waiting[partition]:
                self._waiting[partition] = []
                try:
                    error = await trio.to_thread.run_sync(_sync_now, partition)
                except trio.Cancelled:
                    self._waiting[partition] += waiting
                    raise
                for done in waiting:
                    done(error)
        finally:
            left = self._waiting.pop(partition)
            if left:  # cancelled: the broker stops and has no loop left to sync in
                error = _sync_now(partition)
                for done in left:
                    done(error)


def _sync_now(partition: PartitionLog) -> StorageError | None:
    try:
        partition.flush(caches=False)
    except StorageError as error:
        return error
    return None


def _tell(partition: PartitionLog, error: StorageError | None) -> None:
    if error is not None:
        log.error("cannot sync %s: %s", partition.directory, error)

"""The log flusher: responses that wait until their records are on disk share a sync.

A log is synced in a thread while the event loop goes on; everything that is appended during a sync shares the next one.
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
"""Called with None when a log has been synced, otherwise with the error."""


class LogFlusher:
    """Syncs the logs that responses wait for, each log at most once at a time."""

    def __init__(self, timers: TimerQueue) -> None:
        self._timers = timers
        self._nursery: trio.Nursery | None = None
        self._waiting: dict[PartitionLog, list[Done]] = {}
        self._due: dict[PartitionLog, Timer] = {}

    def when_synced(self, partition: PartitionLog, done: Done) -> None:
        """Sync a log, then call ``done``. Syncs at once, in this thread, if :meth:`run` does not run."""
        waiting = self._waiting.get(partition)
        if waiting is not None:
            waiting.append(done)
        elif self._nursery is None:
            done(_sync_now(partition))
        else:
            self._waiting[partition] = [done]
            self._nursery.start_soon(self._sync, partition)

    def when_all_synced(self, partitions: Iterable[PartitionLog], done: Done) -> None:
        """Sync several logs, then call ``done`` once, with the first error if there is any."""
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
        """Sync a log at most ``seconds`` after its first unsynced append (``flush.ms``)."""
        if partition not in self._due:
            self._due[partition] = self._timers.call_at(self._timers.now() + seconds, lambda: self._due_now(partition))

    def _due_now(self, partition: PartitionLog) -> None:
        del self._due[partition]
        self.when_synced(partition, lambda error: _log_failure(partition, error))

    def retire(self) -> None:
        """Cancel the syncs that are due by time: another state of the broker takes over."""
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sync in threads until cancelled; what still waits then is synced a last time, in this thread."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def _sync(self, partition: PartitionLog) -> None:
        # One turn of the loop, so that requests which have arrived already share this sync.
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


def _log_failure(partition: PartitionLog, error: StorageError | None) -> None:
    if error is not None:
        log.error("cannot sync %s: %s", partition.directory, error)

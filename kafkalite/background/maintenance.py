"""Maintenance: what a broker does with its data directory beside the requests of clients.

Recovery after a crash, checkpoints, retention, expiry of producers, pruning of the state of share groups, removal of
deleted files, compaction. *When* a job is due goes by the broker's clock; pauses between the steps of a job, in which
requests are served, go by the machine's. ``Maintenance.run_due`` is the one step: the background task awaits it when a
job is due, and a test's clock awaits it after it was advanced.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Final, Protocol

import trio

from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from kafkalite.background.cleaner import LogCleaner
    from kafkalite.background.flusher import LogFlusher
    from kafkalite.background.timers import TimerQueue
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.storage import Storage

log = getLogger("kafkalite.log")

_EXPIRE_EVERY: Final = 600.0
"""Kafka's producer.id.expiration.check.interval.ms."""
_FIRST_RETENTION: Final = 30.0
"""As in Kafka, retention begins half a minute after the start."""
_REMOVE_EVERY: Final = 5.0
_PRUNE_EVERY: Final = 300.0
"""Kafka's share.coordinator.state.topic.prune.interval.ms and share.coordinator.cold.partition.snapshot.interval.ms."""
_COMPACT_AFTER: Final = 0.5
_PAUSE: Final = 0.001
_DONE: Final = object()


class Maintained(Protocol):
    """The parts of a broker's state that maintenance works on."""

    @property
    def storage(self) -> Storage:
        """The data directory."""
        ...

    @property
    def timers(self) -> TimerQueue:
        """The broker's timer queue."""
        ...

    @property
    def flusher(self) -> LogFlusher:
        """The log flusher, which runs as long as maintenance does."""
        ...

    log_cleaner: LogCleaner | None
    wall_ms: Callable[[], int]

    def checkpoint(self) -> None:
        """Sync the logs and write the checkpoint files."""
        ...

    def expire_producers(self) -> None:
        """Remove the state of idle producers."""
        ...

    def expire_delegation_tokens(self) -> None:
        """Remove the delegation tokens that have expired."""
        ...

    def prune_share_states(self, older_than: float) -> Iterator[None]:
        """Delete redundant records of share groups, in short steps, after states as old as that are recorded whole."""
        ...

    def topic_changed(self, topic: str) -> None:
        """Complete the fetches that wait for a topic."""
        ...


class _Job:
    """One kind of maintenance, and when it is due next."""

    def __init__(self, run: Callable[[float], Awaitable[None]], *, every: float, due: float) -> None:
        self.run = run
        self.every = every
        self.due = due


class Maintenance:
    """The background tasks of one data directory; they can be stopped without the broker's."""

    def __init__(self, node: Maintained, config: BrokerConfig) -> None:
        self._node = node
        self._config = config
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._one_at_a_time = trio.Lock()
        now = node.timers.now()
        retention_every = config.log_retention_check_interval
        checkpoint_every = config.log_flush_offset_checkpoint_interval
        self._retention = _Job(
            self._delete_expired, every=retention_every, due=now + min(_FIRST_RETENTION, retention_every)
        )
        tokens_every = config.delegation_token_expiry_check_interval
        self._jobs = (
            _Job(self._checkpoint, every=checkpoint_every, due=now + checkpoint_every),
            _Job(self._expire_producers, every=_EXPIRE_EVERY, due=now + _EXPIRE_EVERY),
            self._retention,
            _Job(self._expire_tokens, every=tokens_every, due=now + tokens_every),
            _Job(self._prune_share_states, every=_PRUNE_EVERY, due=now + _PRUNE_EVERY),
            _Job(self._remove_retired, every=_REMOVE_EVERY, due=now + _REMOVE_EVERY),
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the log flusher and all jobs until stopped or cancelled."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._node.flusher.run)
                    if not self._node.storage.was_clean:
                        nursery.start_soon(self._recover)
                    nursery.start_soon(self._run_jobs)
                    if self._config.log_cleaner_enable:
                        nursery.start_soon(self._compact)
                    task_status.started()
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Return when the tasks have ended, those in threads too."""
        self._scope.cancel()
        await self._ended.wait()

    async def run_due(self, *, pause: float = 0.0) -> None:
        """Run the jobs that are due by the broker's clock, each once, even if it became due several times.

        ``pause`` is the time in seconds between the steps of a job. Cancellation leaves a job between two steps.
        """
        async with self._one_at_a_time:
            for job in self._jobs:
                if job.due <= self._node.timers.now():
                    job.due = self._node.timers.now() + job.every
                    await job.run(pause)

    async def catch_up(self) -> None:
        """Bring the logs up to the broker's clock: run what is due, and retention and compaction in any case."""
        self._retention.due = self._node.timers.now()
        await self.run_due()
        if self._node.log_cleaner is not None:
            await self._node.log_cleaner.catch_up()

    async def _run_jobs(self) -> None:
        while True:
            due = min(job.due for job in self._jobs)
            await self._node.timers.sleep(max(due - self._node.timers.now(), 0.0))
            await self.run_due(pause=_PAUSE)

    # Jobs

    async def _recover(self) -> None:
        """Open what a crash may have left torn, a partition at a time, and log once what was repaired."""
        for _ in self._node.storage.open_all():
            await trio.sleep(_PAUSE)
        log.warning("%s", self._node.storage.recovery_summary())

    async def _checkpoint(self, pause: float) -> None:
        del pause
        await trio.to_thread.run_sync(self._node.checkpoint)

    async def _expire_producers(self, pause: float) -> None:
        del pause
        self._node.expire_producers()

    async def _expire_tokens(self, pause: float) -> None:
        del pause
        try:
            self._node.expire_delegation_tokens()
        except StorageError as error:
            log.error("cannot remove expired delegation tokens: %s; trying again", error)

    async def _delete_expired(self, pause: float) -> None:
        for shortened in self._node.storage.delete_expired(self._node.wall_ms()):
            if shortened is not None:
                self._node.topic_changed(shortened)
            if pause:
                await trio.sleep(pause)

    async def _prune_share_states(self, pause: float) -> None:
        for _ in self._node.prune_share_states(_PRUNE_EVERY):
            if pause:
                await trio.sleep(pause)

    async def _remove_retired(self, pause: float) -> None:
        steps = self._node.storage.remove_retired_steps(self._node.wall_ms())
        try:
            # One step at a time, because Python code in a thread slows the event loop.
            while await trio.to_thread.run_sync(next, steps, _DONE) is not _DONE:
                if pause:
                    await trio.sleep(pause)
        except StorageError as error:
            log.error("cannot remove deleted files: %s; trying again", error)

    async def _compact(self) -> None:
        # Imported late: the first request of a client must not wait for it.
        await self._node.timers.sleep(_COMPACT_AFTER)
        from kafkalite.background.cleaner import LogCleaner

        self._node.log_cleaner = LogCleaner(self._node.storage, self._config, self._node.timers, self._node.wall_ms)
        await self._node.log_cleaner.run()

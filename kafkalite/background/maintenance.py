"""What the broker does by itself: recovery after a crash, retention, compaction, checkpoints, and the like.

All of it on the broker's clock, so that whoever advances the clock need not wait for it.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Final, Protocol

import trio

from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

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
_COMPACT_AFTER: Final = 0.5
_PAUSE: Final = 0.001


class Node(Protocol):
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
        """What syncs logs."""
        ...

    log_cleaner: LogCleaner | None
    wall_ms: Callable[[], int]

    def checkpoint(self) -> None:
        """Sync the logs and write the checkpoint files."""
        ...

    def expire_producers(self) -> None:
        """Remove the state of idle producers."""
        ...

    def topic_changed(self, topic: str) -> None:
        """Complete the fetches that wait for a topic."""
        ...


class Maintenance:
    """The tasks of one node; they can be stopped without the broker's."""

    def __init__(self, node: Node, config: BrokerConfig) -> None:
        self._node = node
        self._config = config
        self._scope = trio.CancelScope()
        self._ended = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sync what is to be on disk, and keep the data directory in order, until stopped or cancelled."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._node.flusher.run)
                    nursery.start_soon(run, self._node, self._config)
                    task_status.started()
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Return when the tasks have ended, those in threads too."""
        self._scope.cancel()
        await self._ended.wait()


async def run(node: Node, config: BrokerConfig) -> None:
    """Keep the data directory in order until cancelled."""
    async with trio.open_nursery() as nursery:
        if not node.storage.was_clean:
            nursery.start_soon(_recover, node)
        nursery.start_soon(_checkpoint, node, config.log_flush_offset_checkpoint_interval)
        nursery.start_soon(_expire_producers, node)
        nursery.start_soon(_delete_expired, node, config.log_retention_check_interval)
        nursery.start_soon(_remove_retired, node)
        if config.log_cleaner_enable:
            nursery.start_soon(_compact, node, config)


async def _recover(node: Node) -> None:
    """Open what a crash may have left torn, a partition at a time, and say once what that did."""
    for _ in node.storage.open_all():
        await trio.sleep(_PAUSE)
    log.warning("%s", node.storage.recovery_summary())


async def _checkpoint(node: Node, every: float) -> None:
    while True:
        await node.timers.sleep(every)
        await trio.to_thread.run_sync(node.checkpoint)


async def _expire_producers(node: Node) -> None:
    while True:
        await node.timers.sleep(_EXPIRE_EVERY)
        node.expire_producers()


async def _delete_expired(node: Node, every: float) -> None:
    await node.timers.sleep(min(_FIRST_RETENTION, every))
    while True:
        for shortened in node.storage.delete_expired(node.wall_ms()):
            if shortened is not None:
                node.topic_changed(shortened)
            await trio.sleep(_PAUSE)
        await node.timers.sleep(every)


async def _remove_retired(node: Node) -> None:
    while True:
        await node.timers.sleep(_REMOVE_EVERY)
        try:
            await trio.to_thread.run_sync(node.storage.remove_retired, node.wall_ms())
        except StorageError as error:
            log.error("cannot remove deleted files: %s; trying again", error)


async def _compact(node: Node, config: BrokerConfig) -> None:
    # Not imported earlier, because no client's first request shall wait for it.
    await node.timers.sleep(_COMPACT_AFTER)
    from kafkalite.background.cleaner import LogCleaner

    node.log_cleaner = LogCleaner(node.storage, config, node.timers, node.wall_ms)
    await node.log_cleaner.run()

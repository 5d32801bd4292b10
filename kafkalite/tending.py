"""What a node needs to have done beside the requests of clients, for as long as it is the broker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from kafkalite import upkeep

if TYPE_CHECKING:
    from kafkalite.config import BrokerConfig
    from kafkalite.node import Node


class Tending:
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
                    await nursery.start(self._node.commits.run)
                    nursery.start_soon(upkeep.run, self._node, self._config)
                    task_status.started()
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Return when the tasks have ended, those in threads too."""
        self._scope.cancel()
        await self._ended.wait()

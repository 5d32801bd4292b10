"""A broker or a proxy as an async block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from kafkalite.requests.crash_guard import CrashGuard


class ServerBlock(ABC):
    """Something that serves clients for as long as a block lasts."""

    crash_guard: CrashGuard
    """Handles unexpected exceptions."""
    _running: AsyncExitStack

    @property
    @abstractmethod
    def _is_open(self) -> bool:
        """Whether :meth:`open` has been called."""

    @abstractmethod
    def open(self) -> None:
        """Open what is served, and the listening sockets. Raises StartError."""

    @abstractmethod
    async def run(
        self, *, task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until :meth:`stop` or cancellation; started with the addresses once clients can connect."""

    @abstractmethod
    def stop(self) -> None:
        """Begin to stop."""

    async def __aenter__(self) -> Self:
        """Start, and return when clients can connect. Raises StartError."""
        if not self._is_open:
            self.open()  # outside of the nursery, which would wrap a StartError in a group
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(trio.open_nursery())
            await nursery.start(self.run)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Stop: with an exception at once, otherwise when what is in flight has been answered."""
        self.stop()
        return bool(await self._running.__aexit__(kind, error, traceback))

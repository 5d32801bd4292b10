"""What is awaited, looked at whenever something has changed that may have brought it; in the broker's loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import trio

if TYPE_CHECKING:
    from kafkalite.testing.in_process.portal import Portal

T = TypeVar("T")


class Waits:
    """Futures, and how to see what each of them waits for."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._looks: dict[Future[Any], Callable[[], None]] = {}

    def until(self, seen: Callable[[], T | None]) -> Future[T]:
        """Give a future that is done as soon as ``seen`` gives something."""
        future: Future[T] = Future()

        def look() -> None:
            found = seen()
            if found is not None and not future.done():
                self._looks.pop(future, None)
                future.set_result(found)

        self._portal.owe(future)
        self._looks[future] = look
        look()
        return future

    def forget(self, future: Future[Any]) -> None:
        """Look for it no longer: whoever waited has given up."""
        self._looks.pop(future, None)
        future.cancel()

    async def hold(self, is_so: Callable[[], bool], patience: float) -> None:
        """Wait until something is so, or the patience, in seconds of the machine's clock, has run out."""
        so = trio.Event()
        future = self.until(lambda: is_so() or None)
        future.add_done_callback(lambda _: so.set())
        try:
            with trio.move_on_after(patience):
                await so.wait()
        finally:
            self.forget(future)

    def check(self) -> None:
        """Look whether anything that is awaited has come."""
        for look in tuple(self._looks.values()):
            look()

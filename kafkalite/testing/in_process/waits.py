"""What is awaited, looked at whenever something has changed that may have brought it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from kafkalite.testing.model.wait import Wait

if TYPE_CHECKING:
    from kafkalite.testing.in_process.portal import Portal

T = TypeVar("T")
Change = TypeVar("Change")


class Waits(Generic[Change]):
    """What is awaited of one thing in the broker, which says what has changed in it. To be used in the broker's loop.

    Each wait has a function that sees what it waits for, or gives None. It is shown what has changed, or None where
    that is not told and it has to look at all there is, as it must in the beginning.
    """

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._seen: dict[Future[Any], Callable[[Change | None], object]] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is awaited."""
        return bool(self._seen)

    def wait(self, seen: Callable[[Change | None], T | None], missing: Callable[[], str]) -> Wait[T]:
        """Wait for what ``seen`` sees; ``missing`` says in words what there is instead. For all other threads."""

        def give_up() -> str:
            self._forget(future)
            return missing()

        future = self._portal.call(lambda: self._until(seen))
        return Wait(
            future, lambda: self._portal.call(give_up), lambda: self._portal.begin(lambda: self._forget(future))
        )

    async def hold(self, is_so: Callable[[], bool], patience: float) -> None:
        """Wait until something is so, or the patience, in seconds of the machine's clock, has run out."""
        so = trio.Event()
        future = self._until(lambda _: is_so() or None)
        future.add_done_callback(lambda _: so.set())
        try:
            with trio.move_on_after(patience):
                await so.wait()
        finally:
            self._forget(future)

    def check(self, change: Change | None = None) -> None:
        """Look whether anything that is awaited has come."""
        for future, seen in tuple(self._seen.items()):
            found = seen(change)
            if found is not None:
                self._seen.pop(future, None)
                if not future.done():
                    future.set_result(found)

    def _until(self, seen: Callable[[Change | None], T | None]) -> Future[T]:
        future: Future[T] = Future()
        found = seen(None)
        if found is None:
            self._portal.owe(future)
            self._seen[future] = seen
        else:
            future.set_result(found)
        return future

    def _forget(self, future: Future[Any]) -> None:
        self._seen.pop(future, None)
        future.cancel()

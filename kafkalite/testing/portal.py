"""Calls from other threads into a broker's event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from kafkalite.controls.definition import Call
from kafkalite.controls.errors import BrokerFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class BlockingPortal:
    """Calls into an event loop; once that has ended, every call raises BrokerFailed.

    To be made in the loop; ``nursery`` runs coroutines. Calls from the loop itself raise RuntimeError.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._pending: set[Future[Any]] = set()
        self._failure: BaseException | None = None
        self._is_closed = False

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the loop, and return its result."""
        return self.submit(function).result()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Run a function in the loop."""
        future: Future[T] = Future()

        def run() -> None:
            if future.done():  # it has failed already, because the portal was closed
                return
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)

        self._enter(future, run)
        return future

    def start(self, function: Callable[[], Awaitable[T]]) -> Call[T]:
        """Start an async function in the loop, which can be cancelled."""
        future: Future[T] = Future()
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                try:
                    result = await function()
                except Exception as error:  # noqa: BLE001 - raised where the result is asked for
                    if not future.done():
                        future.set_exception(error)
                else:
                    if not future.done():
                        future.set_result(result)
            if not future.done():
                future.cancel()

        def cancel() -> None:
            with suppress(BrokerFailed):
                self.submit(scope.cancel)

        self._enter(future, lambda: self._nursery.start_soon(run))
        return Call(future, cancel)

    def close(self, failure: BaseException | None = None) -> None:
        """Accept no more calls, and fail those that have not returned."""
        self._is_closed, self._failure = True, failure
        for future in tuple(self._pending):
            if not future.done():
                future.set_exception(self._closed())

    def _enter(self, future: Future[T], run: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread and not self._is_closed:
            raise RuntimeError("the broker's own thread cannot wait for itself: call the handle from another thread")
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        if self._is_closed:
            self._pending.discard(future)
            raise self._closed() from self._failure
        try:
            self._token.run_sync_soon(run)
        except trio.RunFinishedError:
            raise self._closed() from self._failure

    def _closed(self) -> BrokerFailed:
        if self._failure is None:
            return BrokerFailed("the broker has been stopped")
        error = BrokerFailed(f"the broker failed: {self._failure!r}")
        error.__cause__ = self._failure
        return error

"""Calls from other threads into the broker's event loop, and waits for what comes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from kafkalite.testing.model.errors import BrokerFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class Portal:
    """The way into an event loop; once that has ended, every call raises BrokerFailed.

    To be made in the loop; ``nursery`` runs what takes its time. Calls from the loop itself raise RuntimeError.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._owed: set[Future[Any]] = set()
        self._failure: BaseException | None = None
        self._is_closed = False

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the loop, between its turns, and give back what it returns or raises."""
        return self.submit(function).result()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Have a function run in the loop."""
        future: Future[T] = Future()

        def run() -> None:
            if future.done():  # it has failed already, because the way was closed meanwhile
                return
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001  # the future raises it
                future.set_exception(error)

        self._enter(future, run)
        return future

    def begin(self, function: Callable[[], object]) -> None:
        """Have a function run in the loop, without hearing of it; nothing happens if that has ended."""
        with suppress(BrokerFailed):
            self.submit(function)

    def call_async(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function in the loop, and give back what it returns or raises."""
        future: Future[T] = Future()

        async def run() -> None:
            try:
                result = await function()
            except Exception as error:  # noqa: BLE001  # the future raises it
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self._enter(future, lambda: self._nursery.start_soon(run))
        return future.result()

    def owe(self, future: Future[T]) -> None:
        """Have a future fail, should the loop end before it is done; for use in the loop."""
        self._owed.add(future)
        future.add_done_callback(self._owed.discard)

    def close(self, failure: BaseException | None = None) -> None:
        """Let nobody in any more, and fail what is owed."""
        self._is_closed, self._failure = True, failure
        for future in tuple(self._owed):
            if not future.done():
                future.set_exception(self._closed())

    def _enter(self, future: Future[T], run: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread and not self._is_closed:
            raise RuntimeError("the broker's own thread cannot wait for itself: call the handle from another thread")
        self.owe(future)
        if self._is_closed:
            self._owed.discard(future)
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

"""A broker on a thread of its own, with its own event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import trio

from kafkalite.testing.in_process.portal import Portal
from kafkalite.testing.model.errors import BrokerFailed

if TYPE_CHECKING:
    from kafkalite.broker import Broker

T = TypeVar("T")

_STOPPING: Final = 30.0


@contextmanager
def on_a_thread(broker: Broker, make: Callable[[Portal], T]) -> Generator[T]:
    """Run a broker until the block ends, and give what is made in its loop as soon as clients can connect.

    Raises StartError, and at the end BrokerFailed if the broker did not live so long or failed in a request.
    """
    thread = BrokerThread(broker, make)
    try:
        yield thread.made
    except BaseException as error:
        try:
            thread.stop()
        except BrokerFailed as failure:
            # The test has failed already, and mostly because of this.
            error.add_note(f"{failure}, because of {failure.__cause__!r}")
        raise
    thread.stop()


class BrokerThread(Generic[T]):
    """A thread that runs a broker, from the moment that clients can connect. Raises StartError."""

    def __init__(self, broker: Broker, make: Callable[[Portal], T]) -> None:
        self._broker = broker
        self._make = make
        self._broker.open()
        self._failures: list[BaseException] = []
        started: Future[tuple[T, Portal]] = Future()
        # A daemon, because a test that hangs shall not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, args=(started,), name="kafkalite", daemon=True)
        self._thread.start()
        self.made, self._portal = started.result()

    def stop(self) -> None:
        """Stop the broker and wait for it. Raises BrokerFailed if it, or a request in it, had failed before."""
        if self._thread.is_alive():
            with suppress(BrokerFailed):  # it ended by itself, and below it is told why
                self._portal.call(self._broker.stop)
        self._thread.join(_STOPPING)
        if self._thread.is_alive():
            raise BrokerFailed(f"the broker did not stop within {_STOPPING:.0f} s")
        if self._failures:
            raise BrokerFailed(f"the broker failed: {self._failures[0]!r}") from self._failures[0]

    def _run(self, started: Future[tuple[T, Portal]]) -> None:
        try:
            trio.run(self._serve, started)
        except BaseException as error:  # noqa: BLE001  # raised in the thread that started this one
            self._failures.insert(0, _single(error))
        if not started.done():
            started.set_exception(self._failures[0])

    async def _serve(self, started: Future[tuple[T, Portal]]) -> None:
        portal: Portal | None = None
        try:
            async with trio.open_nursery() as calls:
                async with trio.open_nursery() as serving:
                    await serving.start(self._broker.run)
                    portal = Portal(calls)
                    made = self._make(portal)
                    self._broker.crash_guard.on_crash = self._failures.append
                    started.set_result((made, portal))
                calls.cancel_scope.cancel()
        except BaseException as error:
            if portal is not None:
                portal.close(_single(error))
            raise
        else:
            portal.close()


def _single(error: BaseException) -> BaseException:
    """Take what failed out of the groups of one that nurseries put around it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return _single(group.exceptions[0]) if len(group.exceptions) == 1 else group

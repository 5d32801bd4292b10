"""Something that was asked for and comes later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from kafkalite.testing.model.errors import NotInTime

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds, on the test's clock, that are waited for anything by default."""


class Asker:
    """Somebody for whom another thread waits, and who may go away meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: Future[Any] | None = None
        self._has_gone = False

    def waits_for(self, future: Future[Any]) -> None:
        """Wait for one thing after the other. Raises CancelledError if that would be for nobody any more."""
        with self._lock:
            if self._has_gone and not future.done():
                raise CancelledError
            self._awaited = future

    def go(self) -> None:
        """Have no more done; to be called in the broker's loop, where what is awaited comes."""
        with self._lock:
            self._has_gone = True
            awaited = self._awaited
        if awaited is not None:
            awaited.cancel()


ASKER: Final[ContextVar[Asker | None]] = ContextVar("ASKER", default=None)
"""For whom this thread waits, if that can change its mind."""


@dataclass(frozen=True, slots=True)
class Wait(Generic[T]):
    """What comes later; whoever does not want it any more gives up, and hears why it has not come.

    Whoever cannot wait for that, because it was cancelled itself, abandons it.
    """

    future: Future[T]
    give_up: Callable[[], str]
    abandon: Callable[[], None]

    def result(self, timeout: float) -> T:
        """Block until it has come. Raises NotInTime, which tells what there is instead."""
        asker = ASKER.get()
        try:
            if asker is not None:
                asker.waits_for(self.future)
            return self.future.result(timeout)
        except (TimeoutError, CancelledError):
            pass
        raise self.not_in_time(timeout)

    def not_in_time(self, timeout: float) -> NotInTime:
        """Give up after so many seconds; gives the error that says so."""
        return NotInTime(f"after {timeout:g} s: {self.give_up()}")

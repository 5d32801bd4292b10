"""Something that was asked for and comes later."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from kafkalite.testing.model.errors import NotInTime

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds, on the test's clock, that are waited for anything by default."""


@dataclass(frozen=True, slots=True)
class Wait(Generic[T]):
    """What comes later; whoever does not want it any more gives up, and hears why it has not come."""

    future: Future[T]
    give_up: Callable[[], str]

    def result(self, timeout: float) -> T:
        """Block until it has come. Raises NotInTime, which tells what there is instead."""
        try:
            return self.future.result(timeout)
        except (TimeoutError, CancelledError):
            pass
        raise self.not_in_time(timeout)

    def not_in_time(self, timeout: float) -> NotInTime:
        """Give up after so many seconds; gives the error that says so."""
        return NotInTime(f"after {timeout:g} s: {self.give_up()}")

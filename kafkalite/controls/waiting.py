"""Waits in the broker's loop, which end with the very event that they wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import trio

from kafkalite.controls.errors import WaitTimeout

T = TypeVar("T")
Change = TypeVar("Change")

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds, of the machine's clock."""


async def within(timeout: float, wait: Awaitable[T], missing: Callable[[], str]) -> T:
    """Return what a wait returns. Raises WaitTimeout, with a description of what is missing."""
    with trio.move_on_after(max(0, timeout)):
        return await wait
    raise WaitTimeout(f"after {timeout:g} s: {missing()}")


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Change]):
    look: Callable[[Change | None], Any]
    has_come: trio.Event = field(default_factory=trio.Event)
    found: Any = None
    error: Exception | None = None

    def check(self, change: Change | None) -> None:
        if self.has_come.is_set():
            return
        try:
            self.found = self.look(change)
        except Exception as error:  # noqa: BLE001 - raised where it is awaited, not to the task that made the change
            self.error = error
        if self.found is not None or self.error is not None:
            self.has_come.set()


class Waiters(Generic[Change]):
    """Tasks that wait for something; each change of it is shown to all of them at once, so that none is missed."""

    def __init__(self) -> None:
        self._waiters: dict[_Waiter[Change], None] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    async def until(self, look: Callable[[Change | None], T | None]) -> T:
        """Wait until ``look`` returns something, and return that.

        It is called with each change, and with None where it has to look at everything, as at the beginning.
        """
        waiter: _Waiter[Change] = _Waiter(look)
        waiter.check(None)
        self._waiters[waiter] = None
        try:
            await waiter.has_come.wait()
        finally:
            del self._waiters[waiter]
        if waiter.error is not None:
            raise waiter.error
        found: T = waiter.found
        return found

    def check(self, change: Change | None = None) -> None:
        """Show a change to all that wait."""
        for waiter in tuple(self._waiters):
            waiter.check(change)

"""The broker's clock: the only place that reads the time.

There are two: the machine's, and one that can be frozen and advanced. Each has two times, monotonic seconds (sessions,
waits) and milliseconds since 1970 (records, retention), which are frozen and advanced together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

import trio


class Clock(Protocol):
    """What the broker needs of a clock. Only to be used in the broker's event loop."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        ...

    def loop_time(self, when: float) -> float:
        """Return the event loop's time at ``when`` (of :meth:`now`); infinite while the clock is frozen."""
        ...

    def on_changed(self, call: Callable[[], None]) -> None:
        """Call ``call`` whenever the clock is frozen, advanced or resumed: :meth:`loop_time` changes then."""
        ...


class MachineClock:
    """The machine's clock; in tests with trio's mock clock, that one's monotonic seconds."""

    # Not methods: every request reads the clock, and a call that only delegates costs time.
    now = staticmethod(trio.current_time)

    @staticmethod
    def wall_ms() -> int:
        """Return milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    @staticmethod
    def loop_time(when: float) -> float:
        """Return ``when``: this clock is the event loop's."""
        return when

    def on_changed(self, call: Callable[[], None]) -> None:
        """Ignore the call: this clock cannot be changed."""


MACHINE_CLOCK: Final = MachineClock()


class SteerableClock:
    """A clock that follows another one until it is frozen or advanced.

    Only to be changed in the broker's event loop, like everything else of the broker.
    """

    def __init__(self, underlying: Clock = MACHINE_CLOCK) -> None:
        self._underlying = underlying
        # Both in seconds: rounding to milliseconds in each of many small steps would let them drift apart.
        self._ahead = 0.0
        self._ahead_of_wall = 0.0
        self._frozen: tuple[float, float] | None = None
        self._calls: list[Callable[[], None]] = []

    @property
    def is_frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._frozen is not None

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._underlying.now() + self._ahead if self._frozen is None else self._frozen[0]

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        if self._frozen is None:
            return self._underlying.wall_ms() + round(self._ahead_of_wall * 1000)
        return round(self._frozen[1] * 1000)

    def loop_time(self, when: float) -> float:
        """Return the event loop's time at ``when``; while frozen, infinite, or minus infinity if it has passed."""
        if self._frozen is None:
            return self._underlying.loop_time(when - self._ahead)
        return inf if when > self._frozen[0] else -inf

    def on_changed(self, call: Callable[[], None]) -> None:
        """Call ``call`` whenever the clock is frozen, advanced or resumed."""
        self._calls.append(call)

    def freeze(self) -> None:
        """Freeze the clock; does nothing if it is frozen."""
        if self._frozen is None:
            self._frozen = (self.now(), self.wall_ms() / 1000)
            self._changed()

    def advance(self, seconds: float) -> None:
        """Advance both times. Raises ValueError for negative seconds: monotonic time cannot go back."""
        if not 0 <= seconds < inf:
            raise ValueError(f"time cannot be advanced by {seconds} s")
        if self._frozen is None:
            self._ahead += seconds
            self._ahead_of_wall += seconds
        else:
            now, wall = self._frozen
            self._frozen = (now + seconds, wall + seconds)
        self._changed()

    def resume(self) -> None:
        """Resume from the frozen time; does nothing if the clock runs."""
        if self._frozen is not None:
            now, wall = self._frozen
            self._ahead = now - self._underlying.now()
            self._ahead_of_wall = wall - self._underlying.wall_ms() / 1000
            self._frozen = None
            self._changed()

    def return_to_date(self) -> None:
        """Resume, at the underlying clock's date; monotonic seconds cannot go back and continue from here."""
        self.resume()
        self._ahead_of_wall = 0.0

    def _changed(self) -> None:
        for call in self._calls:
            call()

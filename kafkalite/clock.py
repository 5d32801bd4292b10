"""The broker's clock: the only place where time comes in.

There are two: the machine's, and one that can be frozen and advanced. Both tell two times, monotonic seconds (sessions,
waits) and milliseconds since 1970 (records, retention), and steering moves both together, so that nothing in the broker
can tell that time has been played with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

import trio


class Clock(Protocol):
    """What the broker asks of a clock; to be asked in the broker's event loop only."""

    def now(self) -> float:
        """Tell monotonic seconds."""
        ...

    def wall_ms(self) -> int:
        """Tell milliseconds since 1970."""
        ...

    def loop_time(self, when: float) -> float:
        """Tell at which time of the event loop it will be ``when`` (of :meth:`now`); infinite if time stands still."""
        ...

    def on_steered(self, call: Callable[[], None]) -> None:
        """Have ``call`` called whenever the clock was steered, so that what :meth:`loop_time` told is no longer so."""
        ...


class MachineClock:
    """The machine's clock; in tests with trio's mock clock, that one's monotonic seconds."""

    # Names of functions and not methods: every request asks, and shall not pay for a call that only passes on.
    now = staticmethod(trio.current_time)

    @staticmethod
    def wall_ms() -> int:
        """Tell milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    @staticmethod
    def loop_time(when: float) -> float:
        """Tell the same time: this clock runs as the event loop's does."""
        return when

    def on_steered(self, call: Callable[[], None]) -> None:
        """Forget the call: nobody steers this clock."""


MACHINE_CLOCK: Final = MachineClock()


class SteerableClock:
    """A clock that runs with another one until it is frozen, advanced or resumed.

    Steering must happen in the broker's event loop, like everything else that changes the broker.
    """

    def __init__(self, underlying: Clock = MACHINE_CLOCK) -> None:
        self._underlying = underlying
        # Seconds for both times, and milliseconds are only told: many small steps must not drift them apart.
        self._ahead = 0.0
        self._ahead_of_wall = 0.0
        self._frozen: tuple[float, float] | None = None
        self._calls: list[Callable[[], None]] = []

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still until it is advanced or resumed."""
        return self._frozen is not None

    def now(self) -> float:
        """Tell monotonic seconds."""
        return self._underlying.now() + self._ahead if self._frozen is None else self._frozen[0]

    def wall_ms(self) -> int:
        """Tell milliseconds since 1970."""
        if self._frozen is None:
            return self._underlying.wall_ms() + round(self._ahead_of_wall * 1000)
        return round(self._frozen[1] * 1000)

    def loop_time(self, when: float) -> float:
        """Tell at which time of the event loop it will be ``when``; if frozen, never, or now if it has been."""
        if self._frozen is None:
            return self._underlying.loop_time(when - self._ahead)
        return inf if when > self._frozen[0] else -inf

    def on_steered(self, call: Callable[[], None]) -> None:
        """Have ``call`` called whenever the clock was steered."""
        self._calls.append(call)

    def freeze(self) -> None:
        """Let time stand still; nothing happens if it does already."""
        if self._frozen is None:
            self._frozen = (self.now(), self.wall_ms() / 1000)
            self._steered()

    def advance(self, seconds: float) -> None:
        """Move both times forward at once. Raises ValueError for a way back: monotonic time has none."""
        if not 0 <= seconds < inf:
            raise ValueError(f"time cannot be advanced by {seconds} s")
        if self._frozen is None:
            self._ahead += seconds
            self._ahead_of_wall += seconds
        else:
            now, wall = self._frozen
            self._frozen = (now + seconds, wall + seconds)
        self._steered()

    def resume(self) -> None:
        """Let time run on from where it stands; nothing happens if it runs already."""
        if self._frozen is not None:
            now, wall = self._frozen
            self._ahead = now - self._underlying.now()
            self._ahead_of_wall = wall - self._underlying.wall_ms() / 1000
            self._frozen = None
            self._steered()

    def return_to_date(self) -> None:
        """Tell the underlying clock's date again, and run; monotonic seconds have no way back and go on from here."""
        self.resume()
        self._ahead_of_wall = 0.0

    def _steered(self) -> None:
        for call in self._calls:
            call()

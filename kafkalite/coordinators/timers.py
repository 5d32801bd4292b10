"""TimerQueue that mostly move and seldom pass: one heap, at most one live entry per timer.

A heartbeat only writes the new time into its timer. The heap's entry stays where it is and follows when it comes
to the top, so thousands of members cost a heap operation once per session timeout, not once per heartbeat.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from kafkalite.coordinators.results import ResultBuilder

_SWEEP_ABOVE: Final = 256


class Action(Protocol):
    """What a timer does when its time has come."""

    def __call__(self, result: ResultBuilder, /) -> None:
        """Change the groups, and say in the result what comes of it."""
        ...


class Timer:
    """A time at which something is due; not set until it is moved there."""

    __slots__ = ("_queued", "_timers", "action", "when")

    def __init__(self, timers: Timers, action: Action) -> None:
        self._timers = timers
        self._queued: float | None = None
        self.action = action
        self.when: float | None = None

    def move(self, when: float) -> None:
        """Set the time, whether or not one was set before."""
        self.when = when
        if self._queued is None or when < self._queued:
            self._queued = when
            self._timers.push(when, self)

    def cancel(self) -> None:
        """Unset the time."""
        if self.when is not None:
            self.when = None
            self._timers.unset()

    def surface(self, queued: float) -> bool:
        """Return whether this is due at the time of the entry that just left the heap; queue it again if later."""
        if queued != self._queued:
            return False  # A timer that was moved to an earlier time left an entry behind.
        self._queued = None
        if self.when is None:
            return False
        if self.when == queued:
            return True
        self.move(self.when)
        return False


class Timers:
    """The timers of all groups."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._unset = 0

    def timer(self, action: Action) -> Timer:
        """Make a timer that is not set."""
        return Timer(self, action)

    def push(self, when: float, timer: Timer) -> None:
        """Queue a timer; for timers only."""
        heapq.heappush(self._heap, (when, next(self._order), timer))

    def unset(self) -> None:
        """Count a timer that was unset; when most of the heap is such, rebuild it."""
        self._unset += 1
        if self._unset > _SWEEP_ABOVE and self._unset * 2 > len(self._heap):
            self._unset = 0
            entries, self._heap = self._heap, []
            for queued, _, timer in entries:
                if timer.surface(queued):
                    timer.move(queued)

    def next_deadline(self) -> float | None:
        """Return when the first timer is due, None if none is set."""
        while self._heap:
            queued, _, timer = self._heap[0]
            if timer.when == queued:
                return queued
            heapq.heappop(self._heap)
            if timer.surface(queued):
                timer.move(queued)
        return None

    def pop_due(self, now: float) -> Timer | None:
        """Take the first timer that is due, in the order of time; it is unset afterwards."""
        while self._heap and self._heap[0][0] <= now:
            queued, _, timer = heapq.heappop(self._heap)
            if timer.surface(queued):
                timer.when = None
                return timer
        return None

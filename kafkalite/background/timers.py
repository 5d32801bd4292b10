"""Things that must happen at a time: one heap, one task, no timer per request."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.clock import MACHINE_CLOCK
from kafkalite.requests.crash_guard import CrashGuard

if TYPE_CHECKING:
    from kafkalite.clock import Clock

_SWEEP_ABOVE: Final = 1024


def _end_nothing(_: str) -> None:
    pass


class Timer:
    """A call that is due at a time unless it is cancelled first."""

    __slots__ = ("_deadlines", "callback", "fail", "is_recurring", "when")

    def __init__(
        self,
        deadlines: TimerQueue,
        when: float,
        callback: Callable[[], None],
        fail: Callable[[str], None],
        *,
        is_recurring: bool = False,
    ) -> None:
        self._deadlines = deadlines
        self.fail = fail
        self.is_recurring = is_recurring
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget the call; nothing happens if it was made or cancelled before."""
        if self.callback is not None:
            self.callback = None
            self._deadlines.cancelled()


class TimerQueue:
    """Calls in the order in which they are due, on the broker's clock: whoever steers it moves them all."""

    def __init__(self, clock: Clock = MACHINE_CLOCK, crash_guard: CrashGuard | None = None) -> None:
        self.clock = clock
        self.crash_guard = CrashGuard() if crash_guard is None else crash_guard
        """Handles exceptions of calls that were due."""
        self.now: Callable[[], float] = clock.now
        """Tells the time that deadlines are measured in: monotonic seconds."""
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._cancelled = 0
        self._sleeping_until = inf
        self._earlier = trio.Event()
        clock.on_steered(self._steered)

    def call_at(self, when: float, callback: Callable[[], None], fail: Callable[[str], None] = _end_nothing) -> Timer:
        """Arrange for ``callback`` to be called, in the deadlines' task, once ``when`` has come.

        Should it fail, that is logged, and ``fail`` is given a reason to end what the call belongs to.
        """
        return self._arrange(Timer(self, when, callback, fail))

    def _arrange(self, deadline: Timer) -> Timer:
        when = deadline.when
        heapq.heappush(self._heap, (when, next(self._order), deadline))
        if when < self._sleeping_until:
            self._earlier.set()
        return deadline

    def cancelled(self) -> None:
        """Count a cancelled deadline; when most of the heap is such, rebuild it."""
        self._cancelled += 1
        if self._cancelled > _SWEEP_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next_due(self) -> float:
        """Tell when the first call is due, infinite if there is none; the ends of sleeps are not counted."""
        due = (when for when, _, each in self._heap if each.callback is not None and not each.is_recurring)
        return min(due, default=inf)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the broker's clock, as whatever the broker does every so often shall: that time can be advanced.

        Where time jumps, what is done every so often is done once, as after a machine's sleep.
        """
        woken = trio.Event()
        deadline = self._arrange(Timer(self, self.now() + seconds, woken.set, _end_nothing, is_recurring=True))
        try:
            await woken.wait()
        finally:
            deadline.cancel()

    def call_due(self, now: float) -> None:
        """Make all calls that are due."""
        while self._heap and self._heap[0][0] <= now:
            deadline = heapq.heappop(self._heap)[2]
            callback, deadline.callback = deadline.callback, None
            if callback is None:
                self._cancelled = max(0, self._cancelled - 1)
            else:
                self.crash_guard.guard("what was due", callback, deadline.fail)

    async def run(self) -> None:
        """Make calls as they come due, until cancelled."""
        while True:
            if self._heap and self._heap[0][0] <= self.now():
                # The process may have stood still: whose bytes came meanwhile is heard first, and is not late.
                await trio.lowlevel.checkpoint()
            self.call_due(self.now())
            self._earlier = trio.Event()
            self._sleeping_until = self._heap[0][0] if self._heap else inf
            with trio.move_on_at(self.clock.loop_time(self._sleeping_until)):
                await self._earlier.wait()
            self._sleeping_until = -inf

    def _steered(self) -> None:
        self._earlier.set()

"""The timer queue: calls that are due at a time, in one heap and one task; and requests that wait."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

import trio

from kafkalite.clock import MACHINE_CLOCK
from kafkalite.requests.crash_guard import CrashGuard

if TYPE_CHECKING:
    from kafkalite.clock import Clock

_SWEEP_ABOVE: Final = 1024


def _end_nothing(_: str) -> None:
    pass


def _nothing() -> None:
    pass


class Timer:
    """A call that is made at a time unless it is cancelled first."""

    __slots__ = ("_timers", "callback", "fail", "is_recurring", "when")

    def __init__(
        self,
        timers: TimerQueue,
        when: float,
        callback: Callable[[], None],
        fail: Callable[[str], None],
        *,
        is_recurring: bool = False,
    ) -> None:
        self._timers = timers
        self.fail = fail
        self.is_recurring = is_recurring
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not make the call; does nothing if it was made or cancelled before."""
        if self.callback is not None:
            self.callback = None
            self._timers.cancelled()


class WaitingResponse(Protocol):
    """What a delayed operation needs of the response handle of its request."""

    def on_disconnect(self, call: Callable[[], None]) -> None:
        """Call ``call`` if the client disconnects before the response is settled."""
        ...

    def fail(self, reason: str) -> None:
        """Close the connection in place of a response, and log why."""
        ...


class DelayedOperation:
    """A request that waits for an event: it completes once, with the event or when its time is over.

    It ends without completing when its client disconnects. ``on_end`` is called in all cases, before ``complete``.
    """

    __slots__ = ("_complete", "_has_ended", "_on_end", "_response", "_timer")

    def __init__(
        self,
        timers: TimerQueue,
        seconds: float,
        response: WaitingResponse,
        complete: Callable[[], None],
        *,
        on_end: Callable[[], None],
    ) -> None:
        self._response = response
        self._complete = complete
        self._on_end = on_end
        self._has_ended = False
        self._timer = timers.call_at(timers.now() + seconds, self.complete, self.fail)
        response.on_disconnect(self._end)

    def complete(self) -> None:
        """Complete the operation now, unless it has ended."""
        if not self._has_ended:
            complete = self._complete
            self._end()
            complete()

    def fail(self, reason: str) -> None:
        """End the operation, and close the connection of its client."""
        self._end()
        self._response.fail(reason)

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._timer.cancel()
            self._on_end()
            # What these refer to refers to this operation: without the cycle it is freed now, with all that was read.
            self._on_end = self._complete = _nothing


class TimerQueue:
    """Calls in the order in which they are due by the broker's clock; advancing that clock advances them all."""

    def __init__(self, clock: Clock = MACHINE_CLOCK, crash_guard: CrashGuard | None = None) -> None:
        self.clock = clock
        self.crash_guard = CrashGuard() if crash_guard is None else crash_guard
        """Handles exceptions of calls that were due."""
        self.now: Callable[[], float] = clock.now
        """Returns the broker's time: monotonic seconds."""
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._cancelled = 0
        self._sleeping_until = inf
        self._earlier = trio.Event()
        clock.on_changed(self._changed)

    def call_at(self, when: float, callback: Callable[[], None], fail: Callable[[str], None] = _end_nothing) -> Timer:
        """Call ``callback`` at ``when``, in the task of :meth:`run`.

        An exception is logged, and ``fail`` is called with the reason, to end what the call belongs to.
        """
        return self._arrange(Timer(self, when, callback, fail))

    def _arrange(self, timer: Timer) -> Timer:
        when = timer.when
        heapq.heappush(self._heap, (when, next(self._order), timer))
        if when < self._sleeping_until:
            self._earlier.set()
        return timer

    def cancelled(self) -> None:
        """Count a cancelled timer; rebuild the heap when most of it is cancelled."""
        self._cancelled += 1
        if self._cancelled > _SWEEP_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next_due(self) -> float:
        """Return when the first call is due, infinite if there is none; the ends of sleeps do not count."""
        due = (when for when, _, each in self._heap if each.callback is not None and not each.is_recurring)
        return min(due, default=inf)

    async def sleep(self, seconds: float) -> None:
        """Sleep by the broker's clock, for periodic work.

        After a jump of the clock a periodic task runs once, not once for each missed period.
        """
        woken = trio.Event()
        timer = self._arrange(Timer(self, self.now() + seconds, woken.set, _end_nothing, is_recurring=True))
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def call_due(self, now: float) -> None:
        """Make all calls that are due by ``now``."""
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled = max(0, self._cancelled - 1)
            else:
                self.crash_guard.guard("what was due", callback, timer.fail)

    async def run(self) -> None:
        """Make calls when they are due, until cancelled."""
        while True:
            if self._heap and self._heap[0][0] <= self.now():
                # The process may have been paused: read pending sockets before expiring anything.
                await trio.lowlevel.checkpoint()
            self.call_due(self.now())
            self._earlier = trio.Event()
            self._sleeping_until = self._heap[0][0] if self._heap else inf
            with trio.move_on_at(self.clock.loop_time(self._sleeping_until)):
                await self._earlier.wait()
            self._sleeping_until = -inf

    def _changed(self) -> None:
        self._earlier.set()

"""Requests whose work is cut into steps, between which other requests have their turn.

A handler that may have much to do is a generator: it yields after every few milliseconds of work and returns its
response. The first step runs at once, so that a small request costs no more than others. While a handler has not
finished, its connection starts no other request, so that the requests of a client keep their order. Large messages are
decoded and encoded in steps as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.errors import RequestError

if TYPE_CHECKING:
    from kafkalite.requests.crash_guard import CrashGuard

Response = TypeVar("Response")
Result = TypeVar("Result")

_UNITS_PER_STEP: Final = 250
_FINISHED: Final = object()

Steps = Generator[None, None, Response]
"""What a stepwise handler is annotated to return: it yields None, and returns its response at the end."""


def finish(steps: Generator[None, None, Result]) -> Result:
    """Run all steps at once, and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            result: Result = finished.value
            return result


class WorkMeter:
    """Counts work in units of about 10 microseconds, and tells when a step has had its share of the event loop."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0.0

    def add(self, units: float = 1) -> bool:
        """Count work that is about to be done. Return whether to yield before."""
        self._units += units
        if self._units <= _UNITS_PER_STEP:
            return False
        self._units = units
        return True


class StepQueue:
    """The work that is not finished; all of it takes turns, one step each.

    It is driven from outside: ``on_work`` is called when there is something to do again, and then :meth:`run_step` is
    to be called once in each turn of the event loop for as long as it returns True.
    """

    def __init__(self, crash_guard: CrashGuard) -> None:
        self._crash_guard = crash_guard
        self._waiting: deque[_Work] = deque()
        self.on_work: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def start(self, what: object, steps: Steps[None], fail: Callable[[str], None]) -> None:
        """Run the first step now, which may raise, and the others later (:meth:`add`)."""
        if next(steps, _FINISHED) is not _FINISHED:
            self.add(what, steps, fail)

    def add(self, what: object, steps: Steps[None], fail: Callable[[str], None]) -> None:
        """Run steps later. If one raises, ``fail`` is called with the reason; ``what`` names the work in the log."""
        self._waiting.append(_Work(what, steps, fail))
        if len(self._waiting) == 1 and self.on_work is not None:
            self.on_work()

    def run_step(self) -> bool:
        """Run one step of the work whose turn it is. Return whether there is more to do."""
        if self._waiting:
            work = self._waiting.popleft()
            if not self._has_finished(work):
                self._waiting.append(work)
        return bool(self._waiting)

    def abandon(self, steps: Steps[None]) -> None:
        """Run no further steps of some work; nothing happens if it is not waiting."""
        for work in self._waiting:
            if work.steps is steps:
                self._waiting.remove(work)
                self._crash_guard.guard(str(work.what), steps.close, lambda _: None)
                return

    def close(self) -> None:
        """Stop all work where it is."""
        while self._waiting:
            self.abandon(self._waiting[0].steps)

    def _has_finished(self, work: _Work) -> bool:
        try:
            return next(work.steps, _FINISHED) is _FINISHED
        except RequestError as error:
            work.fail(str(error))
        except Exception as error:  # noqa: BLE001  # a crash fails the request, not the broker
            work.fail(self._crash_guard.note(str(work.what), error))
        return True


class _Work:
    __slots__ = ("fail", "steps", "what")

    def __init__(self, what: object, steps: Steps[None], fail: Callable[[str], None]) -> None:
        self.what = what
        self.steps = steps
        self.fail = fail

"""Requests whose work is cut into steps, between which other requests have their turn.

A handler that may have much to do is a generator: it yields after every few milliseconds of work and returns its
response. The first step runs at once, so that a small request costs no more than others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafkalite.errors import RequestError

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.response_handle import ResponseHandle

Response = TypeVar("Response")

_UNITS_PER_STEP: Final = 400

Steps = Generator[None, None, Response]
"""What a stepwise handler is annotated to return: it yields None, and returns its response at the end."""


class WorkMeter:
    """Counts work in units of about 10 microseconds, and tells when a step has had its share of the event loop."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0

    def add(self, units: int = 1) -> bool:
        """Count work that is about to be done. Return whether to yield before."""
        self._units += units
        if self._units <= _UNITS_PER_STEP:
            return False
        self._units = units
        return True


class StepQueue:
    """The stepwise requests that are not finished; they take turns, one step each.

    It is driven from outside: ``on_work`` is called when there is something to do again, and then :meth:`run_step` is
    to be called once in each turn of the event loop for as long as it returns True.
    """

    def __init__(self, crash_guard: CrashGuard) -> None:
        self._crash_guard = crash_guard
        self._waiting: deque[_SteppedRequest] = deque()
        self.on_work: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, steps: Steps[Any], context: RequestContext, after_request: Callable[[], None]) -> None:
        """Run the remaining steps of a request later, and settle its response with what they return."""
        response = context.response_handle()
        request = _SteppedRequest(steps, context, response, after_request)
        self._waiting.append(request)
        response.on_disconnect(lambda: None if context.outlives_client else self._abandon(request))
        if len(self._waiting) == 1 and self.on_work is not None:
            self.on_work()

    def run_step(self) -> bool:
        """Run one step of the request whose turn it is. Return whether there is more to do."""
        if self._waiting:
            request = self._waiting.popleft()
            if not self._has_finished(request):
                self._waiting.append(request)
        return bool(self._waiting)

    def close(self) -> None:
        """Stop all requests where they are; they are not answered."""
        while self._waiting:
            self._abandon(self._waiting[0])

    def _has_finished(self, request: _SteppedRequest) -> bool:
        try:
            next(request.steps)
        except StopIteration as finished:
            answer = finished.value
            self._crash_guard.guard(str(request.context), lambda: request.finish(answer), request.response.fail)
        except RequestError as error:
            request.response.fail(str(error))
        except Exception as error:  # noqa: BLE001  # a crash fails the request, not the broker
            request.response.fail(self._crash_guard.note(str(request.context), error))
        else:
            return False
        return True

    def _abandon(self, request: _SteppedRequest) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
            self._crash_guard.guard(str(request.context), request.steps.close, lambda _: None)


class _SteppedRequest:
    __slots__ = ("after_request", "context", "response", "steps")

    def __init__(
        self,
        steps: Steps[Any],
        context: RequestContext,
        response: ResponseHandle[Any],
        after_request: Callable[[], None],
    ) -> None:
        self.steps = steps
        self.context = context
        self.response = response
        self.after_request = after_request

    def finish(self, answer: object | None) -> None:
        if answer is not None or not self.context.is_deferred:
            self.response.send(answer)
        self.after_request()

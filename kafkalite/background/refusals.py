"""Failed authentications are answered late, so that a client cannot try again quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafkalite.background.timers import DelayedOperation

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.requests.response_handle import ResponseHandle


def refuse(
    timers: TimerQueue, delay: float, response: ResponseHandle[Any], refusal: object | None, reason: str
) -> None:
    """Answer with a refusal after ``delay`` seconds and close the connection; ``refusal`` is None to close it only."""

    def send() -> None:
        response.send(refusal)
        response.fail(reason)

    DelayedOperation(timers, delay, response, send, on_end=_nothing)


def _nothing() -> None:
    pass

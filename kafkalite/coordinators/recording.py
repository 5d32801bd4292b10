"""The outcome of what a coordinator records for another part of the broker, rather than for a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kafkalite_wire.error_codes import ErrorCode


class Recording:
    """The outcome of recording a change, as a response sink: known at once, or when it is on disk."""

    def __init__(self) -> None:
        self.error = ErrorCode.NONE
        self.is_settled = False
        """Whether what was recorded is durable, or nothing was recorded."""
        self._when_settled: list[Callable[[], None]] = []

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call a function once, now or when the outcome is known."""
        if self.is_settled:
            call()
        else:
            self._when_settled.append(call)

    def send(self, error: Any, /) -> None:
        """Settle with the coordinator's reply."""
        self._settle(error)

    def fail(self, reason: str, /) -> None:
        """Settle with an error, because nothing could be recorded."""
        del reason  # the service has logged it
        self._settle(ErrorCode.COORDINATOR_NOT_AVAILABLE)

    def _settle(self, error: ErrorCode) -> None:
        self.error, self.is_settled = error, True
        calls, self._when_settled = self._when_settled, []
        for call in calls:
            call()


def when_all_settled(recordings: Iterable[Recording], call: Callable[[], None]) -> None:
    """Call a function once, now or when the outcome of all recordings is known."""
    unsettled = [recording for recording in recordings if not recording.is_settled]
    left = len(unsettled)

    def settled() -> None:
        nonlocal left
        left -= 1
        if not left:
            call()

    for recording in unsettled:
        recording.when_settled(settled)
    if not unsettled:
        call()

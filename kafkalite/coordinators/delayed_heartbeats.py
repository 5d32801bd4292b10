"""Delayed heartbeats: how the members of a group learn of a rebalance at once.

A broker cannot call a member, it can only answer. In Kafka a member learns of a rebalance from the answer to its next
heartbeat, by default up to three seconds later, and the whole group waits for the last member. Here a heartbeat that
has no news to report can be a delayed operation: its answer is kept for a while, so that there is one to send when
there is news. It is sent at once when the client pipelines another request, because responses keep their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kafkalite.background.timers import DelayedOperation

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.messages.heartbeat import HeartbeatResponse

_SHARE_OF_SESSION: Final = 6
"""A heartbeat is delayed by at most this share of the session, so that clients which pause after an answer still send
several heartbeats a session."""


class DelayedHeartbeats:
    """The delayed heartbeats of all groups."""

    def __init__(self, timers: TimerQueue, longest: float) -> None:
        self._timers = timers
        self._longest = longest
        self._groups: dict[str, dict[DelayedOperation, None]] = {}

    @property
    def are_on(self) -> bool:
        """Whether heartbeats are delayed at all."""
        return self._longest > 0

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def delay(
        self,
        group_id: str,
        session_timeout: float,
        response: ResponseHandle[HeartbeatResponse],
        answer: Callable[[], None],
    ) -> bool:
        """Delay a heartbeat, and call ``answer`` later, once. Return False if heartbeats are not delayed.

        ``answer`` is not called if the client disconnects first.
        """
        seconds = min(self._longest, session_timeout / _SHARE_OF_SESSION)
        if seconds <= 0:
            return False

        def forget() -> None:
            group = self._groups[group_id]
            del group[delayed]
            if not group:
                del self._groups[group_id]

        delayed = DelayedOperation(self._timers, seconds, response, answer, on_end=forget)
        self._groups.setdefault(group_id, {})[delayed] = None
        response.on_next_request(delayed.complete)
        return True

    def release(self, group_id: str) -> None:
        """Answer all delayed heartbeats of a group."""
        for delayed in tuple(self._groups.get(group_id, ())):
            delayed.complete()

    def release_where(self, matches: Callable[[str], bool]) -> None:
        """Answer the delayed heartbeats of all groups whose id matches."""
        for group_id in tuple(self._groups):
            if matches(group_id):
                self.release(group_id)

    def release_all(self) -> None:
        """Answer all delayed heartbeats."""
        self.release_where(lambda _: True)

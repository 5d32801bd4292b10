"""Heartbeats whose answers wait for news: how members of a group learn of a rebalance at once.

A broker cannot call a member; it can only answer. In Kafka a member learns that its group rebalances from the answer
to its next heartbeat, by default up to three seconds later, and the whole group waits for the last to hear of it. Here
the answer to a heartbeat that has nothing to tell is kept for a while, so that there is one to give when there is
something to tell. It leaves at once when the client sends its next request on that connection, since replies keep
their order and nothing must wait behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.requests.response_handle import ResponseHandle

_SHARE_OF_SESSION: Final = 6
"""A heartbeat is kept for at most this share of the session, so that clients which only pause after an answer still
beat several times a session."""


class _Held:
    __slots__ = ("deadline", "release")

    def __init__(self, release: Callable[[], None], deadline: Timer) -> None:
        self.release = release
        self.deadline = deadline


class DelayedHeartbeats:
    """All heartbeats that wait, by group."""

    def __init__(self, deadlines: TimerQueue, longest: float) -> None:
        self._deadlines = deadlines
        self._longest = longest
        self._groups: dict[str, dict[_Held, None]] = {}

    @property
    def are_on(self) -> bool:
        """Whether any heartbeat is ever kept."""
        return self._longest > 0

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def hold(
        self, group_id: str, session_timeout: float, reply: ResponseHandle[Any], answer: Callable[[], None]
    ) -> bool:
        """Keep a heartbeat and ``answer`` it later, once; False if heartbeats are not to be kept.

        ``answer`` is not called if the client goes away first.
        """
        seconds = min(self._longest, session_timeout / _SHARE_OF_SESSION)
        if seconds <= 0:
            return False

        def release() -> None:
            if self._remove(group_id, held):
                answer()

        def forget() -> None:
            self._remove(group_id, held)

        held = _Held(release, self._deadlines.call_at(self._deadlines.now() + seconds, release, reply.fail))
        self._groups.setdefault(group_id, {})[held] = None
        reply.on_next_request(release)
        reply.on_disconnect(forget)
        return True

    def release(self, group_id: str) -> None:
        """Answer all heartbeats of a group: it rebalances."""
        for held in tuple(self._groups.get(group_id, ())):
            held.release()

    def release_where(self, rebalances: Callable[[str], bool]) -> None:
        """Answer the heartbeats of all groups that rebalance."""
        for group_id in tuple(self._groups):
            if rebalances(group_id):
                self.release(group_id)

    def release_all(self) -> None:
        """Answer everything, because the broker stops."""
        self.release_where(lambda _: True)

    def _remove(self, group_id: str, held: _Held) -> bool:
        group = self._groups.get(group_id, {})
        if held not in group:
            return False
        held.deadline.cancel()
        del group[held]
        if not group:
            del self._groups[group_id]
        return True

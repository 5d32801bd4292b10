"""The broker's clock, as a test has it."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

from kafkalite.testing.model.errors import NotPossible

if TYPE_CHECKING:
    from kafkalite.testing.handles.backend import Backend


class ClockControl:
    """The broker's clock: sessions, rebalance time-outs, delayed fetches, retention and record times go by it.

    Clients have clocks of their own, and time-outs of the handle are the test's.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def now_ms(self) -> int:
        """Tell the broker's time: milliseconds since 1970."""
        return self._backend.steering.now_ms()

    def freeze(self) -> None:
        """Let the broker's time stand still until it is resumed; it can be advanced meanwhile."""
        self._backend.steering.freeze()

    def resume(self) -> None:
        """Let the broker's time run on from where it stands."""
        self._backend.steering.resume()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Let the broker's time stand still inside the block."""
        self.freeze()
        try:
            yield
        finally:
            self.resume()

    def advance(self, seconds: float, *, keep_alive: Collection[str] = ()) -> None:
        """Move the broker's time; whatever is due on the way happens in its order.

        ``keep_alive`` names members (by member, instance or client id) whose heartbeats are taken for granted.
        All others are silent for ``seconds``, so that sessions shorter than that end. Raises ValueError for a way back,
        and LookupError for a member that is in no group.
        """
        if isinstance(keep_alive, str):
            raise NotPossible(f"keep_alive takes several names: [{keep_alive!r}]")
        if not 0 <= seconds < inf:
            raise NotPossible(f"time cannot be advanced by {seconds} s")
        self._backend.steering.advance(seconds, keep_alive)

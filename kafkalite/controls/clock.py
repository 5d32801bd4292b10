"""The clock that a broker goes by: read, frozen and advanced."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from kafkalite.controls.definition import Subject, get, post
from kafkalite.controls.errors import InvalidRequest, NotFound
from kafkalite.controls.group_rules import Silence

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator

_LEAST_STEP: Final = 1e-6
_LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999, since 1970: the latest date that can be shown."""
_HEARTBEATS_PER_SESSION: Final = 3
"""How often members that are kept alive send heartbeats, as clients do by default."""
_PATIENCE: Final = 10.0
"""Seconds of the machine's clock in which a client answers: by default it sends a heartbeat every three."""


class ClockControl(Subject):
    """The broker's clock: sessions, rebalance time-outs, delayed fetches, retention and timestamps go by it.

    Clients have clocks of their own, and the time-outs of waits are of the machine's clock.
    """

    @get("/clock", result="now_ms")
    def now_ms(self) -> int:
        """Return the broker's time, in milliseconds since 1970."""
        return self._local.clock.wall_ms()

    @post("/clock/freeze", result="now_ms")
    def freeze(self) -> int:
        """Stop the broker's clock until it is resumed; it can still be advanced. Return its time."""
        self._local.clock.freeze()
        return self._local.clock.wall_ms()

    @post("/clock/resume", result="now_ms")
    def resume(self) -> int:
        """Resume the broker's clock from where it stands. Return its time."""
        self._local.clock.resume()
        return self._local.clock.wall_ms()

    @post("/clock/advance", result="now_ms")
    async def advance(self, seconds: float, *, keep_alive: Collection[str] = ()) -> int:
        """Move the broker's clock forward; what becomes due happens in order. Return its time.

        ``keep_alive`` names members (by member, instance or client id) whose sessions go on. All others are silent for
        ``seconds``, so sessions shorter than that end. Raises ValueError for a negative number and for a date beyond
        9999, and LookupError for a member that is in no group.
        """
        if isinstance(keep_alive, str):
            raise TypeError(f"'keep_alive' must be a list of strings, not {keep_alive!r}")
        if not 0 <= seconds < inf:
            raise InvalidRequest(f"the clock cannot be advanced by {seconds} s: 'seconds' must not be negative")
        if self._local.clock.wall_ms() / 1000 + seconds > _LAST_SECOND:
            raise InvalidRequest(f"the clock cannot be advanced by {seconds} s: the calendar ends with the year 9999")
        names = frozenset(keep_alive)
        self._check_members(names)
        silence = Silence(names) if names else None
        if silence is not None:
            self._local.interceptors.add(silence, first=True)
        try:
            await self._move(seconds, names)
        finally:
            if silence is not None:
                self._local.interceptors.remove(silence)
                silence.end()
        return self._local.clock.wall_ms()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Stop the broker's clock inside the block."""
        self.freeze()
        try:
            yield
        finally:
            self.resume()

    # In the broker's loop

    @property
    def _coordinator(self) -> GroupCoordinator:
        return self._local.cluster.groups.coordinator

    async def _move(self, left: float, keep_alive: frozenset[str]) -> None:
        clock, cluster, watch = self._local.clock, self._local.cluster, self._local.watch
        while left > 0:
            step = self._step(left, keep_alive)
            if not self._is_clear(keep_alive, step):
                # Real clients answer in the machine's time, which the broker's clock must not run away from.
                await watch.hold(partial(self._is_clear, keep_alive, step), _PATIENCE)
                step = self._step(left, keep_alive)
            clock.advance(step)
            left -= step
            cluster.timers.call_due(clock.now())
            cluster.after_request()
            await self._local.broker.maintenance.run_due()
        self._coordinator.steering.keep_alive(keep_alive, now=clock.now())
        await self._local.broker.maintenance.catch_up()
        cluster.after_request()
        watch.check()

    def _step(self, left: float, keep_alive: frozenset[str]) -> float:
        """Renew the sessions that are kept alive; return the seconds until something is due, at most ``left``."""
        now = self._local.clock.now()
        session = self._coordinator.steering.keep_alive(keep_alive, now=now)
        due = max(self._local.cluster.timers.next_due() - now, _LEAST_STEP)
        return min(left, due, inf if session is None else session / _HEARTBEATS_PER_SESSION)

    def _is_clear(self, keep_alive: frozenset[str], step: float) -> bool:
        """Return whether no rebalance would complete within a step without the members that are kept alive."""
        return not self._coordinator.steering.expects(keep_alive, until=self._local.clock.now() + step)

    def _check_members(self, names: frozenset[str]) -> None:
        if not names:
            return
        members = [member for group in self._coordinator.groups() for member in group.members]
        known = {name for m in members for name in (m.member_id, m.group_instance_id, m.client_id)}
        missing = ", ".join(map(repr, sorted(names - known)))
        if missing:
            clients = ", ".join(sorted({m.client_id for m in members})) or "none"
            raise NotFound(f"cannot keep {missing} alive: in no group; clients that are members: {clients}")

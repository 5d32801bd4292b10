"""Steer a broker of this process: its time, its groups, its being there. Safe to call from any other thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from kafkalite.controls.group_rules import CoordinatorAway, Fenced, Silence
from kafkalite.testing.in_process.injection import Injection
from kafkalite.testing.in_process.recorder import Recorder
from kafkalite.testing.model.batches import existing
from kafkalite.testing.model.errors import NotPossible, NotThere

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.clock import SteerableClock
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.coordinators.groups.classic.group import Group as GroupInCoordinator
    from kafkalite.coordinators.groups.classic.pinning import Pins
    from kafkalite.coordinators.groups.coordinator import GroupCoordinator
    from kafkalite.coordinators.results import CoordinatorResult
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite.testing.in_process.watching import Watch

_LEAST_STEP: Final = 1e-6
_LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999, since 1970: no date that is shown can be later."""
_SHARE_OF_SESSION: Final = 3
"""Members that are kept alive beat this many times a session, as clients do by default."""
_PATIENCE: Final = 10.0
"""Seconds of the machine's clock in which a live client answers, busy as it may be: it beats every three by default."""


class Steering:
    """The controls over one broker."""

    def __init__(
        self, broker: Broker, clock: SteerableClock, interceptors: InterceptorChain, watch: Watch, portal: Portal
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._interceptors = interceptors
        self._watch = watch
        self._portal = portal
        self._away: dict[str | None, CoordinatorAway] = {}
        self._fenced: Fenced | None = None
        self._pins: Pins | None = None
        self._cluster.groups.assignment_hook = self._overrule
        self.faults = Injection(broker, interceptors, portal)
        self.recorder = Recorder(broker, interceptors, portal)
        broker.on_restored.append(self._restored)

    @property
    def _cluster(self) -> Cluster:
        return self._broker.cluster

    def _restored(self) -> None:
        # Who was fenced is a part of what the groups are, and goes with it; all other rules stay.
        if self._fenced is not None:
            self._interceptors.remove(self._fenced)
            self._fenced = None

    # Time

    def now_ms(self) -> int:
        """Tell the broker's time: milliseconds since 1970."""
        return self._portal.call(self._clock.wall_ms)

    def freeze(self) -> None:
        """Let the broker's time stand still."""
        self._portal.call(self._clock.freeze)

    def resume(self) -> None:
        """Let the broker's time run on."""
        self._portal.call(self._clock.resume)

    def advance(self, seconds: float, keep_alive: Collection[str]) -> None:
        """Move the broker's time, through everything that is due on the way, in its order.

        Raises ValueError for a way out of the calendar, and LookupError for a member that is to be kept alive and is in
        no group.
        """
        if self.now_ms() / 1000 + seconds > _LAST_SECOND:
            raise NotPossible(f"time cannot be advanced by {seconds} s: the calendar ends with the year 9999")
        self._portal.call_async(lambda: self._advance(seconds, frozenset(keep_alive)))

    async def _advance(self, seconds: float, keep_alive: frozenset[str]) -> None:
        self._check_members(keep_alive)
        if not keep_alive:
            await self._move(seconds, keep_alive)
            return
        silence = Silence(keep_alive)
        self._interceptors.add(silence, first=True)
        try:
            await self._move(seconds, keep_alive)
        finally:
            self._interceptors.remove(silence)
            silence.end()

    async def _move(self, left: float, keep_alive: frozenset[str]) -> None:
        deadlines = self._cluster.timers
        while left > 0:
            step = self._step(left, keep_alive)
            if not self._is_clear(keep_alive, step):
                # Real clients answer in the machine's time, and the broker's must not run away from them.
                await self._watch.wait(partial(self._is_clear, keep_alive, step), _PATIENCE)
                step = self._step(left, keep_alive)
            self._clock.advance(step)
            left -= step
            deadlines.call_due(self._clock.now())
            self._cluster.after_request()
            await self._broker.maintenance.run_due()
        self._coordinator.keep_alive(keep_alive, now=self._clock.now())
        await self._broker.maintenance.catch_up()
        self._cluster.after_request()
        self._watch.check()

    @property
    def _coordinator(self) -> GroupCoordinator:
        return self._cluster.groups.coordinator

    def _step(self, left: float, keep_alive: frozenset[str]) -> float:
        """Give the way to what is due next, at most ``left``; who is kept alive begins a new session."""
        now = self._clock.now()
        session = self._coordinator.keep_alive(keep_alive, now=now)
        due = max(self._cluster.timers.next_due() - now, _LEAST_STEP)
        return min(left, due, inf if session is None else session / _SHARE_OF_SESSION)

    def _is_clear(self, keep_alive: frozenset[str], step: float) -> bool:
        """Tell whether on this way no rebalance would go on without those who are kept alive."""
        return not self._coordinator.expects(keep_alive, until=self._clock.now() + step)

    def _check_members(self, names: frozenset[str]) -> None:
        if not names:
            return
        members = [member for group in self._cluster.groups.coordinator.groups() for member in group.members]
        known = {name for m in members for name in (m.member_id, m.group_instance_id, m.client_id)}
        missing = ", ".join(map(repr, sorted(names - known)))
        if missing:
            clients = ", ".join(sorted({m.client_id for m in members})) or "none"
            raise NotThere(f"cannot keep {missing} alive: in no group; clients that are members: {clients}")

    # Groups

    def expire(self, group_id: str, member: str) -> None:
        """Let a member's session end now. Raises LookupError unless exactly one member is called so."""

        def expire(member_id: str) -> CoordinatorResult:
            return self._cluster.groups.coordinator.expire_member(group_id, member_id, now=self._clock.now())

        self._portal.call(lambda: self._steer_member(group_id, member, "expired", expire))

    def fence(self, group_id: str, member: str) -> None:
        """Take a static member's place away for good.

        Raises LookupError unless exactly one member is called so, and ValueError for a dynamic one.
        """

        def fence(member_id: str) -> CoordinatorResult:
            if self._watch.group(group_id).member(member_id).group_instance_id is None:
                raise NotPossible(
                    f"{member} has no group.instance.id, and only static members can be fenced (KIP-345): expire it, "
                    "and it is told UNKNOWN_MEMBER_ID"
                )
            groups, now = self._cluster.groups, self._clock.now()
            nobody, effects = groups.coordinator.displace_member(group_id, member_id, now=now)
            # Now, while its place is taken, whatever of it waits for an answer is told so, and later the rule tells it.
            groups.steer(group_id, effects)
            if self._fenced is None:
                self._fenced = Fenced()
                self._interceptors.add(self._fenced)
            self._fenced.fence(group_id, member_id)
            return groups.coordinator.expire_member(group_id, nobody, now=now)

        self._portal.call(lambda: self._steer_member(group_id, member, "fenced", fence))

    def rebalance(self, group_id: str) -> None:
        """Have all members join again. Raises LookupError if the group has none."""

        def rebalance() -> None:
            if not self._watch.group(group_id).members:
                raise NotThere(f"{self._watch.group(group_id)}: there is nobody to rebalance")
            self._rebalance_if_any(group_id, "a rebalance was forced")

        self._portal.call(rebalance)

    def pin(self, group_id: str, owners: Mapping[tuple[str, int], str]) -> None:
        """Give partitions to members for good. Raises LookupError where a topic has no such partition."""

        def pin() -> None:
            from kafkalite.coordinators.groups.classic.pinning import Pins

            topics = self._cluster.storage.topics
            for topic, partition in owners:
                if topic in topics:  # others may be created later
                    existing(topic, partition, topics[topic].partitions)
            if self._pins is None:
                self._pins = Pins()
            self._pins.pin(group_id, owners)
            self._rebalance_if_any(group_id, "an assignment was pinned")

        self._portal.call(pin)

    def unpin(self, group_id: str) -> None:
        """Let the leader of a group assign again; nothing happens if it does already."""

        def unpin() -> None:
            if self._pins is not None and self._pins.unpin(group_id):
                self._rebalance_if_any(group_id, "the assignment is the leader's again")

        self._portal.call(unpin)

    def _rebalance_if_any(self, group_id: str, why: str) -> None:
        if self._watch.group(group_id).members:
            self._watch.history.tell(group_id, why, self._clock.now())
            groups = self._cluster.groups
            groups.steer(group_id, groups.coordinator.force_rebalance(group_id, now=self._clock.now()))

    def _overrule(self, group: GroupInCoordinator, assignments: dict[str, bytes]) -> dict[str, bytes]:
        return assignments if self._pins is None else self._pins.assignment_hook(group, assignments)

    def _steer_member(self, group_id: str, name: str, what: str, act: Callable[[str], CoordinatorResult]) -> None:
        effects = act(self._watch.group(group_id).member(name).member_id)
        self._watch.history.tell(group_id, f"{name} was {what}", self._clock.now())
        self._cluster.groups.steer(group_id, effects)

    # The coordinator and the broker

    def move_coordinator_away(self, group_id: str | None) -> None:
        """Let the coordinator of a group, with None of all, be nowhere; nothing happens if it is away already."""

        def move() -> None:
            if group_id not in self._away:
                self._away[group_id] = CoordinatorAway(group_id)
                self._interceptors.add(self._away[group_id], first=True)
                self._cluster.groups.move_away(group_id)

        self._portal.call(move)

    def move_coordinator_back(self, group_id: str | None) -> None:
        """Let the coordinator be here again, with the groups as its log has them."""

        def move() -> None:
            away = self._away.pop(group_id, None)
            if away is not None:
                self._interceptors.remove(away)
                self._cluster.groups.move_back(group_id)
                self._watch.check()

        self._portal.call(move)

    def let_go(self) -> None:
        """Undo what is steered now, to the date; what the broker keeps stays as it is."""
        self.faults.forget()
        self.recorder.stop()
        self._portal.call(self._clock.return_to_date)
        self.set_available(True)
        for group_id in tuple(self._away):
            self.move_coordinator_back(group_id)
        for group_id in () if self._pins is None else self._pins.group_ids():
            self.unpin(group_id)

    def set_available(self, available: bool) -> None:
        """Cut all clients off and let none in, or let them in again."""
        self._portal.call(lambda: self._broker.set_available(available))

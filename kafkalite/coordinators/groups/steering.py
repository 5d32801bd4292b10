"""What a test does to groups of all kinds: keep members alive, expire them, fence them, force a rebalance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafkalite.coordinators.groups.classic import steering

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.classic.registry import ClassicGroups
    from kafkalite.coordinators.groups.modern.membership import ModernMembership
    from kafkalite.coordinators.groups.registry import CoordinatedGroup, Groups
    from kafkalite.coordinators.results import CoordinatorResult, ResultBuilder


class Steering:
    """The controls of a coordinator. ``now`` is monotonic seconds; ``result_at`` begins the result of a call."""

    def __init__(
        self,
        groups: Groups,
        classic: ClassicGroups,
        rebalances: Rebalances,
        kinds: Sequence[ModernMembership[Any, Any, Any]],
        result_at: Callable[[float], ResultBuilder],
    ) -> None:
        self._groups = groups
        self._classic = classic
        self._rebalances = rebalances
        self._kinds = kinds
        self._result_at = result_at

    def keep_alive(self, names: Collection[str], *, now: float) -> float | None:
        """Restart the sessions of members, named by member, instance or client id.

        Return the shortest of their time-outs, None if there is no such member.
        """
        kept = [steering.keep_alive(names, self._classic, self._rebalances, self._result_at(now))]
        kept += [kind.keep_alive(group, names, now) for group in self._groups if (kind := self._kind_of(group))]
        return min((each for each in kept if each is not None), default=None)

    def expects(self, names: Collection[str], *, until: float) -> bool:
        """Return whether a rebalance would end by ``until`` without members, so named, that are yet to join or sync."""
        return steering.expected(names, self._classic, until)

    def expire(self, group_id: str, member_id: str, *, now: float) -> CoordinatorResult:
        """Remove a member as if its session had ended. Raises KeyError if there is none."""
        result = self._result_at(now)
        group = self._groups.get(group_id)
        kind = self._kind_of(group)
        if kind is None:
            steering.expire(self._classic_group(group_id), member_id, self._rebalances, result)
        else:
            kind.expel(group, member_id, result)
        return result.build()

    def displace(self, group_id: str, member_id: str, *, now: float) -> tuple[str, CoordinatorResult]:
        """Replace a static member with a placeholder, fencing it; return the placeholder's id. Raises KeyError.

        Where the broker assigns, no request of the member waits, so it needs no placeholder: its own id is returned.
        """
        result = self._result_at(now)
        if self._kind_of(self._groups.get(group_id)) is not None:
            return member_id, result.build()
        new_id = steering.displace(self._classic_group(group_id), member_id, self._rebalances, result)
        return new_id, result.build()

    def force_rebalance(self, group_id: str, *, now: float) -> CoordinatorResult:
        """Make all members of a group rejoin; where the broker assigns, move them to a new epoch. Raises KeyError."""
        result = self._result_at(now)
        group = self._groups.get(group_id)
        kind = self._kind_of(group)
        if kind is None:
            steering.force_rebalance(self._classic_group(group_id), self._rebalances, result)
        else:
            kind.force_rebalance(group, result)
        return result.build()

    def _kind_of(self, group: CoordinatedGroup | None) -> ModernMembership[Any, Any, Any] | None:
        return next((kind for kind in self._kinds if isinstance(group, kind.group_class)), None)

    def _classic_group(self, group_id: str) -> Group:
        group = self._classic.get(group_id)
        if group is None:
            raise KeyError(group_id)
        return group

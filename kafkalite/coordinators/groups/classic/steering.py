"""Controls of tests over groups: keep members alive, expire them, force a rebalance, refuse all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Group, Member
    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.classic.registry import ClassicGroups
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer


def keep_alive(
    names: Collection[str], groups: ClassicGroups, rebalances: Rebalances, result: ResultBuilder
) -> float | None:
    """Restart the sessions of members, named by member, instance or client id.

    Return the shortest of their session time-outs, or None if there is no such member.
    """
    kept = [member for group in groups for member in group.members.values() if _is_named(member, names)]
    for member in kept:
        if member.session.when is not None:
            rebalances.keep_alive(member, result)
    return min((member.session_timeout for member in kept), default=None)


def expected(names: Collection[str], groups: ClassicGroups, until: float) -> bool:
    """Return whether a rebalance would go on without members that are yet to join or sync, up to a time."""
    return any(
        _is_named(member, names)
        for group in groups
        for member in group.members.values()
        if (_is_due(group.join, until) and member.awaiting_join is None)
        or (_is_due(group.sync, until) and member.member_id in group.pending_sync)
    )


def _is_named(member: Member, names: Collection[str]) -> bool:
    return not {member.member_id, member.group_instance_id, member.client_id}.isdisjoint(names)


def _is_due(timer: Timer, until: float) -> bool:
    return timer.when is not None and timer.when <= until


def expire(group: Group, member_id: str, rebalances: Rebalances, result: ResultBuilder) -> None:
    """Remove a member as if its session had ended, even if it waits for the group just now."""
    rebalances.remove(group, group.members[member_id], result)
    if group.state is GroupState.PREPARING_REBALANCE or group.can_rebalance:
        rebalances.prepare_or_complete(group, result)


def displace(group: Group, member_id: str, rebalances: Rebalances, result: ResultBuilder) -> str:
    """Replace a static member with a placeholder, fencing it (KIP-345). Return the placeholder's member id."""
    old = group.members[member_id]
    rebalances.refuse_waiting(group, old, ErrorCode.FENCED_INSTANCE_ID, result, member_id=member_id)
    new_id = f"{member_id}-displaced"
    rebalances.keep_alive(group.replace_static_member(old, new_id, rebalances.session(group, new_id)), result)
    return new_id


def force_rebalance(group: Group, rebalances: Rebalances, result: ResultBuilder) -> None:
    """Make all members join again, unless they already do or there are none."""
    if group.members and group.can_rebalance:
        rebalances.prepare(group, result)


def refuse_waiting(groups: Iterable[Group], rebalances: Rebalances, result: ResultBuilder) -> None:
    """Answer every join and sync that waits with NOT_COORDINATOR, because the coordinator moves away."""
    for group in groups:
        for member in group.members.values():
            rebalances.refuse_waiting(group, member, ErrorCode.NOT_COORDINATOR, result, member_id=member.member_id)


def suspend(groups: Iterable[Group]) -> None:
    """Cancel the timers of groups whose coordinator is elsewhere."""
    for group in groups:
        for timer in (group.join, group.sync, *(member.session for member in group.members.values())):
            timer.cancel()

"""The classic groups among all groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.classic.group import Group

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.registry import CoordinatedGroup, Groups
    from kafkalite.coordinators.results import ResultBuilder


class ClassicGroups:
    """The classic groups; groups of other kinds do not exist for the classic protocol."""

    def __init__(self, groups: Groups, rebalances: Rebalances) -> None:
        self._groups = groups
        self._rebalances = rebalances

    def get(self, group_id: str) -> Group | None:
        """Return a classic group, or None if there is none of that id."""
        group = self._groups.get(group_id)
        return group if isinstance(group, Group) else None

    def make_room(self, group_id: str, result: ResultBuilder) -> bool:
        """Return whether no group of another kind has the id; one without members makes room, and its offsets stay."""
        group = self._groups.get(group_id)
        if group is None or isinstance(group, Group):
            return True
        if not group.is_empty:
            return False
        self._groups.delete(group, result)
        return True

    def exists(self, group_id: str) -> bool:
        """Return whether there is a group of any kind."""
        return self._groups.get(group_id) is not None

    def put(self, group: CoordinatedGroup, result: ResultBuilder) -> None:
        """Put a group of another kind in the place of what has its id, without a record."""
        self._groups.discard(group.group_id, result)
        self._groups.add(group)

    def create(self, group_id: str, result: ResultBuilder) -> Group:
        """Add an empty group."""
        group = self._rebalances.new_group(group_id, result.wall_ms)
        self._groups.add(group)
        return group

    def discard(self, group_id: str, result: ResultBuilder) -> None:
        """Remove a group if it exists, without a record."""
        self._groups.discard(group_id, result)

    def __iter__(self) -> Iterator[Group]:
        return (group for group in self._groups if isinstance(group, Group))

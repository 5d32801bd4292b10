"""The classic groups among all groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.classic.group import Group

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.registry import Groups
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

    def is_taken(self, group_id: str) -> bool:
        """Return whether a group of another kind has the id."""
        group = self._groups.get(group_id)
        return group is not None and not isinstance(group, Group)

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

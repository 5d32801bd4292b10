"""The groups that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.classic.records import write_deleted_group

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.results import ResultBuilder


class Groups:
    """All groups, by group id."""

    def __init__(self, rebalances: Rebalances) -> None:
        self._rebalances = rebalances
        self._groups: dict[str, Group] = {}

    def get(self, group_id: str) -> Group | None:
        """Find a group."""
        return self._groups.get(group_id)

    def create(self, group_id: str, result: ResultBuilder) -> Group:
        """Add an empty group."""
        group = self._groups[group_id] = self._rebalances.new_group(group_id, result.wall_ms)
        return group

    def delete(self, group: Group, result: ResultBuilder) -> None:
        """Remove a group without members, and keep that it is no more."""
        self.discard(group.group_id, result)
        write_deleted_group(group.group_id, result)

    def discard(self, group_id: str, result: ResultBuilder) -> None:
        """Remove a group, if there is one, because the log says so."""
        group = self._groups.pop(group_id, None)
        if group is not None:
            self._rebalances.close(group, result)

    def __iter__(self) -> Iterator[Group]:
        return iter(tuple(self._groups.values()))

    def __len__(self) -> int:
        return len(self._groups)

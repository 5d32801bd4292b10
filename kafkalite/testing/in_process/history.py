"""What became of groups, line by line: shown when something was awaited in vain."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.views import GroupView

_LINES: Final = 40
_GROUPS: Final = 1000


class History:
    """The last changes of the groups that changed last, with the broker's time since the history began."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._last: dict[str, tuple[object, ...]] = {}
        self._lines: dict[str, deque[str]] = {}

    def note(self, group: GroupView, now: float) -> bool:
        """Write down how a group is, if it is not as before; True if it has just entered its state or generation."""
        members = tuple(member.member_id for member in group.members)
        is_now = (group.state, group.generation, members)
        before = self._last.get(group.group_id)
        if before == is_now:
            return False
        self._last[group.group_id] = is_now
        names = ", ".join(member.group_instance_id or member.client_id for member in group.members) or "no members"
        self.tell(group.group_id, f"{group.state.value}, generation {group.generation}: {names}", now)
        return before is None or before[:2] != is_now[:2]

    def tell(self, group_id: str, what: str, now: float) -> None:
        """Write down what was done to a group from outside."""
        lines = self._lines.pop(group_id, deque[str](maxlen=_LINES))
        self._lines[group_id] = lines  # behind all others
        lines.append(f"  {now - self._began:+10.3f} s  {what}")
        if len(self._lines) > _GROUPS:
            oldest = next(iter(self._lines))
            del self._lines[oldest]
            self._last.pop(oldest, None)

    def tell_all(self, what: str, now: float) -> None:
        """Write down what was done to all groups; what comes next is written down whatever it is."""
        for group_id in tuple(self._lines):
            self.tell(group_id, what, now)
        self._last.clear()

    def of(self, group_id: str) -> str:
        """Give the lines of a group, oldest first."""
        return "\n".join(self._lines.get(group_id, ("  nothing happened",)))

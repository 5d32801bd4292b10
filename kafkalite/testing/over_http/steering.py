"""The controls of a broker elsewhere, a call a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from kafkalite.testing.over_http.controls import segment
from kafkalite.testing.over_http.injection import HttpInjection
from kafkalite.testing.over_http.recorder import HttpRecorder

if TYPE_CHECKING:
    from kafkalite.testing.over_http.controls import Controls


class HttpSteering:
    """The controls over one broker."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self.faults = HttpInjection(controls)
        self.recorder = HttpRecorder(controls)

    def now_ms(self) -> int:
        """Tell the broker's time: milliseconds since 1970."""
        now_ms: int = self._controls.get("/clock")["now_ms"]
        return now_ms

    def freeze(self) -> None:
        """Let the broker's time stand still."""
        self._controls.post("/clock/freeze")

    def resume(self) -> None:
        """Let the broker's time run on."""
        self._controls.post("/clock/resume")

    def advance(self, seconds: float, keep_alive: Collection[str]) -> None:
        """Move the broker's time, through everything that is due on the way, in its order."""
        self._controls.post("/clock/advance", seconds=seconds, keep_alive=sorted(keep_alive))

    def expire(self, group_id: str, member: str) -> None:
        """Let a member's session end now."""
        self._controls.post(f"/groups/{segment(group_id)}/expire", member=member)

    def fence(self, group_id: str, member: str) -> None:
        """Take a static member's place away for good."""
        self._controls.post(f"/groups/{segment(group_id)}/fence", member=member)

    def rebalance(self, group_id: str) -> None:
        """Have all members of a group join again."""
        self._controls.post(f"/groups/{segment(group_id)}/rebalance")

    def pin(self, group_id: str, owners: Mapping[tuple[str, int], str]) -> None:
        """Give partitions to members for good."""
        named: dict[str, list[str]] = {}
        for (topic, partition), member in owners.items():
            named.setdefault(member, []).append(f"{topic}-{partition}")
        self._controls.post(f"/groups/{segment(group_id)}/pin", assignment=named)

    def unpin(self, group_id: str) -> None:
        """Let the leader of a group assign again."""
        self._controls.post(f"/groups/{segment(group_id)}/unpin")

    def move_coordinator_away(self, group_id: str | None) -> None:
        """Let the coordinator of a group, with None of all, be nowhere."""
        self._controls.post("/coordinator/away", group=group_id)

    def move_coordinator_back(self, group_id: str | None) -> None:
        """Let the coordinator be here again."""
        self._controls.post("/coordinator/back", group=group_id)

    def set_available(self, available: bool) -> None:
        """Cut all clients off and let none in, or let them in again."""
        self._controls.post("/availability", available=available)

    def let_go(self) -> None:
        """Undo what is steered now."""
        self._controls.post("/let-go")

"""The log of faults: which fault acted on which request."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext

_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A fault that acted on a request. ``at`` is seconds on the broker's clock since the first fault was added."""

    number: int
    """Its place in the log, counted from 1."""
    rule: str
    """The name of the fault."""
    did: str
    """What happened, in words."""
    api: str
    api_version: int
    client_id: str
    connection: str
    """The client's address, and its software."""
    correlation_id: int
    about: tuple[str, ...]
    """The partitions, topics or groups that the fault selected; empty if it selects none."""
    at: float
    released: bool | None = None
    """Whether a request that was held has been released; None if it was not held."""

    def __str__(self) -> str:
        """Describe it in one line."""
        about = f" ({', '.join(self.about)})" if self.about else ""
        held = "" if self.released is None else ", released" if self.released else ", not released"
        return (
            f"{self.api} v{self.api_version}{about} of {self.client_id or 'a client'} at {self.connection}, "
            f"correlation id {self.correlation_id}: {self.did}{held} [{self.rule}]"
        )


class FaultLog:
    """The last ten thousand entries; ``listeners`` are called with each new one."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._fired: deque[Fired] = deque()
        self._of_faults: Counter[str] = Counter()
        self._count = 0
        self.listeners: list[Callable[[Fired], None]] = []

    def __len__(self) -> int:
        return len(self._fired)

    def all(self) -> tuple[Fired, ...]:
        """Return all entries, oldest first."""
        return tuple(self._fired)

    def shows(self, rule: str) -> bool:
        """Return whether a fault of this name has an entry."""
        return rule in self._of_faults

    def note(self, rule: str, did: str, context: RequestContext, about: tuple[str, ...], *, held: bool) -> Fired:
        """Add an entry."""
        self._count += 1
        fired = Fired(
            number=self._count,
            rule=rule,
            did=did,
            api=context.api.name,
            api_version=context.api_version,
            client_id=context.client_id,
            connection=str(context.info),
            correlation_id=context.correlation_id,
            about=about,
            at=self._now() - self._began,
            released=False if held else None,
        )
        self._fired.append(fired)
        self._of_faults[rule] += 1
        if len(self._fired) > _KEPT:
            self._remove_oldest()
        for listener in self.listeners:
            listener(fired)
        return fired

    def note_released(self, fired: Fired) -> None:
        """Mark an entry as released."""
        for index, kept in enumerate(self._fired):
            if kept.number == fired.number:
                self._fired[index] = replace(kept, released=True)
                break

    def clear(self) -> None:
        """Remove all entries; numbers go on."""
        self._fired.clear()
        self._of_faults.clear()

    def _remove_oldest(self) -> None:
        rule = self._fired.popleft().rule
        self._of_faults[rule] -= 1
        if not self._of_faults[rule]:
            del self._of_faults[rule]

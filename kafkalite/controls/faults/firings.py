"""The log of faults: which rule acted on which request."""

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
    """A rule that acted on a request. ``at`` is seconds on the broker's clock since there have been faults."""

    number: int
    """Counts all that fired, from 1."""
    rule: str
    did: str
    """What was done, in words."""
    api: str
    api_version: int
    client_id: str
    connection: str
    """The client's address, and what it calls itself."""
    correlation_id: int
    about: tuple[str, ...]
    """The partitions, topics or groups that the rule chose; empty if it does not choose."""
    at: float
    released: bool | None = None
    """Whether a call that was held has been released; None if it never was held."""

    def __str__(self) -> str:
        """Describe it in a line."""
        about = f" ({', '.join(self.about)})" if self.about else ""
        held = "" if self.released is None else ", released" if self.released else ", not released"
        return (
            f"{self.api} v{self.api_version}{about} of {self.client_id or 'a client'} at {self.connection}, "
            f"correlation id {self.correlation_id}: {self.did}{held} [{self.rule}]"
        )


class Firings:
    """What fired, the last ten thousand; ``told`` are called with each."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._fired: deque[Fired] = deque()
        self._of_rules: Counter[str] = Counter()
        self._count = 0
        self.told: list[Callable[[Fired], None]] = []

    def __len__(self) -> int:
        return len(self._fired)

    def all(self) -> tuple[Fired, ...]:
        """Give what fired, oldest first."""
        return tuple(self._fired)

    def shows(self, rule: str) -> bool:
        """Tell whether anything is kept that a rule of this name did."""
        return rule in self._of_rules

    def note(self, rule: str, did: str, context: RequestContext, about: tuple[str, ...], *, held: bool) -> Fired:
        """Write down that a rule acts on a call."""
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
        self._of_rules[rule] += 1
        if len(self._fired) > _KEPT:
            self._forget_oldest()
        for tell in self.told:
            tell(fired)
        return fired

    def note_released(self, fired: Fired) -> None:
        """Write down that a call that was held goes on."""
        for index, kept in enumerate(self._fired):
            if kept.number == fired.number:
                self._fired[index] = replace(kept, released=True)
                break

    def forget(self) -> None:
        """Forget what fired so far; numbers go on."""
        self._fired.clear()
        self._of_rules.clear()

    def _forget_oldest(self) -> None:
        rule = self._fired.popleft().rule
        self._of_rules[rule] -= 1
        if not self._of_rules[rule]:
            del self._of_rules[rule]

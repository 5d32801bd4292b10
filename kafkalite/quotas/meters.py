"""Meters by name, of which there are only as many as are in use."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from kafkalite.quotas.rates import Meter

MOST_METERS: Final = 10_000
"""Clients choose their names, so there may be any number; beyond this the meter used longest ago is dropped."""
PRUNE_EVERY: Final = 500

Name = TypeVar("Name", bound=Hashable)


class Meters(Generic[Name]):
    """Makes a meter for each name, and forgets those that measure nothing any more."""

    def __init__(self) -> None:
        self._meters: dict[Name, Meter] = {}  # used last at the end
        self._additions = 0

    def __len__(self) -> int:
        return len(self._meters)

    def get(self, name: Name, make: Callable[[], Meter], now_ms: int) -> Meter:
        """Return the meter of a name; a new one is made by ``make``."""
        meter = self._meters.pop(name, None)
        if meter is None:
            self._prune(now_ms)
            meter = make()
        self._meters[name] = meter
        return meter

    def _prune(self, now_ms: int) -> None:
        self._additions += 1
        if self._additions % PRUNE_EVERY == 0:
            self._meters = {name: meter for name, meter in self._meters.items() if not meter.is_idle(now_ms)}
        if len(self._meters) >= MOST_METERS:
            del self._meters[next(iter(self._meters))]

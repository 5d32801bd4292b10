"""What each client has used of its quotas, and how long it is throttled for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.quotas.entities import QuotaKey, limit_of
from kafkalite.quotas.meters import Meters
from kafkalite.quotas.rates import Rate, TokenBucket, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.quotas.entities import Limit, Quotas
    from kafkalite.quotas.rates import Meter

_WINDOW: Final = Window()


class ClientQuotas:
    """The quotas of clients, and a meter for each user or client id that has one and was active lately."""

    def __init__(self, quotas: Callable[[], Quotas], window: Window = _WINDOW) -> None:
        """``quotas`` returns the present quotas; it is called with each request."""
        self._quotas = quotas
        self._window = window
        self._meters: Meters[tuple[QuotaKey, tuple[str | None, str | None]]] = Meters()

    def __len__(self) -> int:
        return len(self._meters)

    def keys(self) -> frozenset[QuotaKey]:
        """Return what is limited for any client."""
        return frozenset(QuotaKey(key) for quotas in self._quotas().values() for key in quotas)

    def use(self, key: QuotaKey, user: str, client_id: str, value: float, now_ms: int) -> int:
        """Record what a client uses. Return how many milliseconds it is to be throttled for."""
        limit = limit_of(self._quotas(), key, user, client_id)
        if limit is None:
            return 0
        meter = self._meter(key, limit, now_ms)
        meter.record(value, limit.bound, now_ms)
        return meter.throttle_ms(limit.bound, now_ms)

    def owed_ms(self, key: QuotaKey, user: str, client_id: str, now_ms: int) -> int:
        """Return how many milliseconds a client is to be throttled for because of what it used before."""
        limit = limit_of(self._quotas(), key, user, client_id)
        return 0 if limit is None else self._meter(key, limit, now_ms).throttle_ms(limit.bound, now_ms)

    def most_at_once(self, key: QuotaKey, user: str, client_id: str) -> float | None:
        """Return the largest value that is not throttled if nothing was used lately, or None without a quota."""
        limit = limit_of(self._quotas(), key, user, client_id)
        if limit is None:
            return None
        return limit.bound * (self._window.samples - 1) * self._window.sample_ms / 1000

    @property
    def throttle_limit_ms(self) -> int:
        """The longest throttle time for a request's time."""
        return self._window.sample_ms

    def _meter(self, key: QuotaKey, limit: Limit, now_ms: int) -> Meter:
        make = self._new_bucket if key is QuotaKey.MUTATIONS else self._new_rate
        return self._meters.get((key, limit.shared_by), make, now_ms)

    def _new_rate(self) -> Rate:
        return Rate(self._window)

    def _new_bucket(self) -> TokenBucket:
        return TokenBucket(self._window)

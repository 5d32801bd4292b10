"""Which new connections are accepted, and when: limits of their number and rate (KIP-402, KIP-612)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kafkalite.config.connection_limits import UNLIMITED, ConnectionLimits, ListenerLimits

if TYPE_CHECKING:
    from kafkalite.quotas.meters import Meters
    from kafkalite.quotas.rates import Meter, Window

_OF_BROKER: Final = ("broker", "")
_NO_LIMITS: Final = ListenerLimits()


class ConnectionQuotas:
    """Counts the connections of a broker, and says which new ones have to wait or are refused."""

    def __init__(self, window: Callable[[], Window], address_rate: Callable[[str], float | None]) -> None:
        """``window`` is what rates are measured over, and ``address_rate`` the quota of an address, if it has one."""
        self.limits = ConnectionLimits()
        """May be replaced at any time."""
        self._window = window
        self._address_rate = address_rate
        self._total = 0
        self._by_listener: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._meters: Meters[tuple[str, str]] | None = None

    @property
    def total(self) -> int:
        """The number of connections."""
        return self._total

    @property
    def addresses(self) -> int:
        """The number of addresses that are connected."""
        return len(self._by_address)

    def opened(self, listener: str, address: str) -> None:
        """Count a connection."""
        self._total += 1
        self._by_listener[listener] += 1
        self._by_address[address] += 1

    def closed(self, listener: str, address: str) -> None:
        """Count a connection no more."""
        self._total -= 1
        self._by_listener[listener] -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def has_slot(self, listener: str) -> bool:
        """Return whether the broker and the listener may have another connection."""
        limits = self.limits
        return self._total < limits.most and self._by_listener[listener] < self._of_listener(listener).most

    @property
    def excess(self) -> int:
        """The number of connections that are too many, because the limit was lowered."""
        return max(0, self._total - self.limits.most)

    def has_room(self, address: str) -> bool:
        """Return whether an address may have another connection."""
        return self._by_address.get(address, 0) < self.most_of(address)

    def most_of(self, address: str) -> int:
        """Return how many connections an address may have."""
        return self.limits.most_of_ips.get(address, self.limits.most_per_ip)

    def rate_throttle_ms(self, listener: str, now_ms: int) -> int:
        """Record a new connection. Return how many milliseconds it has to wait, as do all behind it."""
        throttle_ms = self._use(_OF_BROKER, self.limits.rate, now_ms)
        return max(throttle_ms, self._use(("listener", listener), self._of_listener(listener).rate, now_ms))

    def address_throttle_ms(self, address: str, now_ms: int) -> int:
        """Record a new connection of an address, unless it is one too many: return then how long to hold it up.

        Such a connection is closed afterwards.
        """
        rate = self._address_rate(address)
        if rate is None:
            return 0
        name = ("address", address)
        throttle_ms = self._use(name, rate, now_ms)
        if throttle_ms:
            self._meter(name, now_ms).record(-1, rate, now_ms)
        return throttle_ms

    def _of_listener(self, listener: str) -> ListenerLimits:
        return self.limits.listeners.get(listener, _NO_LIMITS)

    def _use(self, name: tuple[str, str], rate: float, now_ms: int) -> int:
        if rate >= UNLIMITED:
            return 0
        meter = self._meter(name, now_ms)
        meter.record(1, rate, now_ms)
        if rate <= 0:
            return self._window().sample_ms
        return min(meter.throttle_ms(rate, now_ms), self._window().sample_ms)

    def _meter(self, name: tuple[str, str], now_ms: int) -> Meter:
        # A broker that limits no rate imports nothing of meters.
        from kafkalite.quotas.meters import Meters
        from kafkalite.quotas.rates import Rate

        if self._meters is None:
            self._meters = Meters()
        return self._meters.get(name, lambda: Rate(self._window()), now_ms)

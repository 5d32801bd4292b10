"""Bounds how often the clients of an address may fail to log in."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Final

_MINUTE: Final = 60.0
_LONGEST_WAIT: Final = 60.0
_MOST_ADDRESSES: Final = 10_000
_BITS_OF_A_HOST: Final = 64
"""Of an IPv6 address: a single host may use all addresses that differ in these only."""


class FailedLogins:
    """A bucket of tokens for each address: a failure takes one, and they come back over a minute.

    Of the addresses that failed, those that failed last are remembered, 10,000 at most.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute: Final = per_minute
        self._interval = _MINUTE / per_minute
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When each bucket is full again; the order is that of the last failures."""

    def __len__(self) -> int:
        """Return the number of addresses that are remembered."""
        return len(self._full_at)

    def record(self, address: str, now: float) -> None:
        """Count a failure. More failures at once than a minute's make an address wait for a minute at most."""
        network = _network(address)
        full_at = max(self._full_at.pop(network, now), now) + self._interval
        self._full_at[network] = min(full_at, now + _MINUTE - self._interval + _LONGEST_WAIT)
        if len(self._full_at) > _MOST_ADDRESSES:
            self._full_at.popitem(last=False)

    def wait(self, address: str, now: float) -> float:
        """Return the seconds until the address has a token, 0 if it has one."""
        if not self._full_at:
            return 0.0
        network = _network(address)
        full_at = self._full_at.get(network)
        if full_at is None:
            return 0.0
        if full_at <= now:
            del self._full_at[network]
            return 0.0
        return max(0.0, full_at - now - (_MINUTE - self._interval))


def _network(address: str) -> str:
    if ":" not in address:
        return address
    return str(int(IPv6Address(address.partition("%")[0])) >> _BITS_OF_A_HOST)

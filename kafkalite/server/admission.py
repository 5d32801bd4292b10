"""Admits new connections to the listeners of a broker: at once, later, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from kafkalite.config.connection_limits import present_limits
from kafkalite.quotas.connections import ConnectionQuotas
from kafkalite.quotas.failed_logins import FailedLogins

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.config.connection_limits import ConnectionLimits
    from kafkalite.quotas.rates import Window
    from kafkalite.server.connection import Connection
    from kafkalite.server.connection_errors import ConnectionErrors

_MOST_HELD_UP: Final = 1000
"""Connections that wait to be closed, because their address makes too many; further ones are closed at once."""
_LONGEST_HELD_UP: Final = 1.0
"""Seconds that a connection is held up for failed logins; the client may try again afterwards."""


class Admission:
    """What the listeners of a broker ask before they serve a connection."""

    def __init__(
        self,
        timers: TimerQueue,
        errors: ConnectionErrors,
        limits: ConnectionLimits | None = None,
        *,
        failed_logins: int | None = None,
    ) -> None:
        """Without ``limits``, admit everything until :meth:`follow`.

        ``failed_logins`` is how many logins of an address may fail in a minute; None for no limit.
        """
        self.quotas = ConnectionQuotas(self._window, self._address_rate)
        self.sources: list[Callable[[], Iterable[Connection]]] = []
        """Functions that return the connections of each listener."""
        self._timers = timers
        self._errors = errors
        self._changed = trio.Event()
        self._held_up: dict[socket.socket, Timer] = {}
        self._endpoint: BrokerEndpoint | None = None
        self._failed_logins = None if failed_logins is None else FailedLogins(failed_logins)
        if limits is not None:
            self.quotas.limits = limits

    def follow(self, endpoint: BrokerEndpoint) -> None:
        """Apply the limits and quotas of a broker, and those that it will have."""
        self._endpoint = endpoint
        endpoint.cluster.on_broker_configs_changed.append(self._limit)
        self._limit()

    def _limit(self) -> None:
        assert self._endpoint is not None
        config, storage = self._endpoint.config, self._endpoint.cluster.storage
        self.quotas.limits = present_limits(
            tuple(security.name for security in config.security),
            storage.broker_configs(str(self._endpoint.id)),
            storage.broker_configs(),
            config.connection_limits,
        )
        excess = self.quotas.excess
        if excess:
            connections = [connection for source in self.sources for connection in source()]
            for connection in sorted(connections, key=lambda each: each.last_active)[:excess]:
                connection.close()
        self._changed.set()

    def _window(self) -> Window:
        from kafkalite.quotas.rates import Window

        if self._endpoint is None:
            return Window()
        config = self._endpoint.config
        return Window(config.quota_window_num, config.quota_window_size_seconds * 1000)

    def _address_rate(self, address: str) -> float | None:
        if self._endpoint is None:
            return None
        quotas = self._endpoint.cluster.storage.cluster_image.client_quotas
        if not quotas:
            return None
        from kafkalite.quotas.entities import connection_rate_of

        return connection_rate_of(quotas, address)

    async def admit(self, connected: socket.socket, listener: str, host: str, *, has_logins: bool = False) -> bool:
        """Wait until a connection may be served; return False if it may not, and is closed or will be.

        A connection that is admitted counts until :meth:`release`. Cancellation closes it. On a listener with logins,
        an address whose logins failed too often is not admitted.
        """
        quotas = self.quotas
        try:
            throttle_ms = quotas.rate_throttle_ms(listener, self._now_ms())
            if throttle_ms:
                await self._timers.sleep(throttle_ms / 1000)
            if not quotas.has_slot(listener):
                self._errors.warn(host, f"max.connections are connected to {listener}: new clients have to wait")
                while not quotas.has_slot(listener):
                    if self._changed.is_set():  # another listener may wait for it
                        self._changed = trio.Event()
                    await self._changed.wait()
        except trio.Cancelled:
            connected.close()
            raise
        throttle_ms = quotas.address_throttle_ms(host, self._now_ms())
        if throttle_ms:
            self._close_later(connected, throttle_ms / 1000)
            return False
        if has_logins and self._failed_logins is not None:
            seconds = self._failed_logins.wait(host, self._timers.now())
            if seconds:
                self._errors.warn(
                    host, f"refusing {host}: more than {self._failed_logins.per_minute} logins a minute failed"
                )
                self._close_later(connected, min(seconds, _LONGEST_HELD_UP))
                return False
        if not quotas.has_room(host):
            self._errors.warn(host, f"refusing {host}: {quotas.most_of(host)} connections of it are open")
            connected.close()
            return False
        quotas.opened(listener, host)
        return True

    def login_failed(self, host: str) -> None:
        """Count a login that failed."""
        if self._failed_logins is not None:
            self._failed_logins.record(host, self._timers.now())

    def release(self, listener: str, host: str) -> None:
        """Count a connection no more."""
        self.quotas.closed(listener, host)
        self._changed.set()

    def close(self) -> None:
        """Close the connections that were held up."""
        for connected in tuple(self._held_up):
            self._held_up.pop(connected).cancel()
            connected.close()

    def _close_later(self, connected: socket.socket, seconds: float) -> None:
        if len(self._held_up) >= _MOST_HELD_UP:
            connected.close()
            return

        def end() -> None:
            del self._held_up[connected]
            connected.close()

        self._held_up[connected] = self._timers.call_at(self._timers.now() + seconds, end)

    def _now_ms(self) -> int:
        return int(self._timers.now() * 1000)

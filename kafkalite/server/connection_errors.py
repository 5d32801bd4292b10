"""Log lines about connections that are closed for an error: a hostile client must not fill the log."""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue

log = getLogger("kafkalite.connection")

WINDOW: Final = 60.0
LINES: Final = 5
_MOST_HOSTS: Final = 1000
_OTHERS: Final = "other addresses"


class ConnectionErrors:
    """Logs the first errors of each address; those that follow within a minute become one line with their number."""

    def __init__(self, timers: TimerQueue) -> None:
        self._timers = timers
        self._hosts: dict[str, _Window] = {}

    def warn(self, host: str, line: str) -> None:
        """Log a line about a connection from ``host``, or count it."""
        if host not in self._hosts and len(self._hosts) >= _MOST_HOSTS:
            host = _OTHERS
        window = self._hosts.get(host)
        if window is None:
            window = self._hosts[host] = _Window()
            self._timers.call_at(self._timers.now() + WINDOW, lambda: self._end(host))
        if window.logged < LINES:
            window.logged += 1
            log.warning("%s", line)
        else:
            window.suppressed += 1
            window.last = line

    def flush(self) -> None:
        """Log what has been counted, at the end of the broker."""
        for host in tuple(self._hosts):
            self._end(host)

    def _end(self, host: str) -> None:
        window = self._hosts.pop(host, None)
        if window is not None and window.suppressed:
            log.warning(
                "%d more connection errors of %s within %.0f seconds; the last: %s",
                window.suppressed,
                host,
                WINDOW,
                window.last,
            )


class _Window:
    __slots__ = ("last", "logged", "suppressed")

    def __init__(self) -> None:
        self.logged = 0
        self.suppressed = 0
        self.last = ""

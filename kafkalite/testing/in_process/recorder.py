"""Record what a broker of this process is asked. Safe to call from any other thread, but for what says otherwise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from kafkalite.controls.request_log.exchange import Outcome
from kafkalite.server.request_logging import request_log
from kafkalite.testing.in_process.waits import Waits
from kafkalite.testing.model.errors import BrokerFailed, NotPossible, NotThere

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.controls.request_log.criteria import Criteria
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.controls.request_log.log import Bounds, LoggedCall, RequestLog
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite.testing.model.wait import Wait

_SHOWN: Final = 10


class Recorder:
    """Attaches a request log to the pipeline while one is wanted."""

    def __init__(self, broker: Broker, interceptors: InterceptorChain, portal: Portal) -> None:
        self._broker = broker
        self._interceptors = interceptors
        self._portal = portal
        self._log: RequestLog | None = None
        self._is_on = False
        self._begun = 0
        self._waits: Waits[Exchange] = Waits(portal)

    @property
    def is_on(self) -> bool:
        """Whether requests are being recorded."""
        return self._is_on

    @property
    def begun(self) -> int:
        """How many logs have been begun."""
        return self._begun

    @property
    def log(self) -> RequestLog:
        """The log that records, or recorded last. Raises LookupError if there never was one."""
        if self._log is None:
            raise NotThere(
                "the request log is off and has recorded nothing: "
                "use `with kafkalite.requests.recording() as log:` or kafkalite.requests.start()"
            )
        return self._log

    def start(self, bounds: Bounds) -> None:
        """Begin an empty log. Raises ValueError if one is being recorded."""

        def start() -> None:
            if self._is_on:
                raise NotPossible("the request log is on already")
            log = request_log(
                lambda: self._broker.cluster, bounds=bounds, on_change=lambda logged: self._changed(log, logged)
            )
            self._log = log
            self._begun += 1
            log.attach(self._interceptors)
            self._is_on = True

        self._portal.call(start)

    def stop(self) -> None:
        """Record no more calls; what has been recorded stays, and still hears how it ends."""

        def stop() -> None:
            if self._is_on:
                self.log.detach(self._interceptors)
                self._is_on = False

        self._portal.call(stop)

    def clear(self) -> None:
        """Forget what has been recorded."""
        self._portal.call(self.log.clear)

    def exchanges(self, log: RequestLog, *, since: int = 0, until: int | None = None) -> list[Exchange]:
        """Show what has been recorded after a number, and up to another one, oldest first."""

        def show() -> list[Exchange]:
            return [exchange for exchange in log.exchanges(since=since) if until is None or exchange.number <= until]

        try:
            return self._portal.call(show)
        except BrokerFailed:
            return show()  # the loop has ended, and nobody changes the log any more

    def until(self, criteria: Criteria) -> Wait[Exchange]:
        """Wait for an exchange that has ended; or, if its outcome is asked for, that has this one."""
        if not self._is_on:
            raise NotPossible(
                "the request log is off, and would wait for ever: kafkalite.requests.start() switches it on"
            )

        def seen(changed: Exchange | None) -> Exchange | None:
            exchanges = self.log.exchanges(since=criteria.since) if changed is None else (changed,)
            return next((exchange for exchange in exchanges if _is_awaited(criteria, exchange)), None)

        return self._waits.wait(seen, lambda: self._missing(criteria))

    def _changed(self, log: RequestLog, logged: LoggedCall) -> None:
        if self._waits and log is self._log:  # a call may end when another log has been begun
            self._waits.check(log.exchange(logged))

    def _missing(self, criteria: Criteria) -> str:
        exchanges = list(self.log.exchanges(since=criteria.since))
        apis = ", ".join(f"{api} {count}" for api, count in Counter(e.api for e in exchanges).most_common())
        dropped = f", and {self.log.dropped} dropped before" if self.log.dropped else ""
        lines = "".join(f"\n  {exchange}" for exchange in exchanges[-_SHOWN:])
        return f"waited for: {criteria}\nin the log: {apis or 'no requests'}{dropped}; the last of them:{lines}"


def _is_awaited(criteria: Criteria, exchange: Exchange) -> bool:
    has_come = criteria.outcome is not None or exchange.outcome is not Outcome.WAITING
    return has_come and criteria.admits(exchange)

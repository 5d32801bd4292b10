"""The request log of a broker elsewhere: the bytes come from there, and are decoded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from kafkalite.controls.request_log.packing import unpacked
from kafkalite.testing.model.errors import NotThere
from kafkalite_wire.apis import APIS
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.controls.request_log.criteria import Criteria
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.controls.request_log.log import Bounds
    from kafkalite.testing.model.wait import Wait
    from kafkalite.testing.over_http.controls import Controls, Told

_NONE_OF_THEM: Final = (1 << 63) - 1
"""A number that no request has."""


class HttpLog:
    """One of the logs that a broker has kept: the ``begun``-th.

    A broker keeps the last one. What an earlier one had is here, if it was this handle that began the next.
    """

    def __init__(self, controls: Controls, begun: int) -> None:
        self._controls = controls
        self._about: Told | None = None
        self._exchanges: list[Exchange] = []
        self.begun = begun

    @property
    def seen(self) -> int:
        """How many calls there have been; also the number of the last one."""
        seen: int = self._told()["mark"]
        return seen

    @property
    def dropped(self) -> int:
        """How many of them had to make room for newer ones."""
        dropped: int = self._told()["dropped"]
        return dropped

    def exchanges(self, since: int) -> list[Exchange]:
        """Show the calls after a number, oldest first. Raises LookupError if another handle has begun another log."""
        if self._about is not None:
            return [exchange for exchange in self._exchanges if exchange.number > since]
        told = self._ours(self._controls.get("/requests/raw", since=since))
        return unpacked(told["requests"], told["topic_names"])

    def keep(self) -> None:
        """Fetch all that there is, before another log is begun."""
        exchanges = self.exchanges(0)
        self._about, self._exchanges = self._told(), exchanges

    def _told(self) -> Told:
        return self._ours(self._controls.get("/requests/log")) if self._about is None else self._about

    def _ours(self, told: Told) -> Told:
        if told["begun"] != self.begun:
            raise NotThere("that request log is gone: somebody else has begun another, and a broker keeps the last")
        return told


class HttpRecorder:
    """Has a broker record, and fetches what it has recorded."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._logs: WeakValueDictionary[int, HttpLog] = WeakValueDictionary()

    @property
    def is_on(self) -> bool:
        """Whether requests are being recorded."""
        is_on: bool = self._controls.get("/requests/log")["is_on"]
        return is_on

    @property
    def begun(self) -> int:
        """How many logs have been begun."""
        begun: int = self._controls.get("/requests/log")["begun"]
        return begun

    @property
    def log(self) -> HttpLog:
        """The log that records, or recorded last. Raises LookupError if there never was one."""
        # Unlike `/requests/log` this refuses where there is none, in the broker's words.
        begun: int = self._controls.get("/requests/raw", since=_NONE_OF_THEM)["begun"]
        return self._logs.setdefault(begun, HttpLog(self._controls, begun))

    def start(self, bounds: Bounds) -> None:
        """Begin an empty log. Raises ValueError if one is being recorded."""
        about = self._controls.get("/requests/log")
        if not about["is_on"] and (last := self._logs.get(about["begun"])) is not None:
            last.keep()
        self._controls.post("/requests/start", calls=bounds.calls, size_bytes=bounds.size_bytes)

    def stop(self) -> None:
        """Record no more calls; what has been recorded stays, until another log is begun."""
        self._controls.post("/requests/stop")

    def clear(self) -> None:
        """Forget what has been recorded."""
        self._controls.delete("/requests")

    def exchanges(self, log: HttpLog, *, since: int = 0, until: int | None = None) -> list[Exchange]:
        """Show what has been recorded after a number, and up to another one, oldest first. Raises LookupError."""
        return [exchange for exchange in log.exchanges(since) if until is None or exchange.number <= until]

    def until(self, criteria: Criteria) -> Wait[Exchange]:
        """Wait for an exchange that has ended; or, if its outcome is asked for, that has this one."""

        def read(told: Told) -> Exchange:
            for exchange in self.log.exchanges(told["number"] - 1):
                if exchange.number == told["number"]:
                    return exchange
            raise NotThere(f"request #{told['number']} has come, and had to make room for newer ones")

        return self._controls.wait("/await/request", _fields(criteria), read)


def _fields(criteria: Criteria) -> Told:
    return {
        "api": None if criteria.api is None else APIS[criteria.api].name,
        "client_id": criteria.client_id,
        "connection": criteria.connection,
        "group": criteria.group,
        "topic": criteria.topic,
        "partition": criteria.partition,
        "error": None if criteria.error is None else ErrorCode(criteria.error).name,
        "outcome": None if criteria.outcome is None else criteria.outcome.value,
        "since": criteria.since,
        "since_ms": criteria.since_ms,
        "until_ms": criteria.until_ms,
    }

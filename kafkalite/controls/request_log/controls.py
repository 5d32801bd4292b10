"""The controls of the request log: switched on and off, queried, awaited and written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO
from weakref import WeakSet

from kafkalite.controls.definition import Call, Subject, delete, get, post, taking
from kafkalite.controls.errors import Conflict, InvalidRequest, NotFound
from kafkalite.controls.request_log.criteria import AwaitedRequest, Criteria
from kafkalite.controls.request_log.exchange import Exchange, Outcome
from kafkalite.controls.request_log.json_lines import as_json, write_lines
from kafkalite.controls.request_log.log import CALLS, SIZE_BYTES, Bounds
from kafkalite.controls.request_log.packing import PackedExchanges
from kafkalite.controls.waiting import Waiters, within

if TYPE_CHECKING:
    from kafkalite.controls.definition import Transport
    from kafkalite.controls.local_broker import LocalServer
    from kafkalite.controls.request_log.log import LoggedCall, RequestLog

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """The request log: how many have been begun, and what the last one has seen and dropped."""

    begun: int = 0
    is_on: bool = False
    mark: int = 0
    """The number of the last request."""
    dropped: int = 0
    """How many requests were removed to make room for newer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """A request as the members of a line of JSON."""

    exchange: Exchange

    def as_json(self) -> dict[str, object]:
        """Return the members."""
        return as_json(self.exchange, records=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRequests:
    """Requests that were found, the number of the last one in the log, and how many were dropped from it."""

    requests: tuple[LoggedRequest, ...]
    mark: int
    dropped: int


class Requests:
    """Requests that were recorded, in the order in which they came; of one log, or of a part of it."""

    def __init__(self, since: int = 0) -> None:
        self._since = since

    def _exchanges(self, since: int) -> list[Exchange]:
        raise NotImplementedError

    def _status(self) -> LogStatus:
        raise NotImplementedError

    def wait_for(self, wanted: AwaitedRequest) -> Call[PackedExchanges]:
        """Start a wait for a request; see :meth:`await_request`."""
        raise NotImplementedError

    @taking(Criteria)
    def find(self, wanted: Criteria) -> list[Exchange]:
        """Return the requests that match, of one API or all. Raises LookupError if there is no log."""
        return [exchange for exchange in self._exchanges(max(wanted.since, self._since)) if wanted.admits(exchange)]

    @taking(Criteria)
    def one(self, wanted: Criteria) -> Exchange:
        """Return the only request that matches. Raises LookupError unless there is exactly one."""
        exchanges = self._exchanges(max(wanted.since, self._since))
        found = [exchange for exchange in exchanges if wanted.admits(exchange)]
        if len(found) == 1:
            return found[0]
        lines = "".join(f"\n  {exchange}" for exchange in found or exchanges[-_SHOWN:])
        what = f"there are {len(found)} times {wanted}:" if found else f"there is no {wanted}; the last requests:"
        raise NotFound(what + lines)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges(self._since))

    def __len__(self) -> int:
        return len(self._exchanges(self._since))

    @property
    def mark(self) -> int:
        """The number of the last request; with ``since=`` it only later ones are found."""
        return self._status().mark

    @property
    def dropped(self) -> int:
        """How many requests were removed to make room for newer ones."""
        return self._status().dropped

    @taking(AwaitedRequest)
    def await_request(self, wanted: AwaitedRequest) -> Exchange:
        """Wait for a request that matches and has ended, and return the first one.

        With an ``outcome`` wait for that, also for ``waiting``. Requests that are in the log already count. Raises
        WaitTimeout, and ValueError if the log is off.
        """
        return self.wait_for(wanted).result().requests[0]

    def write_json_lines(self, to: str | Path | TextIO, *, records: bool = False) -> int:
        """Write one JSON object a request, optionally with its records; return how many were written.

        A path names a file, which is replaced.
        """
        exchanges = self._exchanges(self._since)
        if not isinstance(to, (str, Path)):
            return write_lines(exchanges, to, records=records)
        with Path(to).open("w", encoding="utf-8") as file:
            return write_lines(exchanges, file, records=records)


class Recording(Requests):
    """The requests that came within a block."""

    def __init__(self, log: RequestLogControl, status: LogStatus) -> None:
        super().__init__(status.mark)
        self._log = log
        self._begun = status.begun
        self._until: int | None = None
        self._kept: tuple[list[Exchange], LogStatus] | None = None

    def end(self) -> None:
        """Include no later requests than those so far."""
        self._until = self._log.mark

    def keep(self) -> None:
        """Fetch everything, because the next log replaces the one that this is a part of."""
        if self._kept is None and self._log.begun == self._begun:
            self._kept = self._exchanges(self._since), self._status()

    def wait_for(self, wanted: AwaitedRequest) -> Call[PackedExchanges]:
        """Start a wait for a request."""
        return self._log.wait(wanted, since=self._since)

    def _exchanges(self, since: int) -> list[Exchange]:
        exchanges = self._log.of(self._begun, since) if self._kept is None else self._kept[0]
        return [
            each for each in exchanges if each.number > since and (self._until is None or each.number <= self._until)
        ]

    def _status(self) -> LogStatus:
        if self._kept is not None:
            return self._kept[1]
        status = self._log.status()
        if status.begun != self._begun:
            raise _replaced()
        return status


class RequestLogControl(Subject, Requests):
    """The request log of a broker. It is off, and costs nothing, until it is switched on."""

    def __init__(self, transport: Transport | None, local: LocalServer | None = None) -> None:
        Subject.__init__(self, transport, local)
        Requests.__init__(self)
        self.waiters: Waiters[Exchange] = Waiters()
        self._log_or_none: RequestLog | None = None
        self._log_is_on = False
        self._logs_begun = 0
        self._recordings: WeakSet[Recording] = WeakSet()

    # Controls

    @post("/requests/start")
    def _start(self, calls: int = CALLS, size_bytes: int = SIZE_BYTES) -> None:
        """Begin to record requests, with an empty log. The oldest go when there are too many, or too many bytes."""
        from kafkalite.controls.request_log.file import request_log

        if calls < 1 or size_bytes < 1:
            raise InvalidRequest("'calls' and 'size_bytes' must be at least 1")
        if self._log_is_on:
            raise Conflict("the request log is on already")
        local = self._local_server
        log = request_log(
            lambda: local.surroundings,
            bounds=Bounds(calls=calls, size_bytes=size_bytes),
            on_change=lambda logged: self._changed(log, logged),
        )
        self._log_or_none = log
        self._logs_begun += 1
        log.attach(local.interceptors)
        self._log_is_on = True

    @post("/requests/stop")
    def stop(self) -> None:
        """Stop recording; what was recorded can still be queried."""
        self.switch_off()

    @get("/requests")
    @taking(Criteria)
    def _find(self, wanted: Criteria) -> FoundRequests:
        """Return the requests that match the filters, with [the fields of a line](request-log.md)."""
        log = self._log
        found = [LoggedRequest(exchange=each) for each in log.exchanges(since=wanted.since) if wanted.admits(each)]
        return FoundRequests(requests=tuple(found), mark=log.seen, dropped=log.dropped)

    @get("/requests/log", outlives_broker=True)
    def status(self) -> LogStatus:
        """Return how many logs were begun, whether the last one records, and how much it has seen and dropped."""
        log = self._log_or_none
        if log is None:
            return LogStatus()
        return LogStatus(begun=self._logs_begun, is_on=self._log_is_on, mark=log.seen, dropped=log.dropped)

    @get("/requests/raw", outlives_broker=True)
    def _raw(self, since: int = 0) -> PackedExchanges:
        """Return the requests as the bytes that were sent, in base64, for a client that decodes them."""
        return PackedExchanges(self._logs_begun, list(self._log.exchanges(since=since)))

    @delete("/requests")
    def clear(self) -> None:
        """Remove what was recorded so far."""
        self._log.clear()

    @post("/await/request")
    @taking(AwaitedRequest)
    async def _await(self, wanted: AwaitedRequest) -> LoggedRequest:
        """Wait for a request that matches the filters and has ended; with an `outcome` for that, also `waiting`."""
        return LoggedRequest(exchange=await self._awaited(wanted))

    @post("/await/request/raw")
    @taking(AwaitedRequest)
    async def _await_raw(self, wanted: AwaitedRequest) -> PackedExchanges:
        """Wait for a request as above, and return it as the bytes that were sent."""
        return PackedExchanges(self._logs_begun, [await self._awaited(wanted)])

    # What tests call

    @property
    def is_on(self) -> bool:
        """Whether requests are being recorded."""
        return self.status().is_on

    @property
    def begun(self) -> int:
        """How many logs have been begun so far."""
        return self.status().begun

    def start(self, *, calls: int = CALLS, size_bytes: int = SIZE_BYTES) -> None:
        """Begin to record, with an empty log. The oldest requests go when there are too many, or too many bytes."""
        for recording in tuple(self._recordings):
            recording.keep()
        self._start(calls=calls, size_bytes=size_bytes)

    @contextmanager
    def recording(self) -> Generator[Recording]:
        """Record inside the block, and yield the requests that come within it, for use afterwards as well."""
        started = not self.is_on
        if started:
            self.start()
        recording = Recording(self, self.status())
        self._recordings.add(recording)
        try:
            yield recording
        finally:
            recording.end()
            if started:
                self.stop()

    def wait_for(self, wanted: AwaitedRequest) -> Call[PackedExchanges]:
        """Start a wait for a request."""
        return self.wait(wanted, since=0)

    def wait(self, wanted: AwaitedRequest, *, since: int) -> Call[PackedExchanges]:
        """Start a wait for a request after a mark."""
        return self._await_raw.start(**wanted.as_arguments(since=since))

    def of(self, begun: int, since: int) -> list[Exchange]:
        """Return the requests of the ``begun``-th log after a mark. Raises LookupError if another has replaced it."""
        raw = self._raw(since)
        if raw.begun != begun:
            raise _replaced()
        return raw.requests

    def _exchanges(self, since: int) -> list[Exchange]:
        return self._raw(since).requests

    def _status(self) -> LogStatus:
        return self.status()

    # In the broker's loop

    def switch_off(self) -> None:
        """Stop recording."""
        if self._log_is_on:
            self._log.detach(self._local_server.interceptors)
            self._log_is_on = False

    @property
    def _log(self) -> RequestLog:
        if self._log_or_none is None:
            raise NotFound(
                "the request log is off and has recorded nothing: "
                "use `with kafkalite.requests.recording() as log:` or kafkalite.requests.start()"
            )
        return self._log_or_none

    async def _awaited(self, wanted: AwaitedRequest) -> Exchange:
        if not self._log_is_on:
            raise Conflict("the request log is off, and would wait for ever: kafkalite.requests.start() switches it on")

        def look(changed: Exchange | None) -> Exchange | None:
            exchanges = self._log.exchanges(since=wanted.since) if changed is None else (changed,)
            return next((exchange for exchange in exchanges if _is_awaited(wanted, exchange)), None)

        return await within(wanted.timeout, self.waiters.until(look), lambda: self._missing(wanted))

    def _changed(self, log: RequestLog, logged: LoggedCall) -> None:
        if self.waiters and log is self._log_or_none:  # a request may end when another log has been begun
            self.waiters.check(log.exchange(logged))

    def _missing(self, wanted: Criteria) -> str:
        log = self._log
        exchanges = list(log.exchanges(since=wanted.since))
        apis = ", ".join(f"{api} {count}" for api, count in Counter(e.api for e in exchanges).most_common())
        dropped = f", and {log.dropped} dropped before" if log.dropped else ""
        lines = "".join(f"\n  {exchange}" for exchange in exchanges[-_SHOWN:])
        return f"waited for: {wanted}\nin the log: {apis or 'no requests'}{dropped}; the last of them:{lines}"


def _is_awaited(wanted: Criteria, exchange: Exchange) -> bool:
    has_ended = wanted.outcome is not None or exchange.outcome is not Outcome.WAITING
    return has_ended and wanted.admits(exchange)


def _replaced() -> NotFound:
    return NotFound("that request log is gone: somebody else has begun another, and a broker keeps the last")

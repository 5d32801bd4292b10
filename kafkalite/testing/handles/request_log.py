"""The request log as a test has it: switched on and off, asked, awaited and written down."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, TypedDict, get_type_hints

from kafkalite.controls.request_log.criteria import Criteria, api_key, error_code
from kafkalite.controls.request_log.exchange import Exchange, Outcome
from kafkalite.controls.request_log.log import CALLS, SIZE_BYTES, Bounds
from kafkalite.testing.model.errors import NotPossible, NotThere
from kafkalite.testing.model.wait import PATIENCE

if TYPE_CHECKING:
    from typing import Unpack

    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.handles.steering import RecordedLog, Recorder
    from kafkalite_wire.apis import ApiKey


class Filters(TypedDict, total=False):
    """What requests can be chosen by, beside their API; all that is given must hold."""

    client_id: str
    connection: int
    group: str
    topic: str
    partition: int
    error: str | int
    """An error anywhere in the response, by Kafka's name or code; ``NONE`` for answers without any."""
    outcome: str
    """``waiting``, ``answered``, ``unanswered``, ``cut off`` or ``disconnected``."""
    since: int
    """Only what came after this mark."""
    since_ms: int
    until_ms: int
    """The broker's time, milliseconds since 1970, at which the request came."""


_TYPES: Final = get_type_hints(Filters)


def _outcome(name: str) -> Outcome:
    try:
        return Outcome(name)
    except ValueError:
        known = ", ".join(map(repr, (each.value for each in Outcome)))
        raise NotPossible(f"there is no outcome {name!r}; outcomes: {known}") from None


def criteria(api: str | ApiKey | None, filters: Filters, *, since: int = 0) -> Criteria:
    """Make what is looked for of what was asked for. Raises ValueError for names that Kafka does not have."""
    error = filters.get("error")
    outcome = filters.get("outcome")
    for name, value in filters.items():
        if name not in _TYPES:
            raise TypeError(f"requests cannot be chosen by {name}, but by {', '.join(_TYPES)}")
        if not isinstance(value, _TYPES[name]):
            raise TypeError(f"{name}={value!r}: a filter of another type would find nothing")
    return Criteria(
        api=None if api is None else api_key(api),
        client_id=filters.get("client_id"),
        connection=filters.get("connection"),
        group=filters.get("group"),
        topic=filters.get("topic"),
        partition=filters.get("partition"),
        error=None if error is None else error_code(error),
        outcome=None if outcome is None else _outcome(outcome),
        since=max(since, filters.get("since", 0)),
        since_ms=filters.get("since_ms"),
        until_ms=filters.get("until_ms"),
    )


class Requests:
    """Requests that were recorded, in the order in which they came."""

    def __init__(self, backend: Backend, log: RecordedLog | None = None, since: int = 0) -> None:
        self._backend = backend
        self._recorded = log
        self._since = since
        self._until: int | None = None

    @property
    def _recorder(self) -> Recorder:
        return self._backend.steering.recorder

    @property
    def _log(self) -> RecordedLog:
        return self._recorder.log if self._recorded is None else self._recorded

    def find(self, api: str | ApiKey | None = None, **filters: Unpack[Filters]) -> list[Exchange]:
        """Give the requests that are as the filters say, of one API or all. Raises LookupError if there is no log."""
        wanted = criteria(api, filters, since=self._since)
        return [exchange for exchange in self._exchanges(wanted.since) if wanted.admits(exchange)]

    def one(self, api: str | ApiKey | None = None, **filters: Unpack[Filters]) -> Exchange:
        """Give the only request that is as the filters say. Raises LookupError unless there is exactly one."""
        found = self.find(api, **filters)
        if len(found) == 1:
            return found[0]
        wanted = criteria(api, filters, since=self._since)
        lines = "".join(f"\n  {exchange}" for exchange in found or self._exchanges(wanted.since)[-10:])
        what = f"there are {len(found)} times {wanted}:" if found else f"there is no {wanted}; the last requests:"
        raise NotThere(what + lines)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges(self._since))

    def __len__(self) -> int:
        return len(self._exchanges(self._since))

    @property
    def mark(self) -> int:
        """The number of the last request so far: ``since=`` it, only later ones are given."""
        return self._log.seen

    @property
    def dropped(self) -> int:
        """How many requests had to make room for newer ones."""
        return self._log.dropped

    def await_request(
        self, api: str | ApiKey | None = None, *, timeout: float = PATIENCE, **filters: Unpack[Filters]
    ) -> Exchange:
        """Wait for a request that is as the filters say, and has been answered or ended otherwise; the first one.

        With an ``outcome`` wait for that, also for ``waiting``. Requests that are in the log already count. Raises
        NotInTime, and ValueError if the log is off.
        """
        return self._recorder.until(criteria(api, filters, since=self._since)).result(timeout)

    def write_json_lines(self, to: str | Path | TextIO, *, records: bool = False) -> int:
        """Write one JSON object a request, with the records themselves if asked for; tells how many were written.

        A path names a file, which is replaced.
        """
        from kafkalite.controls.request_log.json_lines import write_lines

        exchanges = self._exchanges(self._since)
        if not isinstance(to, (str, Path)):
            return write_lines(exchanges, to, records=records)
        with Path(to).open("w", encoding="utf-8") as file:
            return write_lines(exchanges, file, records=records)

    def _exchanges(self, since: int) -> list[Exchange]:
        return self._recorder.exchanges(self._log, since=since, until=self._until)

    def _end(self) -> None:
        """Give no later requests than those so far."""
        self._until = self._log.seen


class RequestLogControl(Requests):
    """The request log of a broker. It is off, and costs nothing, until it is switched on."""

    @property
    def is_on(self) -> bool:
        """Whether requests are being recorded."""
        return self._recorder.is_on

    @property
    def begun(self) -> int:
        """How many logs have been begun so far."""
        return self._recorder.begun

    def start(self, *, calls: int = CALLS, size_bytes: int = SIZE_BYTES) -> None:
        """Begin to record, with an empty log. The oldest requests go when there are too many, or too many bytes."""
        self._recorder.start(Bounds(calls=calls, size_bytes=size_bytes))

    def stop(self) -> None:
        """Record no more; what was recorded can still be looked at."""
        self._recorder.stop()

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self._recorder.clear()

    @contextmanager
    def recording(self) -> Generator[Requests]:
        """Record inside the block, and give what comes within it; that can be looked at afterwards as well."""
        recorder = self._recorder
        started = not recorder.is_on
        if started:
            self.start()
        inside = Requests(self._backend, recorder.log, recorder.log.seen)
        try:
            yield inside
        finally:
            inside._end()  # noqa: SLF001 - of the base class
            if started:
                self.stop()

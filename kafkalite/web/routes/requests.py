"""The request log: what was asked, by whom, and the answer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, cast

from kafkalite.controls.request_log.json_lines import as_json
from kafkalite.controls.request_log.log import CALLS, SIZE_BYTES
from kafkalite.controls.request_log.packing import packed, packed_names
from kafkalite.testing.handles.request_log import criteria
from kafkalite.testing.model.wait import PATIENCE
from kafkalite.web.answers import BadInput
from kafkalite.web.routes.taken import Nothing, check_timeout
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.testing import Handle
    from kafkalite.testing.handles.request_log import Filters
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Requests that were recorded; what is given must hold."""

    api: str | None = None
    client_id: str | None = None
    connection: int | None = None
    group: str | None = None
    topic: str | None = None
    partition: int | None = None
    error: str | None = None
    outcome: str | None = None
    since: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited(Chosen):
    """A request that is waited for."""

    timeout: float = PATIENCE

    def __post_init__(self) -> None:
        check_timeout(self.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """How much a log keeps."""

    calls: int = CALLS
    size_bytes: int = SIZE_BYTES

    def __post_init__(self) -> None:
        if self.calls < 1 or self.size_bytes < 1:
            raise BadInput("'calls' and 'size_bytes' must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What came after a request."""

    since: int = 0


_FILTERS: Final = tuple(field.name for field in fields(Chosen) if field.name != "api")


def start(handle: Handle, asked: Began) -> Json:
    """Begin to record requests, with an empty log; the oldest go when there are too many, or too many bytes."""
    handle.requests.start(calls=asked.calls, size_bytes=asked.size_bytes)
    return {}


def stop(handle: Handle, _: Nothing) -> Json:
    """Record no more; what was recorded can still be looked at."""
    handle.requests.stop()
    return {}


def find(handle: Handle, asked: Chosen) -> Json:
    """Show the requests that are as the filters say, in [the fields of a line](request-log.md)."""
    mark = handle.requests.mark
    found = handle.requests.find(asked.api, **_filters(asked))
    return {"requests": [_shown(exchange) for exchange in found], "mark": mark, "dropped": handle.requests.dropped}


def about(handle: Handle, _: Nothing) -> Json:
    """Tell how many logs have been begun, whether the last one records, and how much it has seen and dropped."""
    log = handle.requests
    if not log.begun:
        return {"begun": 0, "is_on": False, "mark": 0, "dropped": 0}
    return {"begun": log.begun, "is_on": log.is_on, "mark": log.mark, "dropped": log.dropped}


def raw(handle: Handle, asked: Later) -> Json:
    """Show the requests as the bytes that travelled, in base64, for whoever decodes them."""
    found = handle.requests.find(since=asked.since)
    names = packed_names(found[0].topic_names) if found else {}
    requests = [cast("Json", packed(exchange)) for exchange in found]
    return {"begun": handle.requests.begun, "topic_names": names, "requests": requests}


def clear(handle: Handle, _: Nothing) -> Json:
    """Forget what was recorded so far."""
    handle.requests.clear()
    return {}


def await_request(handle: Handle, asked: Awaited) -> Json:
    """Wait for a request that is as the filters say and has ended; with an `outcome` for that, also `waiting`."""
    return _shown(handle.await_request(asked.api, timeout=asked.timeout, **_filters(asked)))


def _filters(asked: Chosen) -> Filters:
    given = {name: getattr(asked, name) for name in _FILTERS}
    filters = cast("Filters", {name: value for name, value in given.items() if value is not None})
    try:
        criteria(asked.api, filters)
    except ValueError as error:  # a name that Kafka does not have
        raise BadInput(str(error)) from None
    return filters


def _shown(exchange: Exchange) -> Json:
    return cast("Json", as_json(exchange, records=True))


ROUTES: Final = (
    route("POST", "/requests/start", Began, start),
    route("POST", "/requests/stop", Nothing, stop),
    route("GET", "/requests", Chosen, find),
    route("GET", "/requests/log", Nothing, about),
    route("GET", "/requests/raw", Later, raw),
    route("DELETE", "/requests", Nothing, clear),
    route("POST", "/await/request", Awaited, await_request),
)

"""The log itself: an observer that keeps what it is shown, and forgets the oldest when it is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from kafkalite.controls.request_log.exchange import End, Exchange, Outcome
from kafkalite.controls.request_log.keeping import Kept, keep_request, keep_response
from kafkalite.requests.context import MalformedFrame, RequestContext
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.requests.interceptors import Forward, InterceptorChain
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api

_BY_TOPIC_ID: Final[Mapping[int, tuple[int, str]]] = {
    ApiKey.PRODUCE: (13, "topic_data"),
    ApiKey.FETCH: (13, "topics"),
    ApiKey.OFFSET_COMMIT: (10, "topics"),
    ApiKey.DELETE_TOPICS: (6, "topics"),
}
"""From which version on requests have topics by their ids, and where."""

_GONE: Final = 10_000
"""So many names are kept of topics that there are no more, and ids that never were any topic's."""

CALLS: Final = 10_000
SIZE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept: calls, bytes of their messages, and bytes of the records of one message."""

    calls: int = CALLS
    size_bytes: int = SIZE_BYTES
    records_bytes: int = 1 << 20


class RequestLog(Interceptor):
    """The newest requests within the bounds, with their clients and responses.

    ``now`` tells monotonic seconds and ``wall_ms`` milliseconds since 1970; ``topic_names`` gives the names of topics
    by their ids. ``on_change`` is called with each call when it comes, and
    again when it has ended.
    """

    stage = Stage.OBSERVERS

    def __init__(
        self,
        *,
        now: Callable[[], float],
        wall_ms: Callable[[], int],
        topic_names: Callable[[], Mapping[bytes, str]],
        bounds: Bounds | None = None,
        on_change: Callable[[LoggedCall], None] | None = None,
    ) -> None:
        self._now = now
        self._wall_ms = wall_ms
        self._ask_topic_names = topic_names
        self._on_change = on_change
        self._calls: deque[LoggedCall] = deque()
        self._connections: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._connections_seen = 0
        self._topic_names = dict(topic_names())
        self.bounds = bounds or Bounds()
        self.size_bytes = 0
        """Bytes of messages that are kept."""
        self.seen = 0
        """How many calls there have been; also the number of the last one."""
        self.dropped = 0
        """How many of them had to make room for newer ones."""

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Keep a request, and how it ends."""
        response.observe(self.keep(request, context))
        forward()

    def keep(self, request: Any, context: RequestContext) -> LoggedCall:
        """Keep a request. Return its entry, which observes the response."""
        self.seen += 1
        self._learn_topic_names(request, context)
        logged = self._logged(context, keep_request(request, context, self.bounds.records_bytes))
        self._changed(logged)
        return logged

    def malformed(self, frame: MalformedFrame) -> None:
        """Keep what is known of a malformed frame, and none of its bytes."""
        self.seen += 1
        logged = self._logged(frame, Kept(frame.size))
        logged.end = End(Outcome.MALFORMED, logged.asked, reason=frame.reason)
        self._changed(logged)

    def attach(self, interceptors: InterceptorChain) -> None:
        """Keep the requests of a pipeline from now on."""
        interceptors.add(self)

    def detach(self, interceptors: InterceptorChain) -> None:
        """Keep no more requests; those that are kept still learn how they end."""
        interceptors.remove(self)

    def _logged(self, came: RequestContext | MalformedFrame, kept: Kept) -> LoggedCall:
        number = self._connection(came.info)
        logged = LoggedCall(self, came, self.seen, number, kept, self._now(), self._wall_ms())
        self._calls.append(logged)
        self._grown(kept.kept_size)
        return logged

    def clear(self) -> None:
        """Forget all calls; numbers go on."""
        for logged in self._calls:
            logged.is_kept = False
        self._calls.clear()
        self.size_bytes = self.dropped = 0

    def exchanges(self, *, since: int = 0) -> Iterator[Exchange]:
        """Show the calls after number ``since``, oldest first, as they stand now."""
        return (self.exchange(logged) for logged in tuple(self._calls) if logged.number > since)

    def exchange(self, logged: LoggedCall) -> Exchange:
        """Show one call as it stands now."""
        return logged.exchange(self._topic_names)

    def ended(self, logged: LoggedCall, outcome: Outcome, response: object | None = None, reason: str = "") -> None:
        """Note how a call ended, at once: what a response borrows is not there for long."""
        kept = None
        if response is not None and logged.api is not None:
            kept = keep_response(logged.api, logged.api_version, response, self.bounds.records_bytes)
        logged.end = End(outcome, self._now(), kept, reason)
        if logged.is_kept and kept is not None:
            self._grown(kept.kept_size)
        self._changed(logged)

    def _grown(self, size: int) -> None:
        self.size_bytes += size
        # The newest call is kept, even if it exceeds the bounds: a log that is empty after a call is of no use.
        while len(self._calls) > 1 and (
            len(self._calls) > self.bounds.calls or self.size_bytes > self.bounds.size_bytes
        ):
            oldest = self._calls.popleft()
            oldest.is_kept = False
            self.size_bytes -= oldest.kept_size
            self.dropped += 1

    def _changed(self, logged: LoggedCall) -> None:
        if self._on_change is not None:
            self._on_change(logged)

    def _connection(self, connection: object) -> int:
        number = self._connections.get(connection)
        if number is None:
            self._connections_seen += 1
            number = self._connections[connection] = self._connections_seen
        return number

    def _learn_topic_names(self, request: Any, context: RequestContext) -> None:
        """Ask for names when a request names an id first: later the topic may have been deleted."""
        since, field = _BY_TOPIC_ID.get(context.api.key, (0, ""))
        if not field or context.api_version < since:
            return
        for topic in getattr(request, field):
            if topic.topic_id not in self._topic_names:
                there = self._ask_topic_names()
                self._topic_names.update(there)
                self._topic_names.setdefault(topic.topic_id, "")
                if len(self._topic_names) > len(there) + _GONE:
                    del self._topic_names[next(known for known in self._topic_names if known not in there)]


def _name(api: Api | None, api_key: int) -> str:
    if api is not None:
        return api.name
    return "unknown" if api_key < 0 else f"API {api_key}"


class LoggedCall:
    """A call in the log, which hears how it ends."""

    __slots__ = (
        "_log", "api", "api_key", "api_version", "asked", "asked_ms", "broker", "client_host", "client_id",
        "client_port", "connection", "correlation_id", "end", "is_kept", "number", "request",
    )  # fmt: skip

    def __init__(
        self,
        log: RequestLog,
        came: RequestContext | MalformedFrame,
        number: int,
        connection: int,
        request: Kept,
        asked: float,
        asked_ms: int,
    ) -> None:
        self._log = log
        self.api: Api | None = came.api
        self.api_key = came.api_key if isinstance(came, MalformedFrame) else int(came.api.key)
        self.api_version = came.api_version
        self.correlation_id = came.correlation_id
        self.client_id = came.client_id
        self.broker = came.info.broker
        self.client_host = came.info.host
        self.client_port = came.info.port
        self.connection = connection
        self.number = number
        self.request = request
        self.asked = asked
        self.asked_ms = asked_ms
        self.end: End | None = None
        self.is_kept = True

    @property
    def kept_size(self) -> int:
        """How many bytes are kept of both messages."""
        response = None if self.end is None else self.end.response
        return self.request.kept_size + (0 if response is None else response.kept_size)

    def sent(self, response: object | None) -> None:
        """Record the response, None if nothing was sent."""
        self._log.ended(self, Outcome.UNANSWERED if response is None else Outcome.ANSWERED, response)

    def failed(self, reason: str) -> None:
        """Record why the connection was closed instead."""
        self._log.ended(self, Outcome.CUT_OFF, reason=reason)

    def disconnected(self) -> None:
        """Record that the client disconnected before there was a response."""
        self._log.ended(self, Outcome.DISCONNECTED)

    def exchange(self, topic_names: Mapping[bytes, str]) -> Exchange:
        """Show the call as it stands now."""
        end = self.end
        response = None if end is None else end.response
        return Exchange(
            number=self.number,
            api_key=self.api_key,
            api=_name(self.api, self.api_key),
            api_version=self.api_version,
            correlation_id=self.correlation_id,
            client_id=self.client_id,
            broker=self.broker,
            client_host=self.client_host,
            client_port=self.client_port,
            connection=self.connection,
            asked_ms=self.asked_ms,
            latency=None if end is None else end.at - self.asked,
            outcome=Outcome.WAITING if end is None else end.outcome,
            reason="" if end is None else end.reason,
            request_bytes=self.request.size,
            response_bytes=0 if response is None else response.size,
            declared=self.api,
            kept_request=self.request,
            kept_response=response,
            topic_names=topic_names,
        )

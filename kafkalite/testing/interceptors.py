"""Run messages through interceptors without a server: the test kit for your own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from kafkalite.errors import RequestError
from kafkalite.interceptors.installing import InstalledInterceptors
from kafkalite.interceptors.interface import MessageInterceptor
from kafkalite.proxy.upstream_end import LosslessEnd
from kafkalite.requests.context import ConnectionInfo
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.pipeline import Pipeline
from kafkalite.requests.steps import StepQueue
from kafkalite_wire.codec import decode
from kafkalite_wire.frames import api_of, decode_response, encode_request
from kafkalite_wire.headers import read_request_header

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.response_handle import QueuedResponse
    from kafkalite_wire.schema import Payload

_LENGTH = 4
_CORRELATION_ID = 7

Answer = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What came of a request."""

    request: Any
    """What the cluster was sent; None if an interceptor answered instead."""
    response: Any
    """What the client was sent; None if there was no response."""
    closed: str | None = None
    """Why the connection was closed in place of a response."""
    throttled: float = 0.0
    """Seconds for which the client is not read from after the response."""


class InterceptorRun:
    """A client, some interceptors, and a cluster whose answers the test chooses.

    Messages are encoded and decoded as on their way through a proxy, in any version::

        run = InterceptorRun(MyInterceptor(limit=3))
        exchange = run.send(ProduceRequest(...), answer=ProduceResponse(...), version=9)

    The connection is the same for all requests of a run.
    """

    def __init__(
        self,
        interceptors: MessageInterceptor | Iterable[MessageInterceptor],
        *,
        principal: str = "User:ANONYMOUS",
        topic_ids: Mapping[bytes, str] | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``topic_ids`` are the names of topics by their ids, as far as the proxy knows them."""
        self._names = dict(topic_ids or {})
        self._end = _Cluster()
        self._connection = _Client(principal)
        self.pipeline = Pipeline(self._end, self._connection.crash_guard)
        self._connection.steps = self.pipeline.steps
        self.now = now
        self._installed = InstalledInterceptors(self)
        self._installed.replace([interceptors] if isinstance(interceptors, MessageInterceptor) else interceptors)

    def topic_name(self, key: str | bytes, /) -> str | None:
        """Return the name of a topic by its name or id, or None if it is not known."""
        return key if isinstance(key, str) else self._names.get(key)

    def send(
        self, request: Any, *, answer: Any | Answer = None, version: int | None = None, client_id: str = "client"
    ) -> Exchange:
        """Send a request, and return what came of it.

        ``answer`` is the cluster's response, or a function that makes it of the request that reaches the cluster.
        ``version`` is by default the newest. An exception of an interceptor is raised here.
        """
        api = api_of(request)
        version = api.max_version if version is None else version
        end, connection = self._end, self._connection
        end.answer = cast("Answer", answer) if callable(answer) else lambda _: answer
        end.received = None
        connection.begin()
        frame = encode_request(api, version, _CORRELATION_ID, client_id, request)
        try:
            self.pipeline(connection, memoryview(bytearray(frame))[_LENGTH:])
            while self.pipeline.steps.run_step():
                pass
        except RequestError as error:
            connection.fail(str(error))
        if connection.crash is not None:
            raise connection.crash
        sent = connection.sent
        return Exchange(
            request=end.received,
            response=decode_response(api, version, sent[_LENGTH:])[1] if sent else None,
            closed=connection.reason,
            throttled=connection.muted,
        )


class _Cluster(LosslessEnd):
    def __init__(self) -> None:
        self.answer: Answer = lambda _: None
        self.received: Any | None = None

    def handle(self, request: Any, context: RequestContext) -> object | None:
        # As the cluster sees it, after another way through the codec.
        api, version = context.api, context.api_version
        frame = memoryview(encode_request(api, version, 0, None, request, lossless=True))[_LENGTH:]
        self.received = decode(api.request_type, version, frame, read_request_header(frame).body)
        return cast("object | None", self.answer(self.received))


class _Client:
    def __init__(self, principal: str) -> None:
        self.info = ConnectionInfo(host="127.0.0.1", port=50000, principal=principal)
        self.crash_guard = CrashGuard()
        self.crash_guard.on_crash = self._crashed
        self.steps = StepQueue(self.crash_guard)
        self.is_open = True
        self.begin()

    def begin(self) -> None:
        self._waiting: deque[QueuedResponse | list[Payload]] = deque()
        self.sent = b""
        self.muted = 0.0
        self.reason: str | None = None
        self.crash: Exception | None = None

    def respond(self, parts: list[Payload]) -> None:
        self._waiting.append(parts)
        self.flush_responses()

    def enqueue(self, response: QueuedResponse) -> None:
        self._waiting.append(response)

    def flush_responses(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            parts = first if isinstance(first, list) else first.parts
            if parts is None:
                return
            self._waiting.popleft()
            self.sent += b"".join(bytes(memoryview(cast("bytes", part))) for part in parts)
            self.muted = 0.0 if isinstance(first, list) else first.mute_seconds

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def fail(self, reason: str) -> None:
        self.reason = self.reason or reason

    def _crashed(self, error: Exception) -> None:
        self.crash = error

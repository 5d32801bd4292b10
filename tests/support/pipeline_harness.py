"""A pipeline without a broker or a socket: an end and a connection that tests play by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from kafkalite.requests.context import ConnectionInfo, RequestContext
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.pipeline import Pipeline
from kafkalite.requests.response_handle import QueuedResponse
from kafkalite.requests.steps import StepQueue, Steps
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, decode_steps, encode
from kafkalite_wire.headers import start_response
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.schema import Payload

HEARTBEAT = APIS[ApiKey.HEARTBEAT]
VERSION = 0


class FakeConnection:
    """Keeps what it is to send, in the order in which a client would receive it."""

    def __init__(self) -> None:
        self.info = ConnectionInfo(host="10.0.0.1", port=4711)
        self.crash_guard = CrashGuard()
        self.steps = StepQueue(self.crash_guard)
        self.is_open = True
        self.paused = 0
        self.sent: list[int] = []
        """The error code of each response."""
        self.failures: list[str] = []
        self.waiting: deque[QueuedResponse | list[Payload]] = deque()

    def respond(self, parts: list[Payload]) -> None:
        self.waiting.append(parts)
        self.flush_responses()

    def enqueue(self, response: QueuedResponse) -> None:
        self.waiting.append(response)

    def flush_responses(self) -> None:
        while self.waiting:
            first = self.waiting[0]
            parts = first if isinstance(first, list) else first.parts
            if parts is None:
                return
            self.waiting.popleft()
            if parts:
                self.sent.append(error_in(parts))

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        self.paused -= 1

    def fail(self, reason: str) -> None:
        self.failures.append(reason)

    def disconnect(self) -> None:
        waiting, self.waiting = self.waiting, deque()
        for each in waiting:
            if not isinstance(each, list):
                each.disconnected()


class FakeEnd:
    """Handles each request with a function; by default it answers error 0."""

    is_lossless = False

    def __init__(self, handle: Callable[[Any, RequestContext], object] | None = None) -> None:
        self._handle = handle or (lambda request, context: answer(0))
        self.handled: list[Any] = []
        self.decoded = 0
        self.turns = 0
        """Steps before the last one in which a large frame is decoded."""
        self.ended = 0

    def decode(self, api: Api, version: int, frame: memoryview, body: int) -> Any:
        self.decoded += 1
        return decode(api.request_type, version, frame, body)

    def decode_steps(self, api: Api, version: int, frame: memoryview, body: int) -> Steps[Any]:
        self.decoded += 1
        for _ in range(self.turns):
            yield
        return (yield from decode_steps(api.request_type, version, frame, body))

    def handle(self, request: Any, context: RequestContext) -> object | None:
        self.handled.append(request)
        return self._handle(request, context)

    def after_request(self) -> None:
        self.ended += 1

    def unsupported_api_versions(self) -> object:
        raise NotImplementedError


def pipeline(handle: Callable[[Any, RequestContext], object] | None = None) -> tuple[Pipeline, FakeEnd, FakeConnection]:
    """Make a pipeline with its end and one connection."""
    end, connection = FakeEnd(handle), FakeConnection()
    made = Pipeline(end, connection.crash_guard)
    connection.steps = made.steps
    return made, end, connection


def answer(error: int) -> HeartbeatResponse:
    return HeartbeatResponse(error_code=error)


def heartbeat(member_id: str = "m") -> HeartbeatRequest:
    return HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)


def frame(request: object, number: int = 7) -> memoryview:
    """Encode a request of Heartbeat version 0, in a buffer that a test may overwrite."""
    head = int(HEARTBEAT.key).to_bytes(2) + VERSION.to_bytes(2) + number.to_bytes(4) + b"\0\x01c"
    return memoryview(bytearray(head + encode(request, VERSION)))


def error_in(parts: list[Payload]) -> int:
    """Return the error code of an encoded Heartbeat response."""
    data = b"".join(bytes(memoryview(part)) for part in parts)  # type: ignore[arg-type]  # these are buffers
    error: int = decode(HeartbeatResponse, VERSION, data, len(start_response(HEARTBEAT, VERSION, 0))).error_code
    return error

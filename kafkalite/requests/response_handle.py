"""The response handle: what a handler, coordinator or interceptor settles when it responds later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from kafkalite_wire.frames import encode_response, encode_response_steps

if TYPE_CHECKING:
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.steps import StepQueue, Steps
    from kafkalite_wire.apis import Api
    from kafkalite_wire.schema import Payload

Response = TypeVar("Response", contravariant=True)


class ResponseQueue(Protocol):
    """What a response handle needs of its connection."""

    @property
    def crash_guard(self) -> CrashGuard:
        """Handles exceptions of callbacks."""
        ...

    @property
    def steps(self) -> StepQueue:
        """Runs what is to be done in steps."""
        ...

    def flush_responses(self) -> None:
        """Send every response whose turn has come."""
        ...

    def fail(self, reason: str) -> None:
        """Close the connection and log why."""
        ...


class QueuedResponse(Protocol):
    """A place in a connection's order of responses."""

    mute_seconds: float
    """How long the connection is ignored after the response has left (KIP-219)."""

    @property
    def parts(self) -> list[Payload] | None:
        """The encoded response once it is known; empty if there is nothing to send."""
        ...

    def next_request_arrived(self) -> None:
        """Note that another request has come, whose response must wait for this one."""
        ...

    def disconnected(self) -> None:
        """Note that the connection has ended."""
        ...


class ResponseObserver(Protocol):
    """Learns how a request ended: exactly one of these is called, once."""

    def sent(self, response: object | None) -> None:
        """Learn the response, or None if there was none to send; what it borrows is valid during the call."""
        ...

    def failed(self, reason: str) -> None:
        """Learn that the connection was closed in place of a response."""
        ...

    def disconnected(self) -> None:
        """Learn that the connection ended before there was a response."""
        ...


class ResponseHandle(Generic[Response]):
    """The response that one request is owed, and its place in the connection's order.

    It is settled exactly once, by :meth:`send` or :meth:`fail`, now or later. After the client has disconnected it can
    still be settled; nothing is sent then.
    """

    __slots__ = (
        "_api",
        "_api_version",
        "_correlation_id",
        "_has_next_request",
        "_observers",
        "_on_disconnect",
        "_on_next_request",
        "_outer",
        "_queue",
        "_to",
        "is_lossless",
        "is_settled",
        "mute_seconds",
        "parts",
    )

    def __init__(
        self,
        api: Api,
        api_version: int,
        correlation_id: int,
        queue: ResponseQueue | None,
        *,
        outer: ResponseHandle[Any] | None = None,
        to: Callable[[Any], None] | None = None,
    ) -> None:
        self._api = api
        self._api_version = api_version
        self._correlation_id = correlation_id
        self._queue = queue
        self._outer = outer
        self._to = to
        self._observers: tuple[ResponseObserver, ...] = ()
        self._on_disconnect: list[Callable[[], None]] = []
        self._on_next_request: Callable[[], None] | None = None
        self._has_next_request = False
        self.is_settled = False
        self.is_lossless = False
        """Whether to encode what a lossless decoder kept (:mod:`kafkalite_wire.lossless`)."""
        self.mute_seconds = 0.0
        self.parts: list[Payload] | None = None
        """The encoded response, once it is settled; empty if there is nothing to send."""

    # For those who respond

    def send(self, response: Response | None) -> None:
        """Send the response when all earlier ones have left; None sends nothing, and the later ones follow."""
        if self.is_settled:
            raise RuntimeError(f"a request of {self._api.name} v{self._api_version} is answered twice")
        self.is_settled = True
        if self._to is not None:
            self._tell(lambda observer: observer.sent(response))
            self._to(response)
        elif self._queue is not None:
            self._queue.steps.start(self._api.name, self._encode(response), self.fail)

    def send_from(self, steps: Steps[Response]) -> None:
        """Run steps, the first one at once, and send the response that they return."""
        if self._queue is not None:
            self._queue.steps.start(self._api.name, self._send_result(steps), self.fail)

    def _send_result(self, steps: Steps[Response]) -> Steps[None]:
        self.send((yield from steps))

    def _encode(self, response: Response | None) -> Steps[None]:
        parts: list[Payload] = []
        if response is not None:
            encode = _encode_losslessly if self.is_lossless else encode_response_steps
            parts = yield from encode(self._api, self._api_version, self._correlation_id, response)
        self._tell(lambda observer: observer.sent(response))
        self.parts = parts
        if self._queue is not None:
            self._queue.flush_responses()

    def fail(self, reason: str) -> None:
        """Close the connection in place of a response, and log why; also after the response was sent."""
        self.is_settled = True
        self._tell(lambda observer: observer.failed(reason))
        if self._outer is not None:
            self._outer.fail(reason)
        elif self._queue is not None:
            self._queue.fail(reason)

    def mute(self, seconds: float) -> None:
        """Ignore the connection for that long after the response has left (KIP-219): nothing is read or sent."""
        if self._outer is not None:
            self._outer.mute(seconds)
        else:
            self.mute_seconds = max(self.mute_seconds, seconds)

    def on_disconnect(self, call: Callable[[], None]) -> None:
        """Call ``call`` if the client disconnects before the response is settled."""
        if self._outer is not None:
            self._outer.on_disconnect(call)
        else:
            self._on_disconnect.append(call)

    def on_next_request(self, call: Callable[[], None]) -> None:
        """Call ``call`` once when a pipelined request stands behind this one; at once if one already does."""
        if self._outer is not None:
            self._outer.on_next_request(call)
        elif self._has_next_request:
            call()
        else:
            self._on_next_request = call

    @property
    def is_disconnected(self) -> bool:
        """Whether the client has disconnected."""
        return self._queue is None if self._outer is None else self._outer.is_disconnected

    # For interceptors

    def observe(self, observer: ResponseObserver) -> None:
        """Notify ``observer`` of how the request ends."""
        self._observers += (observer,)
        if self._outer is not None:
            self._outer.on_disconnect(lambda: self._tell(lambda each: each.disconnected()))

    def redirected(self, to: Callable[[Any], None]) -> ResponseHandle[Any]:
        """Return a handle whose response is passed to ``to`` in place of the client; ``to`` settles this one."""
        return ResponseHandle(self._api, self._api_version, self._correlation_id, self._queue, outer=self, to=to)

    # For the connection

    def next_request_arrived(self) -> None:
        """Note that another request has come, whose response must wait for this one."""
        self._has_next_request = True
        if self._on_next_request is not None and self._queue is not None:
            call, self._on_next_request = self._on_next_request, None
            self._queue.crash_guard.guard("a response that waited", call, self.fail)

    def disconnected(self) -> None:
        """Note that the connection has ended."""
        self._queue = None
        if not self.is_settled:
            self._tell(lambda observer: observer.disconnected())
            for call in self._on_disconnect:
                call()

    def _tell(self, tell: Callable[[ResponseObserver], None]) -> None:
        observers, self._observers = self._observers, ()
        for observer in observers:
            tell(observer)


def _encode_losslessly(api: Api, api_version: int, correlation_id: int, response: object) -> Steps[list[Payload]]:
    yield from ()
    return encode_response(api, api_version, correlation_id, response, lossless=True)

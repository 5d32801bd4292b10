"""From a frame to its response: what every request goes through, in a broker and later in a proxy.

Theory of operation
-------------------

    frame -> header -> context -> interceptors -> end -> response handle -> connection

A connection cuts its bytes into frames and calls the :class:`Pipeline` with each. The frame is a view of the
connection's buffer: it is valid until the call returns, and so is everything that borrows from it.

The header says which API and version the request is of. A frame without a readable header, of an unknown API or an
unsupported version closes the connection, as in Kafka; ApiVersions alone is answered in any version (KIP-511). What
closes a connection is a RequestError, whose message is logged as the reason.

Before the body is decoded the interceptors have said whether they want this API and version; the answer is
remembered, so that a request costs one look-up where interceptors are installed, and nothing where there are none. A
request that is wanted is copied first, because interceptors may hold it longer than the connection's buffer keeps it.
Interceptors that decide at once and concern few requests, such as authorization, screen them instead: if all that want
an API do so, the decoded request is shown to them, and goes straight to the end unless it concerns one of them.

Each interceptor is given the message, its context, a response handle, and a function that forwards the request. It
either forwards, now or later, perhaps with another message, or settles the response itself. To see or change the
response, it forwards with a redirected handle. Their order is that of
:class:`~kafkalite.requests.interceptors.Stage`: observers such as the request log see everything; rules about groups
and faults stand for what happens around a broker; then come authentication, authorization and quotas, which are the
broker's own.

The :class:`End` decodes and handles what is left: the handlers of a broker, or a cluster that requests are relayed
to. The pipeline knows nothing else of it. An end answers in one of three ways:

- It returns the response. This is the normal way of every small request: the response is encoded and handed to the
  connection in the same call, and no response handle is made unless an interceptor wants the request.
- It takes the response handle with ``context.defer()`` and returns None. The handle keeps the request's place in the
  order of responses. It is settled exactly once, by ``send`` or ``fail``; it knows when the client has disconnected,
  and when another request stands behind it.
- It returns a generator, which does work in proportion to the request in steps of a few milliseconds. The first step
  runs at once; the others take turns with those of other requests, one in each turn of the event loop. Until the last
  one the connection is paused: it keeps the frame and starts no other request.

A frame of more than 16 KiB is decoded in steps, too, and so is every response encoded that goes through a response
handle; most of them have finished after the first one.

After each request the end completes what the request made ready for others, such as fetches that wait for the records
that were appended; their responses leave behind the request's own.

An unexpected exception, of a handler, an interceptor or a step, is logged with its traceback by the crash guard, and
closes the connection of its request only.
"""

from __future__ import annotations

import struct
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kafkalite.errors import RequestError
from kafkalite.requests.context import MalformedFrame, RequestContext
from kafkalite.requests.interceptors import InterceptorChain
from kafkalite.requests.steps import StepQueue
from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.frames import encode_response
from kafkalite_wire.headers import RequestHeader, read_request_header

if TYPE_CHECKING:
    from kafkalite.requests.context import Connection
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.interceptors import Interceptor
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.requests.steps import Steps

_INT32: Final = struct.Struct(">i")
_INT16: Final = struct.Struct(">h")
_UNFINISHED: Final = object()
_LARGE_FRAME: Final = 16 * 1024


class End(Protocol):
    """Where the pipeline ends: the handlers of a broker, or a cluster that requests are relayed to."""

    is_lossless: bool
    """Whether messages keep unknown tagged fields and odd text (:mod:`kafkalite_wire.lossless`)."""

    def decode(self, api: Api, version: int, frame: memoryview, body: int) -> Any:
        """Decode the message that begins at ``body``. Raises WireError."""
        ...

    def decode_steps(self, api: Api, version: int, frame: memoryview, body: int) -> Steps[Any]:
        """Do what :meth:`decode` does, in steps."""
        ...

    def handle(self, request: Any, context: RequestContext) -> object | None:
        """Handle a request.

        Return its response, or None where there is none to send or ``context.defer()`` has been called, or Steps.
        Raises RequestError to close the connection.
        """
        ...

    def after_request(self) -> None:
        """Do what the request left to be done once its own response is under way."""
        ...

    def unsupported_api_versions(self) -> object:
        """Return the answer to an ApiVersions request of an unsupported version; it is sent in version 0 (KIP-511)."""
        ...


class Pipeline:
    """Takes the frames of all connections through the interceptors to one end."""

    def __init__(
        self,
        end: End,
        crash_guard: CrashGuard,
        steps: StepQueue | None = None,
        interceptors: InterceptorChain | None = None,
        *,
        only_served: bool = True,
    ) -> None:
        """``interceptors`` may be those of other pipelines, too.

        ``only_served`` is false where the end takes all declared APIs, also those without a handler here.
        """
        self.end = end
        """May be replaced while no client is connected; requests that are held then are not forwarded any more."""
        self.interceptors = InterceptorChain() if interceptors is None else interceptors
        self.steps = StepQueue(crash_guard) if steps is None else steps
        self._only_served = only_served
        self._crash_guard = crash_guard

    def __call__(self, connection: Connection, frame: memoryview) -> None:
        """Start one request. Raises RequestError to close the connection.

        The frame is valid during the call, and as long as the connection is paused.
        """
        header = None
        interceptors: tuple[Interceptor, ...] = ()
        screens = False
        try:
            header = read_request_header(frame)
            api, version = header.api, header.api_version
            if not api.min_version <= version <= api.max_version or (self._only_served and not api.served):
                self._unsupported(connection, header)
                return
            if self.interceptors:
                interceptors, screens = self.interceptors.wanting(api, version)
                if not screens:
                    # An interceptor may hold the request, and the buffer that the frame lies in is used again.
                    frame = memoryview(bytearray(frame))
            if len(frame) > _LARGE_FRAME:
                large = self._start_large(connection, frame, header, interceptors, screens)
                self.steps.start(f"decoding {api.name}", large, connection.fail)
                return
            request = self.end.decode(api, version, frame, header.body)
        except WireError as error:
            raise self._malformed(connection, frame, header, error) from None
        self._start(connection, frame, header, interceptors, screens, request)

    def _start_large(
        self,
        connection: Connection,
        frame: memoryview,
        header: RequestHeader,
        interceptors: tuple[Interceptor, ...],
        screens: bool,
    ) -> Steps[None]:
        connection.pause()
        try:
            request = yield from self.end.decode_steps(header.api, header.api_version, frame, header.body)
        except WireError as error:
            raise self._malformed(connection, frame, header, error) from None
        finally:
            connection.resume()
        if connection.is_open:
            self._start(connection, frame, header, interceptors, screens, request)

    def _start(
        self,
        connection: Connection,
        frame: memoryview,
        header: RequestHeader,
        interceptors: tuple[Interceptor, ...],
        screens: bool,
        request: Any,
    ) -> None:
        context = RequestContext(
            api=header.api,
            api_version=header.api_version,
            correlation_id=header.correlation_id,
            client_id=header.client_id or "",
            info=connection.info,
            connection=connection,
        )
        try:
            if screens and not any(each.concerns(request, context) for each in interceptors):
                interceptors = ()
            if interceptors:
                context.frame = frame
                context.response_handle().is_lossless = self.end.is_lossless
                _Forward(self, self.end, interceptors, 0, request, context, context.response_handle())()
            else:
                self._handle(self.end, request, context, connection)
        except RequestError:
            raise
        except Exception as error:  # noqa: BLE001  # a crash fails the request, not the broker
            raise RequestError(self._crash_guard.note(str(context), error)) from None

    def _handle(self, end: End, request: Any, context: RequestContext, connection: Connection) -> None:
        try:
            answer = end.handle(request, context)
            if answer.__class__ is GeneratorType:
                answer = self._first_step(end, cast("Steps[Any]", answer), context)
            if answer is not None and answer is not _UNFINISHED:
                connection.respond(encode_response(context.api, context.api_version, context.correlation_id, answer))
        finally:
            # Also where the request failed: a Produce may have appended to some partitions before.
            end.after_request()

    def handle_intercepted(
        self, end: End, request: Any, context: RequestContext, response: ResponseHandle[Any]
    ) -> None:
        """Hand a request to the end, behind the interceptors, and settle ``response`` with the answer."""
        if end is not self.end:
            response.fail("the broker's data was replaced while the request was held")
            return
        context.response, context.is_deferred = response, False
        try:
            answer = end.handle(request, context)
            if answer.__class__ is GeneratorType:
                answer = self._first_step(end, cast("Steps[Any]", answer), context)
            if answer is not _UNFINISHED and not context.is_deferred:
                response.send(answer)
        except RequestError as error:
            response.fail(str(error))
        except Exception as error:  # noqa: BLE001  # a crash fails the request, not the broker
            response.fail(self._crash_guard.note(str(context), error))
        finally:
            end.after_request()

    def _first_step(self, end: End, steps: Steps[Any], context: RequestContext) -> object | None:
        try:
            next(steps)
        except StopIteration as finished:
            return cast("object | None", finished.value)
        response = context.response_handle()
        rest = self._other_steps(end, steps, context, response)
        next(rest)  # up to its first yield, so that it resumes the connection however it ends
        self.steps.add(context, rest, response.fail)
        if not context.outlives_client:
            response.on_disconnect(lambda: self.steps.abandon(rest))
        return _UNFINISHED

    def _other_steps(
        self, end: End, steps: Steps[Any], context: RequestContext, response: ResponseHandle[Any]
    ) -> Steps[None]:
        assert context.connection is not None
        context.connection.pause()
        try:
            yield
            answer = yield from steps
            if answer is not None or not context.is_deferred:
                response.send(answer)
        finally:
            context.connection.resume()
        end.after_request()

    def _malformed(
        self, connection: Connection, frame: memoryview, header: RequestHeader | None, error: WireError
    ) -> RequestError:
        reason = str(error)
        if self.interceptors:
            self._show_malformed(connection, frame, header, reason)
        return RequestError(reason)

    def _show_malformed(
        self, connection: Connection, frame: memoryview, header: RequestHeader | None, reason: str
    ) -> None:
        api_key = _readable(_INT16, frame, 0)
        shown = MalformedFrame(
            api=DECLARED_APIS.get(api_key),
            api_key=api_key,
            api_version=_readable(_INT16, frame, 2),
            correlation_id=_readable(_INT32, frame, 4),
            client_id="" if header is None else header.client_id or "",
            info=connection.info,
            size=len(frame),
            reason=reason,
        )
        self._crash_guard.guard(
            "an interceptor of malformed frames", lambda: self.interceptors.malformed(shown), connection.fail
        )

    def _unsupported(self, connection: Connection, header: RequestHeader) -> None:
        if self._only_served and not header.api.served:
            raise UnsupportedVersionError(f"{header.api.name} is not served", version=header.api_version)
        if header.api.key is not ApiKey.API_VERSIONS:
            raise UnsupportedVersionError(
                f"not in the served versions {header.api.min_version}-{header.api.max_version}",
                message=f"{header.api.name}Request",
                version=header.api_version,
            )
        connection.respond(encode_response(header.api, 0, header.correlation_id, self.end.unsupported_api_versions()))


class _Forward:
    """One interceptor's way on."""

    __slots__ = ("_context", "_end", "_index", "_interceptors", "_pipeline", "_request", "_response")

    def __init__(
        self,
        pipeline: Pipeline,
        end: End,
        interceptors: tuple[Interceptor, ...],
        index: int,
        request: Any,
        context: RequestContext,
        response: ResponseHandle[Any],
    ) -> None:
        self._pipeline = pipeline
        self._end = end
        self._interceptors = interceptors
        self._index = index
        self._request = request
        self._context = context
        self._response = response

    def __call__(self, *, request: Any = None, response: ResponseHandle[Any] | None = None) -> None:
        request = self._request if request is None else request
        response = self._response if response is None else response
        pipeline, end, interceptors, index, context = (
            self._pipeline, self._end, self._interceptors, self._index, self._context,
        )  # fmt: skip
        if index == len(interceptors):
            pipeline.handle_intercepted(end, request, context, response)
        else:
            following = _Forward(pipeline, end, interceptors, index + 1, request, context, response)
            interceptors[index].intercept(request, context, response, following)


def _readable(field: struct.Struct, frame: memoryview, offset: int) -> int:
    if len(frame) < offset + field.size:
        return -1
    value: int
    (value,) = field.unpack_from(frame, offset)
    return value

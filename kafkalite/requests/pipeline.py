"""From a frame to a handler, and from its response to a frame; and whatever goes wrong on the way."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kafkalite.controls.engine import Call, Malformed
from kafkalite.errors import RequestError
from kafkalite.handlers.handling import Context, Handler, Immediate, handler_of
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode_parts
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.headers import RequestHeader, read_request_header, start_response
from kafkalite_wire.schema import Payload

if TYPE_CHECKING:
    from kafkalite.controls.engine import Engine, Owed, ReplyObserver
    from kafkalite.node import Node
    from kafkalite.server.connection import Connection, Slot

_LENGTH: Final = struct.Struct(">i")
_INT16: Final = struct.Struct(">h")


class Dispatch:
    """Hands requests to their handlers, importing each when its API is first used."""

    def __init__(self, node: Node, served: dict[int, Api] = APIS) -> None:
        self.node = node
        """The state that requests are for; another one may take its place once no client is connected."""
        self._served = served
        self._handlers: dict[int, Handler] = {}
        self.engine: Engine | None = None
        """What sees each request, and may act in its handler's place; by default nothing."""

    def __call__(self, connection: Connection, frame: memoryview) -> None:
        """Start the request of one frame. Raises RequestError if the connection must end, as Kafka would end it."""
        header = None
        try:
            header = read_request_header(frame)
            api, version = header.api, header.api_version
            if api.key not in self._served or not api.min_version <= version <= api.max_version:
                self._unsupported(connection, header)
                return
            request = decode(api.request_type, version, frame, header.body)
        except WireError as error:
            if self.engine is not None and self.engine.malformed_observers:
                show = partial(self._show_malformed, self.engine, connection, frame, header, str(error))
                self.node.unforeseen.guard("an observer of malformed requests", show, connection.fail)
            raise RequestError(str(error)) from None
        handler = self._handlers.get(api.key)
        if handler is None:
            handler = self._handlers[api.key] = handler_of(api)
        if self.engine is None:
            self._start(connection, handler, header, request)
            return
        try:
            self._controlled(self.engine, connection, handler, header, request, frame)
        except RequestError:
            raise
        except Exception as error:  # of an observer or a rule
            raise self._unexpected(error, connection, header) from None

    def controlled(self) -> Engine:
        """Give the engine of this broker; with the first call of this, requests begin to pass by it."""
        if self.engine is None:
            from kafkalite.controls.engine import Engine

            self.engine = Engine()
        return self.engine

    def import_handler(self, api: Api) -> None:
        """Import what a first request of this API would wait for."""
        if api.key not in self._handlers:
            self._handlers[api.key] = handler_of(api)
            assert api.request_type

    def _start(
        self,
        connection: Connection,
        handler: Handler,
        header: RequestHeader,
        request: object,
        reply: _Reply | None = None,
    ) -> None:
        """Run the handler; ``reply`` is where its response goes, by default straight to the client."""
        context = Context(
            api_version=header.api_version,
            client_id=header.client_id or "",
            client_host=connection.host,
            local=connection.local,
            software=connection.name_software,
        )
        try:
            if isinstance(handler, Immediate):
                response = handler.handle(self.node, request, context)
                if reply is not None:
                    reply.send(response)
                elif response is not None:
                    connection.reply_now(framed(header.api, header.api_version, header.correlation_id, response))
            else:
                handler.handle(self.node, request, context, reply or _Reply(connection.slot(), header))
        except RequestError:
            raise
        except Exception as error:
            raise self._unexpected(error, connection, header) from None
        self.node.after_request()

    def _unexpected(self, error: Exception, connection: Connection, header: RequestHeader) -> RequestError:
        """Tell of an error that nobody foresaw; gives what cuts the client off, while the broker lives."""
        what = f"{header.api.name} v{header.api_version} from {connection}"
        return RequestError(self.node.unforeseen.note(what, error))

    def _controlled(
        self,
        engine: Engine,
        connection: Connection,
        handler: Handler,
        header: RequestHeader,
        request: object,
        frame: memoryview,
    ) -> None:
        """Show the request to the engine; a rule that is concerned acts in the handler's place, now or later."""
        call = Call(
            api=header.api,
            api_version=header.api_version,
            client_id=header.client_id or "",
            client_host=connection.host,
            client_port=connection.peer[1],
            connection=connection,
            request=request,
            correlation_id=header.correlation_id,
            frame=frame,
        )
        node = self.node
        observers = engine.shown(call)
        rule = engine.rule_for(call)
        if rule is None and not observers:
            self._start(connection, handler, header, request)
            return
        slot = connection.slot()
        to_client = _Reply(slot, header, observers)

        def start(request: object, reply: _Reply) -> None:
            if self.node is not node:  # a rule kept it for too long: what it was sent to is not there any more
                to_client.fail("another state of the broker was restored")
                return
            try:
                self._start(connection, handler, header, request, reply)
            except RequestError as error:
                to_client.fail(str(error))

        if rule is None:
            start(request, to_client)
            return
        # The rule may keep the call for later, when there are other bytes in the buffer that the frame lies in.
        kept = memoryview(bytes(frame))
        call = replace(call, frame=kept, request=decode(header.api.request_type, header.api_version, kept, header.body))

        def proceed(owed: Owed | None = None, *, request: object | None = None) -> None:
            reply = to_client if owed is None else _Reply(slot, header, instead=owed)
            start(call.request if request is None else request, reply)

        rule.act(call, proceed, to_client)
        self.node.after_request()

    def _show_malformed(
        self, engine: Engine, connection: Connection, frame: memoryview, header: RequestHeader | None, reason: str
    ) -> None:
        """Show what can be read of a frame that is no request."""
        api_key = _readable(_INT16, frame, 0)
        shown = Malformed(
            api=APIS.get(api_key),
            api_key=api_key,
            api_version=_readable(_INT16, frame, 2),
            correlation_id=_readable(_LENGTH, frame, 4),
            client_id="" if header is None else header.client_id or "",
            client_host=connection.host,
            client_port=connection.peer[1],
            connection=connection,
            size=len(frame),
            reason=reason,
        )
        for observe in engine.malformed_observers:
            observe(shown)

    def _unsupported(self, connection: Connection, header: RequestHeader) -> None:
        if header.api.key is not ApiKey.API_VERSIONS:
            raise UnsupportedVersionError(
                f"not in the served versions {header.api.min_version}-{header.api.max_version}",
                message=f"{header.api.name}Request",
                version=header.api_version,
            )
        # Answered in version 0 with the versions that would do, whatever was asked (KIP-511).
        from kafkalite.handlers.api_versions import unsupported_version

        connection.reply_now(framed(header.api, 0, header.correlation_id, unsupported_version()))


class _Reply:
    """A deferred handler's reply: encodes the response into its place among the connection's replies.

    With ``instead`` the response goes to a rule, which decides what the client is sent.
    """

    __slots__ = ("_header", "_instead", "_observers", "_slot")

    def __init__(
        self, slot: Slot, header: RequestHeader, observers: Sequence[ReplyObserver] = (), *, instead: Owed | None = None
    ) -> None:
        self._slot = slot
        self._header = header
        self._observers = observers
        self._instead = instead
        if observers:
            slot.on_abandoned = self._abandoned

    def send(self, response: object | None, *, mute: float = 0.0) -> None:
        if self._instead is not None:
            self._instead.send(response)
            return
        header = self._header
        # None sends nothing, and what waits behind goes on.
        parts = [] if response is None else framed(header.api, header.api_version, header.correlation_id, response)
        for observer in self._settled():
            observer.sent(response)
        self._slot.fill(parts, mute=mute)

    def skip(self) -> None:
        self.send(None)

    def fail(self, reason: str) -> None:
        if self._instead is not None:
            self._instead.fail(reason)
            return
        for observer in self._settled():
            observer.failed(reason)
        self._slot.fail(reason)

    def on_followed(self, call: Callable[[], None]) -> None:
        self._slot.when_followed(call)

    def on_abandoned(self, call: Callable[[], None]) -> None:
        self._slot.on_abandoned = _both(self._slot.on_abandoned, call)

    @property
    def is_abandoned(self) -> bool:
        return self._slot.is_abandoned

    def _abandoned(self) -> None:
        for observer in self._settled():
            observer.abandoned()

    def _settled(self) -> Sequence[ReplyObserver]:
        """Give the observers to whoever tells them how the call ended: they are told once."""
        observers, self._observers = self._observers, ()
        return observers


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> Callable[[], None]:
    """Make one call of two."""
    if first is None:
        return second

    def both() -> None:
        first()
        second()

    return both


def _readable(field: struct.Struct, frame: memoryview, offset: int) -> int:
    if len(frame) < offset + field.size:
        return -1
    value: int
    (value,) = field.unpack_from(frame, offset)
    return value


def framed(api: Api, version: int, correlation_id: int, response: Any) -> list[Payload]:
    """Encode a response behind its header and length, as parts to be sent one after the other."""
    head = start_response(api, version, correlation_id)
    parts = encode_parts(response, version, head)
    _LENGTH.pack_into(head, 0, sum(map(len, parts)) - _LENGTH.size)
    return parts

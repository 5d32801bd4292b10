"""From a frame to a handler, and from its response to a frame: the one place where anything unexpected is caught."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

from kafkalite.controls.engine import Call
from kafkalite.errors import RequestError
from kafkalite.handlers.handling import Context, Handler, Immediate, handler_of
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode_parts
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.headers import RequestHeader, read_request_header, start_response
from kafkalite_wire.schema import Payload

if TYPE_CHECKING:
    from kafkalite.controls.engine import Engine
    from kafkalite.node import Node
    from kafkalite.server.connection import Connection, Slot

log = getLogger("kafkalite.dispatch")

_LENGTH: Final = struct.Struct(">i")


class Dispatch:
    """Hands requests to their handlers, importing each when its API is first used."""

    def __init__(self, node: Node, served: dict[int, Api] = APIS) -> None:
        self._node = node
        self._served = served
        self._handlers: dict[int, Handler] = {}
        self.engine: Engine | None = None
        """What sees each request, and may act in its handler's place; by default nothing."""
        self.on_unexpected: Callable[[Exception], None] | None = None
        """Told of errors that nobody foresaw, besides the log: tests shall fail of them."""

    def __call__(self, connection: Connection, frame: memoryview) -> None:
        """Start the request of one frame. Raises RequestError if the connection must end, as Kafka would end it."""
        try:
            header = read_request_header(frame)
            api, version = header.api, header.api_version
            if api.key not in self._served or not api.min_version <= version <= api.max_version:
                self._unsupported(connection, header)
                return
            request = decode(api.request_type, version, frame, header.body)
        except WireError as error:
            raise RequestError(str(error)) from None
        handler = self._handlers.get(api.key)
        if handler is None:
            handler = self._handlers[api.key] = handler_of(api)
        if self.engine is None or not self._is_acted_on(self.engine, connection, handler, header, request, frame):
            self._start(connection, handler, header, request)

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
        slot: Slot | None = None,
    ) -> None:
        context = Context(
            api_version=header.api_version,
            client_id=header.client_id or "",
            client_host=connection.host,
            local=connection.local,
            software=connection.name_software,
        )
        try:
            if isinstance(handler, Immediate):
                response = handler.handle(self._node, request, context)
                if slot is not None:
                    _SlotReply(slot, header).send(response)
                elif response is not None:
                    connection.reply_now(framed(header.api, header.api_version, header.correlation_id, response))
            else:
                reply = _SlotReply(connection.slot() if slot is None else slot, header)
                handler.handle(self._node, request, context, reply)
        except RequestError:
            raise
        except Exception as error:
            # The only place where an error that nobody foresaw is caught: the client is cut off, the broker lives.
            name, version = header.api.name, header.api_version
            log.exception("%s v%d from %s failed", name, version, connection)
            if self.on_unexpected is not None:
                self.on_unexpected(error)
            raise RequestError(f"{name} v{version} failed here; the traceback is above") from None
        self._node.after_request()

    def _is_acted_on(
        self,
        engine: Engine,
        connection: Connection,
        handler: Handler,
        header: RequestHeader,
        request: object,
        frame: memoryview,
    ) -> bool:
        """Show the request to the engine; True if a rule acts on it, now or later, in the handler's place."""
        call = Call(
            api=header.api,
            api_version=header.api_version,
            client_id=header.client_id or "",
            client_host=connection.host,
            connection=connection,
            request=request,
        )
        rule = engine.rule_for(call)
        if rule is None:
            return False
        # The rule may keep the call for later, when there are other bytes in the buffer that the frame lies in.
        kept = decode(header.api.request_type, header.api_version, memoryview(bytes(frame)), header.body)
        slot = connection.slot()

        def proceed() -> None:
            try:
                self._start(connection, handler, header, kept, slot)
            except RequestError as error:
                slot.fail(str(error))

        rule.act(replace(call, request=kept), proceed, _SlotReply(slot, header))
        self._node.after_request()
        return True

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


class _SlotReply:
    """A deferred handler's reply: encodes the response into its place among the connection's replies."""

    __slots__ = ("_header", "_slot")

    def __init__(self, slot: Slot, header: RequestHeader) -> None:
        self._slot = slot
        self._header = header

    def send(self, response: object | None) -> None:
        if response is None:  # nothing is to be sent, and what waits behind goes on
            self._slot.fill([])
            return
        header = self._header
        self._slot.fill(framed(header.api, header.api_version, header.correlation_id, response))

    def skip(self) -> None:
        self._slot.fill([])

    def fail(self, reason: str) -> None:
        self._slot.fail(reason)

    def on_followed(self, call: Callable[[], None]) -> None:
        self._slot.on_followed = call

    def on_abandoned(self, call: Callable[[], None]) -> None:
        self._slot.on_abandoned = call


def framed(api: Api, version: int, correlation_id: int, response: Any) -> list[Payload]:
    """Encode a response behind its header and length, as parts to be sent one after the other."""
    head = start_response(api, version, correlation_id)
    parts = encode_parts(response, version, head)
    _LENGTH.pack_into(head, 0, sum(map(len, parts)) - _LENGTH.size)
    return parts

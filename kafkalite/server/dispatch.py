"""From a frame to a handler, and from its response to a frame: the one place where anything unexpected is caught."""

from __future__ import annotations

import struct
from collections.abc import Callable
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

from kafkalite.errors import RequestError
from kafkalite.handlers.handling import Context, Handler, Immediate, handler_of
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode_parts
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.headers import RequestHeader, read_request_header, start_response
from kafkalite_wire.schema import Payload

if TYPE_CHECKING:
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
        try:
            self._start(connection, handler, header, request)
        except RequestError:
            raise
        except Exception:
            # The only place where an error that nobody foresaw is caught: the client is cut off, the broker lives.
            log.exception("%s v%d from %s failed", api.name, version, connection)
            raise RequestError(f"{api.name} v{version} failed here; the traceback is above") from None
        self._node.after_request()

    def import_handler(self, api: Api) -> None:
        """Import what a first request of this API would wait for."""
        if api.key not in self._handlers:
            self._handlers[api.key] = handler_of(api)
            assert api.request_type

    def _start(self, connection: Connection, handler: Handler, header: RequestHeader, request: object) -> None:
        context = Context(
            api_version=header.api_version,
            client_id=header.client_id or "",
            client_host=connection.host,
            local=connection.local,
            software=connection.name_software,
        )
        if isinstance(handler, Immediate):
            response = handler.handle(self._node, request, context)
            if response is not None:
                connection.reply_now(framed(header.api, header.api_version, header.correlation_id, response))
        else:
            handler.handle(self._node, request, context, _SlotReply(connection.slot(), header))

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

    def send(self, response: object) -> None:
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

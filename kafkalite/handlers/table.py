"""The end of the pipeline in a broker: each API's handler, imported when the API is first used.

A handler is the function ``handle(broker, request, context)`` of the module that is named like the API's messages. It

- returns its response, or None where the client expects none (Produce with acks=0);
- or calls ``context.defer()``, which returns the response handle, settles that later, and returns None;
- or is a generator that yields between steps of a few milliseconds and returns its response
  (see :mod:`kafkalite.requests.steps`), where its work is in proportion to the request.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from kafkalite_wire.apis import Api
from kafkalite_wire.codec import decode

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

Handler = Callable[["BrokerEndpoint", Any, "RequestContext"], object | None]


class HandlerTable:
    """Handles requests with the handlers of this broker."""

    def __init__(self, broker: BrokerEndpoint) -> None:
        self._broker = broker
        self._handlers: dict[int, Handler] = {}
        self.after_request = broker.cluster.after_request

    def decode(self, api: Api, version: int, frame: memoryview, body: int) -> Any:
        """Decode a request. Raises WireError."""
        return decode(api.request_type, version, frame, body)

    def handle(self, request: Any, context: RequestContext) -> object | None:
        """Call the handler of a request's API."""
        handler = self._handlers.get(context.api.key)
        if handler is None:
            handler = self.import_handler(context.api)
        return handler(self._broker, request, context)

    def unsupported_api_versions(self) -> object:
        """Return the answer to an ApiVersions request of an unsupported version."""
        from kafkalite.handlers.api_versions import unsupported_version

        return unsupported_version()

    def import_handler(self, api: Api) -> Handler:
        """Import a handler and its messages, so that no request has to wait for it."""
        assert api.request_type
        handler = self._handlers[api.key] = handler_of(api)
        return handler


def handler_of(api: Api) -> Handler:
    """Import the handler of an API."""
    return cast("Handler", import_module(f"kafkalite.handlers.{api.module}").handle)

"""The end of the proxy's pipeline: requests that interceptors wanted, encoded again, for the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafkalite.errors import RequestError
from kafkalite_wire.apis import Api, ApiKey
from kafkalite_wire.codec import decode
from kafkalite_wire.frames import decode_response, encode_request
from kafkalite_wire.headers import read_request_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.proxy.relay import Relay
    from kafkalite.requests.context import Connection, RequestContext
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.lossless import TaggedFields


class LosslessEnd:
    """What an end of the pipeline is that sends requests on to another broker."""

    is_lossless = True

    def decode(self, api: Api, version: int, frame: memoryview, body: int) -> Any:
        """Decode a request, losslessly. Raises WireError."""
        return decode(api.request_type, version, frame, body, lossless=True)

    def decode_steps(self, api: Api, version: int, frame: memoryview, body: int) -> Steps[Any]:
        """Decode a request, in one step."""
        yield from ()
        return self.decode(api, version, frame, body)

    def after_request(self) -> None:
        """Do nothing: no request waits for another one here."""

    def unsupported_api_versions(self) -> object:
        """Not called: the other broker answers those (KIP-511)."""
        raise NotImplementedError


class UpstreamEnd(LosslessEnd):
    """Sends requests to the broker that their connection belongs to."""

    def __init__(
        self, relay_of: Callable[[Connection], Relay | None], rewritten: Callable[[Api, int, Any, Connection], Any]
    ) -> None:
        """``rewritten`` returns a response with the proxy's addresses."""
        self._relay_of = relay_of
        self._rewritten = rewritten

    def handle(self, request: Any, context: RequestContext) -> object | None:
        """Send a request to the cluster; its response settles the response handle."""
        connection = context.connection
        assert connection is not None
        relay = self._relay_of(connection)
        if relay is None:
            raise RequestError("the connection to the cluster has ended")
        api, version = context.api, context.api_version
        client_id: str | None = context.client_id
        tagged_fields: TaggedFields = ()
        if context.frame:  # interceptors have seen the request
            header = read_request_header(context.frame, lossless=True)
            client_id, tagged_fields = header.client_id, header.tagged_fields
        frame = encode_request(
            api, version, context.correlation_id, client_id, request, lossless=True, tagged_fields=tagged_fields
        )
        if api.key is ApiKey.PRODUCE and request.acks == 0:
            relay.send([frame], context.correlation_id, None)
            return None
        response = context.defer()

        def on_response(received: bytearray) -> None:
            _, message = decode_response(api, version, memoryview(received)[4:], lossless=True)
            response.send(self._rewritten(api, version, message, connection))

        relay.send([frame], context.correlation_id, on_response)
        return None

"""The end of the pipeline in a broker: each API's handler, imported when the API is first used.

A handler is a function of the broker, the request and its context: ``handle`` of the module that is named like the
API's messages, or the function that ``_SHARED_MODULES`` names. It

- returns its response, or None where the client expects none (Produce with acks=0);
- or calls ``context.defer()``, which returns the response handle, settles that later, and returns None;
- or is a generator that yields between steps of a few milliseconds and returns its response
  (see :mod:`kafkalite.requests.steps`), where its work is in proportion to the request.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite_wire.apis import Api, ApiKey
from kafkalite_wire.codec import decode, decode_steps

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps

Handler = Callable[["BrokerEndpoint", Any, "RequestContext"], object | None]

_SHARED_MODULES: Final = {
    ApiKey.JOIN_GROUP: "group_membership",
    ApiKey.SYNC_GROUP: "group_membership",
    ApiKey.HEARTBEAT: "group_membership",
    ApiKey.LEAVE_GROUP: "group_membership",
    ApiKey.CONSUMER_GROUP_HEARTBEAT: "group_membership",
    ApiKey.CONSUMER_GROUP_DESCRIBE: "group_administration",
    ApiKey.SHARE_GROUP_HEARTBEAT: "share_groups",
    ApiKey.SHARE_GROUP_DESCRIBE: "share_groups",
    ApiKey.STREAMS_GROUP_HEARTBEAT: "streams_groups",
    ApiKey.STREAMS_GROUP_DESCRIBE: "streams_groups",
    ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS: "share_group_offsets",
    ApiKey.ALTER_SHARE_GROUP_OFFSETS: "share_group_offsets",
    ApiKey.DELETE_SHARE_GROUP_OFFSETS: "share_group_offsets",
    ApiKey.INITIALIZE_SHARE_GROUP_STATE: "share_state",
    ApiKey.READ_SHARE_GROUP_STATE: "share_state",
    ApiKey.WRITE_SHARE_GROUP_STATE: "share_state",
    ApiKey.DELETE_SHARE_GROUP_STATE: "share_state",
    ApiKey.READ_SHARE_GROUP_STATE_SUMMARY: "share_state",
    ApiKey.SASL_HANDSHAKE: "sasl",
    ApiKey.SASL_AUTHENTICATE: "sasl",
    ApiKey.OFFSET_COMMIT: "group_offsets",
    ApiKey.OFFSET_FETCH: "group_offsets",
    ApiKey.OFFSET_DELETE: "group_offsets",
    ApiKey.LIST_GROUPS: "group_administration",
    ApiKey.DESCRIBE_GROUPS: "group_administration",
    ApiKey.DELETE_GROUPS: "group_administration",
    ApiKey.ADD_PARTITIONS_TO_TXN: "transactions",
    ApiKey.ADD_OFFSETS_TO_TXN: "transactions",
    ApiKey.END_TXN: "transactions",
    ApiKey.TXN_OFFSET_COMMIT: "group_offsets",
    ApiKey.DESCRIBE_TRANSACTIONS: "transactions",
    ApiKey.LIST_TRANSACTIONS: "transactions",
    ApiKey.DESCRIBE_ACLS: "access_control",
    ApiKey.CREATE_ACLS: "access_control",
    ApiKey.DELETE_ACLS: "access_control",
    ApiKey.CREATE_DELEGATION_TOKEN: "delegation_tokens",
    ApiKey.RENEW_DELEGATION_TOKEN: "delegation_tokens",
    ApiKey.EXPIRE_DELEGATION_TOKEN: "delegation_tokens",
    ApiKey.DESCRIBE_DELEGATION_TOKEN: "delegation_tokens",
    ApiKey.ALTER_PARTITION_REASSIGNMENTS: "reassignments",
    ApiKey.LIST_PARTITION_REASSIGNMENTS: "reassignments",
    ApiKey.DESCRIBE_CLIENT_QUOTAS: "client_quotas",
    ApiKey.ALTER_CLIENT_QUOTAS: "client_quotas",
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS: "scram_credentials",
    ApiKey.ALTER_USER_SCRAM_CREDENTIALS: "scram_credentials",
}
"""Modules that handle several APIs; each function in them is named like the API's messages."""


class HandlerTable:
    """Handles requests with the handlers of this broker."""

    is_lossless = False

    def __init__(self, broker: BrokerEndpoint, adapt: Callable[[Api, Handler], Handler] | None = None) -> None:
        """``adapt`` may put another function in the place of a handler."""
        self._broker = broker
        self._adapt = adapt
        self._handlers: dict[int, Handler] = {}
        self.after_request = broker.cluster.after_request

    def decode(self, api: Api, version: int, frame: memoryview, body: int) -> Any:
        """Decode a request. Raises WireError."""
        return decode(api.request_type, version, frame, body)

    def decode_steps(self, api: Api, version: int, frame: memoryview, body: int) -> Steps[Any]:
        """Decode a large request in steps. Raises WireError."""
        return decode_steps(api.request_type, version, frame, body)

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
        handler = handler_of(api)
        if self._adapt is not None:
            handler = self._adapt(api, handler)
        self._handlers[api.key] = handler
        return handler


def handler_of(api: Api) -> Handler:
    """Import the handler of an API."""
    # The messages are imported too: a handler that passes them on does not import them itself.
    assert api.request_type
    assert api.response_type
    shared = _SHARED_MODULES.get(api.key)
    module = import_module(f"kafkalite.handlers.{shared or api.module}")
    return cast("Handler", getattr(module, "handle" if shared is None else api.module))

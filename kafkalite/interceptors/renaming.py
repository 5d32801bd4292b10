"""What interceptors share that show clients other names than the cluster's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kafkalite.interceptors.interface import MessageInterceptor
from kafkalite.interceptors.named_fields import renamed
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite.interceptors.named_fields import Renaming
    from kafkalite.requests.context import ConnectionInfo


class ProtocolTypes:
    """The protocol types of the groups that a connection has joined: older versions of SyncGroup do not state them."""

    def __init__(self) -> None:
        self._types: WeakKeyDictionary[ConnectionInfo, dict[str, str]] = WeakKeyDictionary()

    def of(self, request: Any, context: Context) -> str | None:
        """Return the protocol type of the group of a JoinGroup or SyncGroup request, None where it is not known."""
        if context.api.key is ApiKey.JOIN_GROUP:
            self._types.setdefault(context.connection, {})[request.group_id] = request.protocol_type
            return str(request.protocol_type)
        if context.api.key is ApiKey.SYNC_GROUP:
            return request.protocol_type or self._types.get(context.connection, {}).get(request.group_id)
        return None


@dataclass
class RenamingInterceptor(MessageInterceptor):
    """Renames in both directions, in every message. Subclasses set the two renamings when they are made."""

    to_cluster: Renaming = field(init=False, repr=False, compare=False)
    """What stands in requests."""
    to_client: Renaming = field(init=False, repr=False, compare=False)
    """What stands in responses."""
    _types: ProtocolTypes = field(init=False, repr=False, compare=False, default_factory=ProtocolTypes)

    def on_request(self, request: Any, context: Context) -> Any:
        """Name things as the cluster does."""
        return renamed(request, self.to_cluster, protocol_type=self._types.of(request, context))

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Name things as the client does."""
        protocol_type = self._types.of(request, context)
        return renamed(response, self.to_client, request=request, protocol_type=protocol_type)

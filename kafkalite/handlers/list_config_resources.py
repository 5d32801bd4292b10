"""ListConfigResources: the names of what may have configurations (KIP-1142); in version 0 client metrics only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.describe_configs import ResourceType
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_CLIENT_METRICS_ONLY: Final = 0


def handle(
    broker: BrokerEndpoint, request: ListConfigResourcesRequest, context: RequestContext
) -> ListConfigResourcesResponse:
    """List the resources of the types that are asked for, or of all types."""
    if context.api_version == _CLIENT_METRICS_ONLY:
        asked: Iterable[int] = (ResourceType.CLIENT_METRICS,)
    else:
        asked = dict.fromkeys(request.resource_types) or ResourceType
    if not set(asked) <= set(ResourceType):
        return ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, config_resources=())
    return ListConfigResourcesResponse(
        config_resources=tuple(
            ConfigResource(resource_name=name, resource_type=kind) for kind in asked for name in _names(broker, kind)
        )
    )


def _names(broker: BrokerEndpoint, kind: int) -> Iterable[str]:
    storage = broker.cluster.storage
    match kind:
        case ResourceType.TOPIC:
            return storage.topics
        case ResourceType.BROKER | ResourceType.BROKER_LOGGER:
            return map(str, broker.cluster.endpoints)
        case _:
            return [name for of_kind, name in storage.cluster_image.resource_configs if of_kind == kind]

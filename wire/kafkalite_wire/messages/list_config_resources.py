"""ListConfigResources (key 74): list the resources that may have configurations (KIP-1142).

Version 0 lists client metrics subscriptions (KIP-714).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.LIST_CONFIG_RESOURCES)
class ListConfigResourcesRequest:
    """The types of resources; none means all that there are."""

    resource_types: tuple[int, ...] = field(array_of(INT8), "1+", default=())


@struct
class ConfigResource:
    """The name and type of one resource."""

    resource_name: str = field(STRING)
    resource_type: int = field(INT8, "1+", default=16)


@message(api_key=ApiKey.LIST_CONFIG_RESOURCES)
class ListConfigResourcesResponse:
    """The resources."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    config_resources: tuple[ConfigResource, ...] = field(array_of(ConfigResource))

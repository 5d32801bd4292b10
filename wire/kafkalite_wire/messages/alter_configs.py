"""AlterConfigs (key 33): replace all configs of topics, brokers and groups (KIP-133); superseded by KIP-339."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class AlterableConfig:
    """One config and its value."""

    name: str = field(STRING)
    value: str | None = field(STRING, nullable="0+")


@struct
class AlterConfigsResource:
    """All configs of one resource (type 2 topic, 4 broker); configs that are not listed are reset to their defaults."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    configs: tuple[AlterableConfig, ...] = field(array_of(AlterableConfig))


@message(api_key=ApiKey.ALTER_CONFIGS)
class AlterConfigsRequest:
    """Configs to replace, or only to validate."""

    resources: tuple[AlterConfigsResource, ...] = field(array_of(AlterConfigsResource))
    validate_only: bool = field(BOOL)


@struct
class AlterConfigsResourceResponse:
    """The result for one resource."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)


@message(api_key=ApiKey.ALTER_CONFIGS)
class AlterConfigsResponse:
    """One result for each resource."""

    throttle_time_ms: int = field(INT32, default=0)
    responses: tuple[AlterConfigsResourceResponse, ...] = field(array_of(AlterConfigsResourceResponse))

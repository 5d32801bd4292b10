"""AlterConfigs (key 33): replace all settings of topics, brokers and groups (KIP-133); superseded by KIP-339."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class AlterableConfig:
    """One setting and its value."""

    name: str = field(STRING)
    value: str | None = field(STRING, nullable="0+")


@struct
class AlterConfigsResource:
    """All settings of one resource (type 2 a topic, 4 a broker); what is not named goes back to its default."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    configs: tuple[AlterableConfig, ...] = field(array_of(AlterableConfig))


@message(api_key=ApiKey.ALTER_CONFIGS)
class AlterConfigsRequest:
    """Settings to be replaced, or only to be checked."""

    resources: tuple[AlterConfigsResource, ...] = field(array_of(AlterConfigsResource))
    validate_only: bool = field(BOOL)


@struct
class AlterConfigsResourceResponse:
    """Whether the settings of one resource were replaced."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)


@message(api_key=ApiKey.ALTER_CONFIGS)
class AlterConfigsResponse:
    """One result per resource."""

    throttle_time_ms: int = field(INT32, default=0)
    responses: tuple[AlterConfigsResourceResponse, ...] = field(array_of(AlterConfigsResourceResponse))

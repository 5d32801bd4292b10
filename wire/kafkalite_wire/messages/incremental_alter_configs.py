"""IncrementalAlterConfigs (key 44): change single configs of topics, brokers and groups (KIP-339)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class AlterableConfig:
    """One change; the operation is 0 set, 1 delete, 2 append to a list, 3 subtract from a list."""

    name: str = field(STRING)
    config_operation: int = field(INT8)
    value: str | None = field(STRING, nullable="0+")


@struct
class AlterConfigsResource:
    """The changes to one resource (type 2 topic, 4 broker)."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    configs: tuple[AlterableConfig, ...] = field(array_of(AlterableConfig))


@message(api_key=ApiKey.INCREMENTAL_ALTER_CONFIGS)
class IncrementalAlterConfigsRequest:
    """Changes to make, or only to validate."""

    resources: tuple[AlterConfigsResource, ...] = field(array_of(AlterConfigsResource))
    validate_only: bool = field(BOOL)


@struct
class AlterConfigsResourceResponse:
    """The result for one resource."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)


@message(api_key=ApiKey.INCREMENTAL_ALTER_CONFIGS)
class IncrementalAlterConfigsResponse:
    """One result for each resource."""

    throttle_time_ms: int = field(INT32, default=0)
    responses: tuple[AlterConfigsResourceResponse, ...] = field(array_of(AlterConfigsResourceResponse))

"""DescribeConfigs (key 32): configs of topics and brokers (KIP-133).

Versions: 1 sources of values (KIP-226), 3 types and documentation (KIP-569).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class DescribeConfigsResource:
    """One resource (type 2 topic, 4 broker) and the names of configs, null for all."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    configuration_keys: tuple[str, ...] | None = field(array_of(STRING), nullable="0+")


@message(api_key=ApiKey.DESCRIBE_CONFIGS)
class DescribeConfigsRequest:
    """The resources to describe."""

    resources: tuple[DescribeConfigsResource, ...] = field(array_of(DescribeConfigsResource))
    include_synonyms: bool = field(BOOL, "1+", default=False)
    include_documentation: bool = field(BOOL, "3+", default=False)


@struct
class DescribeConfigsSynonym:
    """One source of a config's value; the first takes precedence."""

    name: str = field(STRING, "1+")
    value: str | None = field(STRING, "1+", nullable="0+")
    source: int = field(INT8, "1+")


@struct
class DescribeConfigsResourceResult:
    """One config; the value of a sensitive one is null."""

    name: str = field(STRING)
    value: str | None = field(STRING, nullable="0+")
    read_only: bool = field(BOOL)
    config_source: int = field(INT8, "1+", default=-1)
    is_sensitive: bool = field(BOOL)
    synonyms: tuple[DescribeConfigsSynonym, ...] = field(array_of(DescribeConfigsSynonym), "1+", default=())
    config_type: int = field(INT8, "3+", default=0)
    documentation: str | None = field(STRING, "3+", nullable="0+", default="")


@struct
class DescribeConfigsResult:
    """The configs of one resource."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    configs: tuple[DescribeConfigsResourceResult, ...] = field(array_of(DescribeConfigsResourceResult), default=())


@message(api_key=ApiKey.DESCRIBE_CONFIGS)
class DescribeConfigsResponse:
    """One result for each resource."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[DescribeConfigsResult, ...] = field(array_of(DescribeConfigsResult))

"""Calls about configurations of topics and brokers."""

from __future__ import annotations

from typing import Any

import kafkalite_wire.messages.incremental_alter_configs as incremental
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
)
from tests.support.protocol_client import ProtocolClient

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = range(4)

Step = tuple[str, int, str | None]


async def alter(
    client: ProtocolClient, *steps: Step, name: str = "orders", kind: int = TOPIC, validate_only: bool = False
) -> ErrorCode:
    """Change configurations one by one."""
    resource = incremental.AlterConfigsResource(
        resource_type=kind,
        resource_name=name,
        configs=tuple(
            incremental.AlterableConfig(name=config, config_operation=operation, value=value)
            for config, operation, value in steps
        ),
    )
    request = incremental.IncrementalAlterConfigsRequest(resources=(resource,), validate_only=validate_only)
    response = await client.call(request, 1)
    (result,) = response.responses
    assert (result.resource_type, result.resource_name) == (kind, name)
    assert (result.error_message is None) == (result.error_code == ErrorCode.NONE)
    return ErrorCode(result.error_code)


async def described(
    client: ProtocolClient, name: str = "orders", kind: int = TOPIC
) -> dict[str, DescribeConfigsResourceResult]:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    response = await client.call(DescribeConfigsRequest(resources=(resource,), include_synonyms=True), 4)
    return {config.name: config for config in response.results[0].configs}


async def value(client: ProtocolClient, config: str, **of: Any) -> str | None:
    return (await described(client, **of))[config].value

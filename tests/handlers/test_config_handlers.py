"""AlterConfigs, IncrementalAlterConfigs and DescribeConfigs, called directly over a broker in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import alter_configs, describe_configs, incremental_alter_configs
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import alter_configs as alter
from kafkalite_wire.messages import incremental_alter_configs as incremental
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from tests.support.partition_requests import context, finish

TOPIC = 2
SET, DELETE = 0, 1


def replaced(broker: BrokerEndpoint, name: str, values: Mapping[str, str]) -> int:
    configs = tuple(alter.AlterableConfig(name=key, value=value) for key, value in values.items())
    resource = alter.AlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=configs)
    request = alter.AlterConfigsRequest(resources=(resource,), validate_only=False)
    response, _ = finish(alter_configs.handle(broker, request, context(ApiKey.ALTER_CONFIGS, 2)))
    return error_of(response, name)


def changed(broker: BrokerEndpoint, name: str, key: str, operation: int, value: str | None = None) -> int:
    config = incremental.AlterableConfig(name=key, config_operation=operation, value=value)
    resource = incremental.AlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=(config,))
    request = incremental.IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
    answer = incremental_alter_configs.handle(broker, request, context(ApiKey.INCREMENTAL_ALTER_CONFIGS, 1))
    response, _ = finish(answer)
    return error_of(response, name)


def error_of(response: Any, name: str) -> int:
    [result] = response.responses
    assert (result.resource_type, result.resource_name) == (TOPIC, name)
    error_code: int = result.error_code
    return error_code


def test_alter_configs_replaces_all(broker: BrokerEndpoint) -> None:
    assert replaced(broker, "t", {"retention.ms": "1", "segment.ms": "2"}) == ErrorCode.NONE
    assert replaced(broker, "t", {"retention.ms": "3"}) == ErrorCode.NONE
    assert broker.cluster.storage.topics["t"].configs == {"retention.ms": "3"}
    assert replaced(broker, "u", {}) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_incremental_alter_configs_changes_single_ones(broker: BrokerEndpoint) -> None:
    assert changed(broker, "t", "retention.ms", SET, "1") == ErrorCode.NONE
    assert changed(broker, "t", "segment.ms", SET, "2") == ErrorCode.NONE
    assert changed(broker, "t", "retention.ms", DELETE) == ErrorCode.NONE
    assert broker.cluster.storage.topics["t"].configs == {"segment.ms": "2"}
    assert changed(broker, "t", "segment.ms", SET, "soon") == ErrorCode.INVALID_CONFIG
    assert changed(broker, "t", "segment.ms", 9, "1") == ErrorCode.INVALID_REQUEST


def test_describe_configs_returns_the_values_that_are_asked_for(broker: BrokerEndpoint) -> None:
    replaced(broker, "t", {"retention.ms": "3"})
    wanted = tuple(
        DescribeConfigsResource(resource_type=TOPIC, resource_name=name, configuration_keys=("retention.ms",))
        for name in ("t", "u")
    )
    request = DescribeConfigsRequest(resources=wanted)
    response, _ = finish(describe_configs.handle(broker, request, context(ApiKey.DESCRIBE_CONFIGS, 4)))
    known, unknown = response.results
    assert [(config.name, config.value) for config in known.configs] == [("retention.ms", "3")]
    assert (unknown.error_code, unknown.configs) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ())

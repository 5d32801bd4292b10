"""DescribeConfigs: the configurations of topics, this broker and its loggers, groups and client metrics subscriptions.

Every configuration that Apache Kafka has is listed, with its default where nothing overrides it: a tool that reads all,
changes one and writes all back would lose what is missing. The loggers are those of this process.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from kafkalite.config.description import ConfigDescription, describe, describe_dynamic_defaults
from kafkalite.errors import RefusedError
from kafkalite.handlers.broker_loggers import describe_loggers
from kafkalite.handlers.group_configs import describe_client_metrics, describe_group
from kafkalite.handlers.topic_configs import broker_values, describe_topic
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.cluster_image import CLIENT_METRICS_RESOURCE, GROUP_RESOURCE
from kafkalite_storage.metadata.topics import check_topic_name
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


_UNKNOWN_TYPE: Final = 0
_WORK_OF_A_RESOURCE: Final = 200


class ResourceType(IntEnum):
    """What a configuration belongs to (org.apache.kafka.common.config.ConfigResource)."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


def handle(
    broker: BrokerEndpoint, request: DescribeConfigsRequest, context: RequestContext
) -> Steps[DescribeConfigsResponse]:
    """Describe each resource."""
    del context
    meter = WorkMeter()
    results: list[DescribeConfigsResult] = []
    for resource in request.resources:
        if meter.add(_WORK_OF_A_RESOURCE):
            yield
        results.append(_result(broker, resource, request))
    return DescribeConfigsResponse(results=tuple(results))


def _result(
    broker: BrokerEndpoint, resource: DescribeConfigsResource, request: DescribeConfigsRequest
) -> DescribeConfigsResult:
    code, reason = ErrorCode.NONE, ""
    configs: tuple[DescribeConfigsResourceResult, ...] = ()
    try:
        wanted = resource.configuration_keys
        configs = tuple(config for config in _configs(broker, resource, request) if not wanted or config.name in wanted)
    except (RefusedError, StorageError) as refusal:
        code, reason = ErrorCode(refusal.code), str(refusal)
    return DescribeConfigsResult(
        error_code=code,
        error_message=reason,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=configs,
    )


def _configs(
    broker: BrokerEndpoint, resource: DescribeConfigsResource, request: DescribeConfigsRequest
) -> Iterable[DescribeConfigsResourceResult]:
    name = resource.resource_name
    image = broker.cluster.storage.cluster_image
    match resource.resource_type:
        case ResourceType.TOPIC:
            descriptions = _topic(broker, name)
        case ResourceType.BROKER:
            descriptions = _broker(broker, name)
        case ResourceType.BROKER_LOGGER:
            if name != str(broker.id):
                raise _unexpected_broker(broker, name)
            descriptions = describe_loggers()
        case ResourceType.CLIENT_METRICS:
            if not name:
                raise RefusedError(ErrorCode.INVALID_REQUEST, "The name of a client metrics subscription is empty.")
            descriptions = describe_client_metrics(image.configs(CLIENT_METRICS_RESOURCE, name))
        case ResourceType.GROUP:
            if not name:
                raise RefusedError(ErrorCode.INVALID_REQUEST, "The group id is empty.")
            descriptions = describe_group(broker_values(broker), image.configs(GROUP_RESOURCE, name))
        case other:
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"Unsupported resource type {other}")
    return (_row(entry, request) for entry in descriptions)


def _topic(broker: BrokerEndpoint, name: str) -> Iterable[ConfigDescription]:
    check_topic_name(name)
    topic = broker.cluster.storage.topics.get(name)
    if topic is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.")
    return describe_topic(broker, topic.configs)


def _broker(broker: BrokerEndpoint, name: str) -> Iterable[ConfigDescription]:
    if name not in ("", str(broker.id)):
        raise _unexpected_broker(broker, name)
    values = broker_values(broker)
    return describe(values) if name else describe_dynamic_defaults(values)


def _unexpected_broker(broker: BrokerEndpoint, name: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, f"Unexpected broker id, expected {broker.id}, but received {name!r}")


def _row(entry: ConfigDescription, request: DescribeConfigsRequest) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=None if entry.sensitive else entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.sensitive,
        synonyms=tuple(
            DescribeConfigsSynonym(name=synonym.name, value=synonym.value, source=synonym.source)
            for synonym in entry.synonyms
        )
        if request.include_synonyms
        else (),
        config_type=_UNKNOWN_TYPE if entry.type is None else entry.type,
        documentation=entry.doc if request.include_documentation else None,
    )

"""CreateTopics: create topics, or only check that they could be.

There is one replica, on this broker: a larger replication factor is refused, -1 means the default. Manual
assignments must name this broker for consecutive partitions. Topics of one request succeed or fail one by one, but a
request for more than 10,000 partitions fails as a whole. An internal topic gets the configurations that Kafka's broker
would give it, where the request does not set them.

Not done: more than one replica.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.cluster import random_uuid
from kafkalite.cluster.internal_topics import internal_topic, missing_configs
from kafkalite.errors import RefusedError
from kafkalite.handlers.new_partitions import one_by_one
from kafkalite.handlers.topic_configs import created_configs
from kafkalite.requests.steps import Steps
from kafkalite_storage.metadata.topics import METADATA_TOPIC, check_topic_name
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_DEFAULT: Final = -1


def handle(
    broker: BrokerEndpoint, request: CreateTopicsRequest, context: RequestContext
) -> Steps[CreateTopicsResponse]:
    """Create each topic that may be created."""
    context.outlives_client = True
    results = yield from one_by_one(
        request.topics,
        wanted=partial(_wanted, broker),
        make=partial(_create, broker, context, validate_only=request.validate_only),
        refused=_refused,
        called="partitions",
    )
    return CreateTopicsResponse(topics=results)


def _wanted(broker: BrokerEndpoint, topic: CreatableTopic) -> int:
    if topic.assignments:
        return len(topic.assignments)
    return _default_partitions(broker, topic.name) if topic.num_partitions == _DEFAULT else max(0, topic.num_partitions)


def _default_partitions(broker: BrokerEndpoint, name: str) -> int:
    internal = internal_topic(name, broker.config)
    return broker.config.num_partitions if internal is None else internal.partitions


def _refused(topic: CreatableTopic, code: ErrorCode, reason: str) -> CreatableTopicResult:
    return CreatableTopicResult(name=topic.name, error_code=code, error_message=reason or None, configs=())


def _create(
    broker: BrokerEndpoint, context: RequestContext, topic: CreatableTopic, *, validate_only: bool
) -> Steps[CreatableTopicResult]:
    if topic.name == METADATA_TOPIC:
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"Creation of internal topic {topic.name} is prohibited.")
    partitions = _partitions(broker, topic)
    check_topic_name(topic.name)
    if topic.name in broker.cluster.storage.topics:
        raise RefusedError(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{topic.name}' already exists.")
    twin = broker.cluster.colliding_topic(topic.name)
    if twin is not None:
        raise RefusedError(
            ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic '{topic.name}' collides with existing topic: {twin}"
        )
    configs = {config.name: config.value for config in topic.configs if config.value is not None}
    missing = [config.name for config in topic.configs if config.value is None]
    if missing:
        raise RefusedError(ErrorCode.INVALID_CONFIG, f"Null value not supported for topic configs: {','.join(missing)}")
    configs |= missing_configs(topic.name, configs, broker.config)
    context.charge_partitions(partitions)
    if validate_only:
        broker.cluster.storage.check_new_topic(topic.name, partitions, configs)
        topic_id = random_uuid()  # as in Kafka, an id that is not used
    else:
        topic_id = (yield from broker.cluster.create_topic_steps(topic.name, partitions, configs)).topic_id
    return CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        num_partitions=partitions,
        replication_factor=1,
        configs=created_configs(broker, configs),
    )


def _partitions(broker: BrokerEndpoint, topic: CreatableTopic) -> int:
    if topic.assignments:
        if topic.replication_factor != _DEFAULT or topic.num_partitions != _DEFAULT:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST,
                "With manual assignments, the number of partitions and the replication factor must be -1.",
            )
        given = sorted((a.partition_index, a.broker_ids) for a in topic.assignments)
        if given != [(index, (broker.id,)) for index in range(len(given))]:
            raise RefusedError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Partitions must be numbered from 0 without gaps, each on broker {broker.id} alone.",
            )
        return len(given)
    if topic.replication_factor not in (_DEFAULT, 1):
        raise RefusedError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"Replication factor must be 1 (or -1 for the default): 1 broker, not {topic.replication_factor}.",
        )
    if topic.num_partitions == _DEFAULT:
        return _default_partitions(broker, topic.name)
    if topic.num_partitions < 1:
        raise RefusedError(
            ErrorCode.INVALID_PARTITIONS,
            "Number of partitions must be larger than 0 (or -1 for the default).",
        )
    return topic.num_partitions

"""CreateTopics: create topics, or only check that they could be.

There are at most as many replicas as brokers; -1 means the default. Topics of one request succeed or fail one by one,
but a request for more than 10,000 partitions fails as a whole. An internal topic gets the configurations that Kafka's
broker would give it, where the request does not set them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.cluster import random_uuid
from kafkalite.cluster.internal_topics import internal_topic, missing_configs
from kafkalite.errors import RefusedError
from kafkalite.handlers.new_partitions import check_assignment, one_by_one
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
    partitions, factor = _size(broker, topic)
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
    assignment = _assignment(broker, topic, partitions, factor)
    context.charge_partitions(partitions)
    if validate_only:
        broker.cluster.storage.check_new_topic(topic.name, partitions, configs)
        topic_id = random_uuid()  # as in Kafka, an id that is not used
    else:
        created = yield from broker.cluster.create_topic_steps(topic.name, partitions, configs, assignment)
        topic_id = created.topic_id
    return CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        num_partitions=partitions,
        replication_factor=factor,
        configs=created_configs(broker, configs),
    )


def _size(broker: BrokerEndpoint, topic: CreatableTopic) -> tuple[int, int]:
    """Return the number of partitions, and of replicas of each."""
    if topic.assignments:
        if topic.replication_factor != _DEFAULT or topic.num_partitions != _DEFAULT:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST,
                "With manual assignments, the number of partitions and the replication factor must be -1.",
            )
        return len(topic.assignments), len(topic.assignments[0].broker_ids)
    if topic.replication_factor < _DEFAULT or topic.replication_factor == 0:
        raise RefusedError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if topic.num_partitions < _DEFAULT or topic.num_partitions == 0:
        raise RefusedError(
            ErrorCode.INVALID_PARTITIONS,
            "Number of partitions must be larger than 0 (or -1 for the default).",
        )
    partitions = _default_partitions(broker, topic.name) if topic.num_partitions == _DEFAULT else topic.num_partitions
    factor = _default_factor(broker, topic.name) if topic.replication_factor == _DEFAULT else topic.replication_factor
    return partitions, factor


def _default_factor(broker: BrokerEndpoint, name: str) -> int:
    internal = internal_topic(name, broker.config)
    wanted = broker.config.default_replication_factor if internal is None else internal.replication_factor
    return broker.cluster.leadership.factor(wanted)


def _assignment(
    broker: BrokerEndpoint, topic: CreatableTopic, partitions: int, factor: int
) -> list[tuple[int, ...]] | None:
    """Return the replicas of each partition; None where there is one broker. Raises RefusedError and StorageError."""
    if not topic.assignments:
        return broker.cluster.leadership.place(partitions, factor)
    given = {each.partition_index: each.broker_ids for each in topic.assignments}
    if sorted(given) != list(range(partitions)):
        raise RefusedError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence."
        )
    assignment = [given[index] for index in range(partitions)]
    check_assignment(broker, assignment, first=0, factor=factor)
    return assignment

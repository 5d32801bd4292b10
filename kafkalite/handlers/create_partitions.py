"""CreatePartitions: raise the number of a topic's partitions.

Keys map to other partitions afterwards; what was written stays where it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kafkalite.errors import RefusedError
from kafkalite.handlers.new_partitions import check_assignment, one_by_one
from kafkalite.requests.steps import Steps
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(
    broker: BrokerEndpoint, request: CreatePartitionsRequest, context: RequestContext
) -> Steps[CreatePartitionsResponse]:
    """Add partitions to each topic that may have more."""
    context.outlives_client = True
    results = yield from one_by_one(
        request.topics,
        wanted=partial(_wanted, broker),
        make=partial(_grow, broker, context, validate_only=request.validate_only),
        refused=_result,
        called="additional partitions",
    )
    return CreatePartitionsResponse(results=results)


def _wanted(broker: BrokerEndpoint, topic: CreatePartitionsTopic) -> int:
    there = broker.cluster.storage.topics.get(topic.name)
    return 0 if there is None else max(0, topic.count - there.partitions)


def _grow(
    broker: BrokerEndpoint, context: RequestContext, topic: CreatePartitionsTopic, *, validate_only: bool
) -> Steps[CreatePartitionsTopicResult]:
    _check(broker, topic)
    context.charge_partitions(_wanted(broker, topic))
    if not validate_only:
        assignment = None if topic.assignments is None else [each.broker_ids for each in topic.assignments]
        yield from broker.cluster.create_partitions_steps(topic.name, topic.count, assignment)
    return _result(topic, ErrorCode.NONE, "")


def _result(topic: CreatePartitionsTopic, code: ErrorCode, reason: str) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=reason or None)


def _check(broker: BrokerEndpoint, wanted: CreatePartitionsTopic) -> None:
    topic = broker.cluster.storage.topics.get(wanted.name)
    if topic is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "")
    if wanted.count == topic.partitions:
        raise RefusedError(ErrorCode.INVALID_PARTITIONS, f"Topic already has {topic.partitions} partition(s).")
    if wanted.count < topic.partitions:
        raise RefusedError(
            ErrorCode.INVALID_PARTITIONS,
            f"Topic {wanted.name} has {topic.partitions} partition(s); {wanted.count} would not be an increase.",
        )
    if wanted.assignments is not None:
        added = wanted.count - topic.partitions
        if len(wanted.assignments) != added:
            raise RefusedError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Attempted to add {added} additional partition(s), but only {len(wanted.assignments)} assignment(s) "
                "were specified.",
            )
        check_assignment(
            broker,
            [each.broker_ids for each in wanted.assignments],
            first=topic.partitions,
            factor=len(topic.assignment[0].replicas),
        )

"""CreatePartitions, versions 0-3: raise the number of a topic's partitions.

Keys map to other partitions afterwards; what was written stays where it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kafkalite.errors import RefusedError
from kafkalite.handlers.new_partitions import one_by_one
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext


def handle(node: Node, request: CreatePartitionsRequest, context: RequestContext) -> CreatePartitionsResponse:
    """Grow each topic that may grow."""
    del context
    results = one_by_one(
        request.topics,
        wanted=partial(_wanted, node),
        make=partial(_grow, node, validate_only=request.validate_only),
        refused=_result,
        called="additional partitions",
    )
    return CreatePartitionsResponse(results=results)


def _wanted(node: Node, topic: CreatePartitionsTopic) -> int:
    there = node.storage.topics.get(topic.name)
    return 0 if there is None else max(0, topic.count - there.partitions)


def _grow(node: Node, topic: CreatePartitionsTopic, *, validate_only: bool) -> CreatePartitionsTopicResult:
    _check(node, topic)
    if not validate_only:
        node.create_partitions(topic.name, topic.count)
    return _result(topic, ErrorCode.NONE, "")


def _result(topic: CreatePartitionsTopic, code: ErrorCode, reason: str) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=reason or None)


def _check(node: Node, wanted: CreatePartitionsTopic) -> None:
    topic = node.storage.topics.get(wanted.name)
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
        if [a.broker_ids for a in wanted.assignments] != [(node.node_id,)] * added:
            raise RefusedError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Each of the {added} new partition(s) must be assigned to broker {node.node_id} alone.",
            )

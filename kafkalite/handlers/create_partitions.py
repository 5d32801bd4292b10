"""CreatePartitions, versions 0-3: raise the number of a topic's partitions.

Keys map to other partitions afterwards; what was written stays where it is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kafkalite.handlers.handling import Context, immediate
from kafkalite_storage.errors import StorageError
from kafkalite_storage.topics import MOST_NEW_PARTITIONS
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.node import Node


@immediate
def handle(node: Node, request: CreatePartitionsRequest, context: Context) -> CreatePartitionsResponse:
    """Grow each topic that may grow."""
    del context
    if sum(_wanted(node, topic) for topic in request.topics) > MOST_NEW_PARTITIONS:
        return CreatePartitionsResponse(results=tuple(_too_large(topic) for topic in request.topics))
    times = Counter(topic.name for topic in request.topics)
    results: list[CreatePartitionsTopicResult] = []
    for topic in {topic.name: topic for topic in request.topics}.values():
        if times[topic.name] > 1:
            code, reason = ErrorCode.INVALID_REQUEST, "Duplicate topic name."
        else:
            code, reason = _refusal(node, topic)
        if code == ErrorCode.NONE and not request.validate_only:
            try:
                node.create_partitions(topic.name, topic.count)
            except StorageError as error:
                code, reason = ErrorCode(error.code), str(error)
        results.append(CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=reason or None))
    return CreatePartitionsResponse(results=tuple(results))


def _wanted(node: Node, topic: CreatePartitionsTopic) -> int:
    there = node.storage.topics.get(topic.name)
    return 0 if there is None else max(0, topic.count - there.partitions)


def _too_large(topic: CreatePartitionsTopic) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(
        name=topic.name,
        error_code=ErrorCode.POLICY_VIOLATION,
        error_message="Excessively large number of additional partitions per request.",
    )


def _refusal(node: Node, wanted: CreatePartitionsTopic) -> tuple[ErrorCode, str]:
    topic = node.storage.topics.get(wanted.name)
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ""
    if wanted.count == topic.partitions:
        return ErrorCode.INVALID_PARTITIONS, f"Topic already has {topic.partitions} partition(s)."
    if wanted.count < topic.partitions:
        return (
            ErrorCode.INVALID_PARTITIONS,
            f"Topic {wanted.name} has {topic.partitions} partition(s); {wanted.count} would not be an increase.",
        )
    if wanted.assignments is not None:
        added = wanted.count - topic.partitions
        if [a.broker_ids for a in wanted.assignments] != [(node.node_id,)] * added:
            return (
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Each of the {added} new partition(s) must be assigned to broker {node.node_id} alone.",
            )
    return ErrorCode.NONE, ""

"""DescribeTopicPartitions: the partitions of topics, page by page (KIP-966).

Topics come in the order of their names. A response has at most as many partitions as the request and
``max.request.partition.size.limit`` allow; its cursor says where the next one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.authorized_operations import may_describe, operations
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.security.access_control import ResourceType
from kafkalite_storage.errors import InvalidTopic
from kafkalite_storage.metadata.topics import INTERNAL_TOPICS, check_topic_name
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.metadata.topics import Partition

_NO_LEADER: Final = -1


def handle(
    broker: BrokerEndpoint, request: DescribeTopicPartitionsRequest, context: RequestContext
) -> Steps[DescribeTopicPartitionsResponse]:
    """Describe partitions from the cursor on, up to the limit."""
    cursor = request.cursor
    first = "" if cursor is None else cursor.topic_name
    everything = not request.topics
    storage = broker.cluster.storage
    asked: Collection[str] = storage.topics if everything else {topic.name for topic in request.topics}
    if everything:
        asked = {name for name in asked if may_describe(context, ResourceType.TOPIC, name)}
    names = sorted(name for name in asked if name >= first)
    if cursor is not None and (cursor.partition_index < 0 or not (everything or first in names)):
        return _refused(request, ErrorCode.INVALID_REQUEST)
    if "" in names:
        # As in Kafka, which does not look at the name before.
        return _refused(request, ErrorCode.UNKNOWN_SERVER_ERROR)
    left = max(min(request.response_partition_limit, broker.config.max_request_partition_size_limit), 1)
    meter = WorkMeter()
    topics: list[DescribeTopicPartitionsResponseTopic] = []
    following: Cursor | None = None
    for name in names:
        if left == 0:
            following = Cursor(topic_name=name, partition_index=0)
            break
        topic = storage.topics.get(name)
        if topic is None:
            if not everything:
                topics.append(_missing(context, name, _error_of(name)))
            continue
        start = cursor.partition_index if cursor is not None and name == first else 0
        end = min(topic.partitions, start + left)
        described = yield from broker.cluster.described_partitions.of(topic, _described, meter)
        partitions = described if start == 0 and end == topic.partitions else described[start:end]
        topics.append(
            DescribeTopicPartitionsResponseTopic(
                name=name,
                topic_id=topic.topic_id,
                is_internal=topic.is_internal,
                partitions=partitions,
                topic_authorized_operations=operations(context, ResourceType.TOPIC, name),
            )
        )
        if end < topic.partitions:
            following = Cursor(topic_name=name, partition_index=end)
            break
        left -= len(partitions)
    return DescribeTopicPartitionsResponse(topics=tuple(topics), next_cursor=following)


def _refused(request: DescribeTopicPartitionsRequest, error: ErrorCode) -> DescribeTopicPartitionsResponse:
    return DescribeTopicPartitionsResponse(
        topics=tuple(
            DescribeTopicPartitionsResponseTopic(error_code=error, name=topic.name, topic_id=ZERO_UUID, partitions=())
            for topic in request.topics
        )
    )


def _error_of(name: str) -> ErrorCode:
    try:
        check_topic_name(name)
    except InvalidTopic:
        return ErrorCode.INVALID_TOPIC_EXCEPTION
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def _missing(context: RequestContext, name: str, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        error_code=error,
        name=name,
        topic_id=ZERO_UUID,
        is_internal=name in INTERNAL_TOPICS,
        partitions=(),
        topic_authorized_operations=operations(context, ResourceType.TOPIC, name),
    )


def _described(online: Collection[int], index: int, partition: Partition) -> DescribeTopicPartitionsResponsePartition:
    is_online = partition.leader in online
    return DescribeTopicPartitionsResponsePartition(
        error_code=ErrorCode.NONE,  # also without a leader, unlike in Metadata
        partition_index=index,
        leader_id=partition.leader if is_online else _NO_LEADER,
        leader_epoch=partition.leader_epoch,
        replica_nodes=partition.replicas,
        isr_nodes=partition.isr,
        eligible_leader_replicas=partition.elr,
        last_known_elr=partition.last_known_elr,
        offline_replicas=tuple(replica for replica in partition.replicas if replica not in online),
    )

"""AlterPartitionReassignments and ListPartitionReassignments (KIP-455).

All brokers use one copy of the data, so that a reassignment takes effect at once and none is ever in progress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.errors import RefusedError
from kafkalite.handlers.new_partitions import check_replicas
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ReassignablePartition,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)
from kafkalite_wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def alter_partition_reassignments(
    broker: BrokerEndpoint, request: AlterPartitionReassignmentsRequest, context: RequestContext
) -> Steps[AlterPartitionReassignmentsResponse]:
    """Reassign each partition that may have the replicas that are asked for."""
    del context
    meter = WorkMeter()
    topics: list[ReassignableTopicResponse] = []
    for topic in request.topics:
        partitions: list[ReassignablePartitionResponse] = []
        for partition in topic.partitions:
            if meter.add():
                yield
            code, reason = ErrorCode.NONE, None
            try:
                _reassign(broker, topic.name, partition, may_change_factor=request.allow_replication_factor_change)
            except (RefusedError, StorageError) as error:
                code, reason = error.code, str(error) or None
            partitions.append(
                ReassignablePartitionResponse(
                    partition_index=partition.partition_index, error_code=code, error_message=reason
                )
            )
        topics.append(ReassignableTopicResponse(name=topic.name, partitions=tuple(partitions)))
    return AlterPartitionReassignmentsResponse(
        allow_replication_factor_change=request.allow_replication_factor_change,
        error_message=None,
        responses=tuple(topics),
    )


def _reassign(broker: BrokerEndpoint, name: str, wanted: ReassignablePartition, *, may_change_factor: bool) -> None:
    index, replicas = wanted.partition_index, wanted.replicas
    topic = broker.cluster.storage.topics.get(name)
    if topic is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find a topic named {name}.")
    if not 0 <= index < topic.partitions:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find partition {name}:{index}.")
    if replicas is None:
        raise RefusedError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, "")
    check_replicas(broker, replicas)
    partition = topic.assignment[index]
    if not may_change_factor and len(replicas) != len(partition.replicas):
        raise RefusedError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"The replication factor is changed from {len(partition.replicas)} to {len(replicas)}",
        )
    broker.cluster.leadership.reassign(topic, index, replicas)


def list_partition_reassignments(
    broker: BrokerEndpoint, request: ListPartitionReassignmentsRequest, context: RequestContext
) -> ListPartitionReassignmentsResponse:
    """Return an empty list: no reassignment takes time."""
    del broker, request, context
    return ListPartitionReassignmentsResponse(error_message=None, topics=())

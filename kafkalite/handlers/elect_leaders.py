"""ElectLeaders: elect the preferred replica of partitions, or any replica (KIP-183, KIP-460).

A replica is in sync exactly while its broker is up, so that any leader is elected as soon as there can be one: only the
preferred one is left to be elected by request.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.replicas import NO_LEADER
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.metadata.topics import Topic


_NOT_NEEDED: Final = "Leader election not needed for topic partition."


class ElectionType(IntEnum):
    """Which replica becomes the leader."""

    PREFERRED = 0
    UNCLEAN = 1


def handle(
    broker: BrokerEndpoint, request: ElectLeadersRequest, context: RequestContext
) -> Steps[ElectLeadersResponse]:
    """Answer for the partitions of a request; of all partitions only those that do not have the leader they should."""
    del context
    if request.election_type not in set(ElectionType) and request.topic_partitions != ():
        return _refused(request)
    meter = WorkMeter()
    topics = broker.cluster.storage.topics
    everything = request.topic_partitions is None
    asked = (
        [(name, range(topic.partitions)) for name, topic in topics.items()]
        if request.topic_partitions is None
        else [(topic.topic, topic.partitions) for topic in request.topic_partitions]
    )
    results: list[ReplicaElectionResult] = []
    for name, indexes in asked:
        topic = topics.get(name)
        partitions: list[PartitionResult] = []
        for index in indexes:
            if meter.add():
                yield
            result = _elect(broker, topic, name, index, request.election_type)
            if not (everything and result.error_code == ErrorCode.ELECTION_NOT_NEEDED):
                partitions.append(result)
        results.append(ReplicaElectionResult(topic=name, partition_result=tuple(partitions)))
    return ElectLeadersResponse(replica_election_results=tuple(results))


def _refused(request: ElectLeadersRequest) -> ElectLeadersResponse:
    """Return the answer to an election type that does not exist."""
    reason = f"Unknown election type {request.election_type}"
    return ElectLeadersResponse(
        error_code=ErrorCode.INVALID_REQUEST,
        replica_election_results=tuple(
            ReplicaElectionResult(
                topic=topic.topic,
                partition_result=tuple(_result(index, ErrorCode.INVALID_REQUEST, reason) for index in topic.partitions),
            )
            for topic in request.topic_partitions or ()
        ),
    )


def _elect(broker: BrokerEndpoint, topic: Topic | None, name: str, index: int, election_type: int) -> PartitionResult:
    if topic is None:
        return _result(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}")
    if not 0 <= index < topic.partitions:
        return _result(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{index}")
    leader, leadership = topic.assignment[index].leader, broker.cluster.leadership
    if election_type == ElectionType.PREFERRED:
        preferred = topic.assignment[index].replicas[0]
        if leader == preferred:
            return _result(index, ErrorCode.ELECTION_NOT_NEEDED, _NOT_NEEDED)
        if preferred not in leadership.up:
            return _result(index, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, "The preferred leader was not available.")
    elif leader != NO_LEADER:
        return _result(index, ErrorCode.ELECTION_NOT_NEEDED, _NOT_NEEDED)
    else:
        return _result(
            index, ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, "Eligible topic partition leaders are not available."
        )
    try:
        leadership.prefer(topic, (index,))
    except StorageError as error:
        return _result(index, error.code, str(error))
    return PartitionResult(partition_id=index, error_message=None)


def _result(index: int, code: ErrorCode, reason: str) -> PartitionResult:
    return PartitionResult(partition_id=index, error_code=code, error_message=reason)

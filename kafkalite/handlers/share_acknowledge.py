"""ShareAcknowledge: say what became of acquired records, without fetching more (KIP-932)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.node_endpoints import node_endpoints
from kafkalite.handlers.share_acknowledgements import Acknowledged, acknowledge, end_session
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.sharing.share_sessions import CLOSING, OPENING, Member
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_acknowledge import (
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
    ShareAcknowledgeRequest,
    ShareAcknowledgeResponse,
    ShareAcknowledgeTopicResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_WORK_OF_A_PARTITION: Final = 20


def handle(
    broker: BrokerEndpoint, request: ShareAcknowledgeRequest, context: RequestContext
) -> Steps[ShareAcknowledgeResponse | None]:
    """Record the acknowledgements, then respond."""
    if request.group_id is None or not request.member_id:
        return _refused(ErrorCode.INVALID_REQUEST)
    if request.share_session_epoch == OPENING:
        return _refused(ErrorCode.INVALID_SHARE_SESSION_EPOCH)
    yield from broker.cluster.share_states.load()
    member = Member(request.group_id, request.member_id)
    error, session = broker.share_sessions.use(member, request.share_session_epoch, context.info)
    if session is None:
        return _refused(error)
    outcome = Acknowledged()
    meter = WorkMeter()
    for topic in request.topics:
        for part in topic.partitions:
            if meter.add(_WORK_OF_A_PARTITION):
                yield
            key = (topic.topic_id, part.partition_index)
            batches = part.acknowledgement_batches
            acknowledge(broker, context, member, key, batches, outcome, may_renew=request.is_renew_ack)
    if request.share_session_epoch == CLOSING:
        end_session(broker, member)
    sent: list[ShareAcknowledgeResponse] = []
    outcome.when_settled(lambda: sent.append(_response(broker, context, member, outcome)))
    if sent:
        return sent[0]
    response = context.defer()
    outcome.when_settled(lambda: response.send(_response(broker, context, member, outcome)))
    return None


def _response(
    broker: BrokerEndpoint, context: RequestContext, member: Member, outcome: Acknowledged
) -> ShareAcknowledgeResponse:
    cluster = broker.cluster
    leaders: set[int] = set()
    topics: dict[bytes, list[PartitionData]] = {}
    for (topic_id, index), (error, reason) in outcome.errors.items():
        leader = LeaderIdAndEpoch()
        if error is ErrorCode.NOT_LEADER_OR_FOLLOWER:
            found = cluster.storage.topics_by_id[topic_id].assignment[index]
            leader = LeaderIdAndEpoch(leader_id=found.leader, leader_epoch=found.leader_epoch)
            leaders.add(found.leader)
        data = PartitionData(partition_index=index, error_code=error, error_message=reason, current_leader=leader)
        topics.setdefault(topic_id, []).append(data)
    config = cluster.share_partitions.config_of(member.group_id)
    return ShareAcknowledgeResponse(
        acquisition_lock_timeout_ms=round(config.record_lock_duration * 1000),
        responses=tuple(
            ShareAcknowledgeTopicResponse(topic_id=topic_id, partitions=tuple(partitions))
            for topic_id, partitions in topics.items()
        ),
        node_endpoints=node_endpoints(cluster, context, leaders, NodeEndpoint),
    )


def _refused(error: ErrorCode) -> ShareAcknowledgeResponse:
    return ShareAcknowledgeResponse(error_code=error, responses=(), node_endpoints=())

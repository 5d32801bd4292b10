"""DescribeQuorum: the quorum of the metadata log, which is this process alone (KIP-595).

All brokers are voters, and the controller is the leader. It has no controller listener, so the response has no
endpoints of voters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    Node,
    PartitionQuorum,
    ReplicaState,
    TopicQuorum,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_PARTITION: Final = 0


def handle(broker: BrokerEndpoint, request: DescribeQuorumRequest, context: RequestContext) -> DescribeQuorumResponse:
    """Describe the one partition of the metadata log; a request for anything else is refused as a whole."""
    del context
    asked = [(topic.topic_name, [each.partition_index for each in topic.partitions]) for topic in request.topics]
    if asked != [(METADATA_TOPIC, [_PARTITION])]:
        return _unknown(request)
    cluster = broker.cluster
    log = cluster.storage.metadata.log
    now = cluster.wall_ms()
    voters = tuple(
        ReplicaState(
            replica_id=broker_id,
            # As in Kafka with static voters: directory ids come with kraft.version 1.
            replica_directory_id=ZERO_UUID,
            log_end_offset=log.log_end_offset,
            last_fetch_timestamp=now,
            last_caught_up_timestamp=now,
        )
        for broker_id in cluster.leadership.all
    )
    described = PartitionQuorum(
        partition_index=_PARTITION,
        leader_id=cluster.controller_id,
        leader_epoch=log.leader_epoch,
        high_watermark=log.log_end_offset,
        current_voters=voters,
        observers=(),
    )
    return DescribeQuorumResponse(
        topics=(TopicQuorum(topic_name=METADATA_TOPIC, partitions=(described,)),),
        nodes=tuple(Node(node_id=broker_id, listeners=()) for broker_id in cluster.leadership.all),
    )


def _unknown(request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    return DescribeQuorumResponse(
        topics=tuple(
            TopicQuorum(
                topic_name=topic.topic_name,
                partitions=tuple(
                    PartitionQuorum(
                        partition_index=each.partition_index,
                        error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                        leader_id=0,
                        leader_epoch=0,
                        high_watermark=0,
                        current_voters=(),
                        observers=(),
                    )
                    for each in topic.partitions
                ),
            )
            for topic in request.topics
        ),
    )

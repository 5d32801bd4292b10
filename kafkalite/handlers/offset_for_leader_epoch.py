"""OffsetForLeaderEpoch, versions 2-4: where a leader epoch ended, so that a consumer can tell if its log was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.leader_epochs import epoch_error
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext


def handle(node: Node, request: OffsetForLeaderEpochRequest, context: RequestContext) -> OffsetForLeaderEpochResponse:
    """Look up every partition on its own."""
    del context
    return OffsetForLeaderEpochResponse(
        topics=tuple(
            OffsetForLeaderTopicResult(
                topic=topic.topic,
                partitions=tuple(_partition(node, topic.topic, partition) for partition in topic.partitions),
            )
            for topic in request.topics
        )
    )


def _partition(node: Node, name: str, wanted: OffsetForLeaderPartition) -> EpochEndOffset:
    log = node.log(name, wanted.partition)
    if log is None:
        return EpochEndOffset(partition=wanted.partition, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    refusal = epoch_error(log, wanted.current_leader_epoch)
    if refusal:
        return EpochEndOffset(partition=wanted.partition, error_code=refusal)
    leader_epoch, end_offset = log.end_offset_for_epoch(wanted.leader_epoch)
    return EpochEndOffset(
        partition=wanted.partition,
        error_code=ErrorCode.NONE,
        leader_epoch=leader_epoch,
        end_offset=end_offset,
    )

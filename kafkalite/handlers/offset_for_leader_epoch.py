"""OffsetForLeaderEpoch: where a leader epoch ended, so that a consumer can detect a truncated log."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext


def handle(
    broker: BrokerEndpoint, request: OffsetForLeaderEpochRequest, context: RequestContext
) -> Steps[OffsetForLeaderEpochResponse]:
    """Look up each partition on its own."""
    del context
    meter = WorkMeter()
    open_logs = broker.cluster.storage.open_logs
    topics: list[OffsetForLeaderTopicResult] = []
    for topic in request.topics:
        results: list[EpochEndOffset] = []
        for partition in topic.partitions:
            if meter.add(1 if (topic.topic, partition.partition) in open_logs else WORK_OF_OPENING_A_LOG):
                yield
            results.append(guarded(partial(_partition, broker, topic.topic, partition), partial(_refused, partition)))
        topics.append(OffsetForLeaderTopicResult(topic=topic.topic, partitions=tuple(results)))
    return OffsetForLeaderEpochResponse(topics=tuple(topics))


def _partition(broker: BrokerEndpoint, name: str, wanted: OffsetForLeaderPartition) -> EpochEndOffset:
    log = broker.led_log(name, wanted.partition, wanted.current_leader_epoch)
    leader_epoch, end_offset = log.end_offset_for_epoch(wanted.leader_epoch)
    return EpochEndOffset(
        partition=wanted.partition,
        error_code=ErrorCode.NONE,
        leader_epoch=leader_epoch,
        end_offset=end_offset,
    )


def _refused(wanted: OffsetForLeaderPartition, error: PartitionError) -> EpochEndOffset:
    return EpochEndOffset(partition=wanted.partition, error_code=error.code)

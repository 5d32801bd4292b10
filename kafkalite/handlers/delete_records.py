"""DeleteRecords: raise the log start offset of partitions (KIP-107); -1 deletes all present records.

Records below it cannot be read any more; segments that lie below as a whole are removed. As in Kafka the new log start
offset is on disk with the next checkpoint, not before the response. Topics that are only compacted and internal topics
are refused. There are no followers to wait for, so the time-out has no effect.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext

_HIGH_WATERMARK: Final = -1
_NO_OFFSET: Final = -1


def handle(
    broker: BrokerEndpoint, request: DeleteRecordsRequest, context: RequestContext
) -> Steps[DeleteRecordsResponse]:
    """Truncate the start of each partition on its own; the last offset of one that is named twice counts."""
    context.outlives_client = True
    wanted: dict[str, dict[int, int]] = {}
    for topic in request.topics:
        offsets = wanted.setdefault(topic.name, {})
        offsets.update((partition.partition_index, partition.offset) for partition in topic.partitions)
    meter = WorkMeter()
    topics: list[DeleteRecordsTopicResult] = []
    for name, offsets in wanted.items():
        results: list[DeleteRecordsPartitionResult] = []
        for index, offset in offsets.items():
            if meter.add(WORK_OF_OPENING_A_LOG):
                yield
            results.append(guarded(partial(_partition, broker, name, index, offset), partial(_refused, index)))
        if results:
            topics.append(DeleteRecordsTopicResult(name=name, partitions=tuple(results)))
    return DeleteRecordsResponse(topics=tuple(topics))


def _partition(broker: BrokerEndpoint, name: str, index: int, offset: int) -> DeleteRecordsPartitionResult:
    log = broker.led_log(name, index)
    if broker.cluster.storage.topics[name].is_internal:
        raise RefusedError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"the records of {name} are not to be deleted")
    end = log.high_watermark if offset == _HIGH_WATERMARK else offset
    return DeleteRecordsPartitionResult(
        partition_index=index,
        low_watermark=broker.cluster.delete_records(name, index, end),
        error_code=ErrorCode.NONE,
    )


def _refused(index: int, error: PartitionError) -> DeleteRecordsPartitionResult:
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=_NO_OFFSET, error_code=error.code)

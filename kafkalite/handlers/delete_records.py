"""DeleteRecords, versions 0-2: let partitions begin later (KIP-107); -1 deletes all that is there now.

What lies below cannot be read any more; segments that do so as a whole are removed at once. As in Kafka the new
beginning is on disk with the next checkpoint, not before the reply. Topics that are only compacted and the broker's
own are refused. There are no followers to wait for, so the time-out has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext

_HIGH_WATERMARK: Final = -1
_NO_OFFSET: Final = -1


def handle(node: Node, request: DeleteRecordsRequest, context: RequestContext) -> DeleteRecordsResponse:
    """Shorten every partition on its own; of one that is named twice, the last offset counts."""
    del context
    wanted: dict[str, dict[int, int]] = {}
    for topic in request.topics:
        offsets = wanted.setdefault(topic.name, {})
        offsets.update((partition.partition_index, partition.offset) for partition in topic.partitions)
    return DeleteRecordsResponse(
        topics=tuple(
            DeleteRecordsTopicResult(
                name=name,
                partitions=tuple(_partition(node, name, index, offset) for index, offset in offsets.items()),
            )
            for name, offsets in wanted.items()
            if offsets
        )
    )


def _partition(node: Node, name: str, index: int, offset: int) -> DeleteRecordsPartitionResult:
    error_code: int = ErrorCode.NONE
    low_watermark = _NO_OFFSET
    log = node.log(name, index)
    if log is None:
        error_code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    elif node.storage.topics[name].is_internal:
        error_code = ErrorCode.INVALID_TOPIC_EXCEPTION
    else:
        try:
            low_watermark = node.delete_records(
                name, index, log.high_watermark if offset == _HIGH_WATERMARK else offset
            )
        except StorageError as error:
            error_code = error.code
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=low_watermark, error_code=error_code)

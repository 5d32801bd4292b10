"""ListOffsets, versions 1-11: the first and last offsets of a partition, or the offset for a time.

The special times are -1 latest, -2 earliest, -3 the record with the largest timestamp (version 7), -4 earliest kept
locally (8), -5 latest in tiered storage (9), -6 earliest not yet there (11); without tiered storage -4 is the earliest
offset and -5 and -6 do not exist. A time finds the first record that is not older, also inside a compressed batch.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from kafkalite.handlers.leader_epochs import epoch_error
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.log.log import PartitionLog

_READ_COMMITTED: Final = 1

_LATEST: Final = -1
_EARLIEST: Final = -2
_MAX_TIMESTAMP: Final = -3
_EARLIEST_LOCAL: Final = -4
_LATEST_TIERED: Final = -5
_EARLIEST_PENDING_UPLOAD: Final = -6

_SINCE: Final = {_MAX_TIMESTAMP: 7, _EARLIEST_LOCAL: 8, _LATEST_TIERED: 9, _EARLIEST_PENDING_UPLOAD: 11}

_NONE_FOUND: Final = (-1, -1, -1)


def handle(node: Node, request: ListOffsetsRequest, context: RequestContext) -> ListOffsetsResponse:
    """Look up every partition on its own."""
    counted = _counted(request)
    topics: dict[str, list[ListOffsetsPartitionResponse]] = {topic.name: [] for topic in request.topics}
    for (name, _), (partition, times) in counted.items():
        topics[name].append(
            _refused(partition, ErrorCode.INVALID_REQUEST)
            if times > 1
            else _partition(node, name, partition, context.api_version, request.isolation_level)
        )
    return ListOffsetsResponse(
        topics=tuple(
            ListOffsetsTopicResponse(name=name, partitions=tuple(partitions)) for name, partitions in topics.items()
        )
    )


def _counted(request: ListOffsetsRequest) -> dict[tuple[str, int], tuple[ListOffsetsPartition, int]]:
    """Give each partition once, with how many times it was asked for: more than once is an error."""
    asked = [(topic.name, partition) for topic in request.topics for partition in topic.partitions]
    times = Counter((name, partition.partition_index) for name, partition in asked)
    return {
        (name, partition.partition_index): (partition, times[name, partition.partition_index])
        for name, partition in asked
    }


def _partition(
    node: Node, name: str, wanted: ListOffsetsPartition, version: int, isolation_level: int
) -> ListOffsetsPartitionResponse:
    try:
        log = node.log(name, wanted.partition_index)
    except StorageError as error:
        return _refused(wanted, error.code)
    if wanted.timestamp < _EARLIEST_PENDING_UPLOAD or version < _SINCE.get(wanted.timestamp, 0):
        error_code: int = ErrorCode.UNSUPPORTED_VERSION
    elif log is None:
        error_code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    else:
        error_code = epoch_error(log, wanted.current_leader_epoch)
    if log is None or error_code:
        return _refused(wanted, error_code)
    try:
        timestamp, offset, leader_epoch = _find(log, wanted.timestamp, isolation_level)
    except StorageError as error:
        return _refused(wanted, error.code)
    return ListOffsetsPartitionResponse(
        partition_index=wanted.partition_index,
        error_code=ErrorCode.NONE,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=leader_epoch,
    )


def _refused(wanted: ListOffsetsPartition, error_code: int) -> ListOffsetsPartitionResponse:
    return ListOffsetsPartitionResponse(partition_index=wanted.partition_index, error_code=error_code)


def _find(log: PartitionLog, timestamp: int, isolation_level: int) -> tuple[int, int, int]:
    """Give (timestamp, offset, leader epoch), each -1 where there is none."""
    if timestamp == _LATEST:
        end = log.last_stable_offset if isolation_level == _READ_COMMITTED else log.high_watermark
        return -1, end, log.leader_epoch
    if timestamp in (_EARLIEST, _EARLIEST_LOCAL):
        return -1, log.log_start_offset, log.leader_epoch
    if timestamp in (_LATEST_TIERED, _EARLIEST_PENDING_UPLOAD):
        return _NONE_FOUND
    found = log.max_timestamp() if timestamp == _MAX_TIMESTAMP else log.offset_for_timestamp(timestamp)
    if found is None:
        return _NONE_FOUND
    return found.timestamp, found.offset, found.leader_epoch

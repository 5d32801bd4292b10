"""ListOffsets: the first and last offsets of a partition, or the offset for a time.

The special times are -1 latest, -2 earliest, -3 the record with the largest timestamp (version 7), -4 earliest kept
locally (8), -5 latest in tiered storage (9), -6 earliest not yet there (11); without tiered storage -4 is the earliest
offset and -5 and -6 do not exist. A time finds the first record that is not older, also inside a compressed batch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.storage import Storage

_READ_COMMITTED: Final = 1
_ISOLATION_LEVELS: Final = (0, _READ_COMMITTED)

_LATEST: Final = -1
_EARLIEST: Final = -2
_MAX_TIMESTAMP: Final = -3
_EARLIEST_LOCAL: Final = -4
_LATEST_TIERED: Final = -5
_EARLIEST_PENDING_UPLOAD: Final = -6

_SINCE: Final = {_MAX_TIMESTAMP: 7, _EARLIEST_LOCAL: 8, _LATEST_TIERED: 9, _EARLIEST_PENDING_UPLOAD: 11}

_NONE_FOUND: Final = (-1, -1, -1)
_NAMED_TWICE: Final = RefusedError(ErrorCode.INVALID_REQUEST, "the partition is named more than once")


def handle(broker: BrokerEndpoint, request: ListOffsetsRequest, context: RequestContext) -> Steps[ListOffsetsResponse]:
    """Look up each partition on its own; one that is named twice is refused, as in Kafka."""
    meter = WorkMeter()
    open_logs = broker.cluster.storage.open_logs
    topics: dict[str, list[ListOffsetsPartitionResponse]] = {topic.name: [] for topic in request.topics}
    asked: dict[tuple[str, int], ListOffsetsPartition] = {}
    repeated: set[tuple[str, int]] = set()
    for topic in request.topics:
        for partition in topic.partitions:
            key = topic.name, partition.partition_index
            if key in asked:
                repeated.add(key)
            asked[key] = partition
    for key, partition in asked.items():
        if meter.add(2 if key in open_logs else WORK_OF_OPENING_A_LOG):
            yield
        name = key[0]
        if key in repeated:
            topics[name].append(_refused(partition, _NAMED_TWICE))
        else:
            work = partial(_partition, broker, name, partition, context.api_version, request.isolation_level)
            topics[name].append(guarded(work, partial(_refused, partition)))
    return ListOffsetsResponse(
        topics=tuple(
            ListOffsetsTopicResponse(name=name, partitions=tuple(partitions)) for name, partitions in topics.items()
        )
    )


def _partition(
    broker: BrokerEndpoint, name: str, wanted: ListOffsetsPartition, version: int, isolation_level: int
) -> ListOffsetsPartitionResponse:
    if isolation_level not in _ISOLATION_LEVELS:
        raise RefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, f"unknown isolation level {isolation_level}")
    if wanted.timestamp < _EARLIEST_PENDING_UPLOAD or version < _SINCE.get(wanted.timestamp, 0):
        raise RefusedError(ErrorCode.UNSUPPORTED_VERSION, f"unknown special time {wanted.timestamp}")
    broker.check_leader(name, wanted.partition_index, wanted.current_leader_epoch)
    timestamp, offset, leader_epoch = _find(
        broker.cluster.storage, name, wanted.partition_index, wanted.timestamp, isolation_level
    )
    return ListOffsetsPartitionResponse(
        partition_index=wanted.partition_index,
        error_code=ErrorCode.NONE,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=leader_epoch,
    )


def _refused(wanted: ListOffsetsPartition, error: PartitionError) -> ListOffsetsPartitionResponse:
    return ListOffsetsPartitionResponse(partition_index=wanted.partition_index, error_code=error.code)


def _find(storage: Storage, name: str, index: int, timestamp: int, isolation_level: int) -> tuple[int, int, int]:
    """Return timestamp, offset and leader epoch, each -1 where there is none."""
    if timestamp == _LATEST and isolation_level != _READ_COMMITTED:
        offsets = storage.log_offsets(name, index)
        return -1, offsets.high_watermark, offsets.leader_epoch
    if timestamp in (_EARLIEST, _EARLIEST_LOCAL):
        offsets = storage.log_offsets(name, index)
        return -1, offsets.log_start_offset, offsets.start_epoch
    log = storage.log(name, index)
    if timestamp == _LATEST:
        return -1, log.last_stable_offset, log.leader_epoch
    if timestamp in (_LATEST_TIERED, _EARLIEST_PENDING_UPLOAD):
        return _NONE_FOUND
    found = log.max_timestamp() if timestamp == _MAX_TIMESTAMP else log.offset_for_timestamp(timestamp)
    end = log.last_stable_offset if isolation_level == _READ_COMMITTED else log.high_watermark
    if found is None or found.offset >= end:
        return _NONE_FOUND
    return found.timestamp, found.offset, found.leader_epoch

"""Produce, versions 3-13: append record batches to the log.

A reply is sent once the batches are in the log (and on disk, where ``flush.messages`` says so); with one replica that
is the same for acks=1 and acks=all. acks=0 has no reply: an error closes the connection instead, as in Apache Kafka.
Transactional batches are refused: there is no
transaction that they could belong to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RequestError
from kafkalite.handlers.handling import Context, immediate
from kafkalite_storage.errors import InvalidTimestamp, StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.produce import (
    BatchIndexAndErrorMessage,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from kafkalite_wire.records import CorruptBatch, InvalidRecord, check_produced

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite_storage.topics import Topic

_BY_TOPIC_ID: Final = 13
_ALLOWS_ZSTD: Final = 7

_TELLS_LOG_START: Final = (
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.INVALID_TIMESTAMP,
)
"""The errors beside which Kafka says where the log starts."""


@immediate
def handle(node: Node, request: ProduceRequest, context: Context) -> ProduceResponse | None:
    """Append each partition's batches; one that is refused does not keep the others from being written."""
    by_id = context.api_version >= _BY_TOPIC_ID
    unknown = ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    responses: list[TopicProduceResponse] = []
    for data in request.topic_data:
        topic = node.storage.topics_by_id.get(data.topic_id) if by_id else node.storage.topics.get(data.name)
        partitions = [
            _refused(partition.index, ErrorCode.INVALID_REQUIRED_ACKS)
            if request.acks not in (-1, 0, 1)
            else _refused(partition.index, unknown)
            if topic is None
            else _append(node, topic, partition, context.api_version)
            for partition in data.partition_data
        ]
        responses.append(
            TopicProduceResponse(name=data.name, topic_id=data.topic_id, partition_responses=tuple(partitions))
        )
    if request.acks == 0:
        _close_on_error(responses)
        return None
    return ProduceResponse(responses=tuple(responses))


def _append(node: Node, topic: Topic, data: PartitionProduceData, version: int) -> PartitionProduceResponse:
    if not 0 <= data.index < topic.partitions:
        return _refused(data.index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if data.records is None:
        return _refused(data.index, ErrorCode.INVALID_RECORD, "a produce request without records")
    assert isinstance(data.records, memoryview)
    try:
        header = check_produced(data.records, allow_zstd=version >= _ALLOWS_ZSTD)
        if header.is_transactional:
            return _refused(data.index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        appended = node.append(topic.name, data.index, data.records, header)
    except (StorageError, CorruptBatch) as error:
        records = error.record_errors if isinstance(error, (InvalidRecord, InvalidTimestamp)) else ()
        refused = _refused(data.index, error.code, str(error), records)
        log = node.log(topic.name, data.index) if error.code in _TELLS_LOG_START else None
        return refused if log is None else replace(refused, log_start_offset=log.log_start_offset)
    return PartitionProduceResponse(
        index=data.index,
        error_code=ErrorCode.NONE,
        base_offset=appended.base_offset,
        log_append_time_ms=appended.log_append_time,
        log_start_offset=appended.log_start_offset,
        record_errors=(),
    )


def _refused(
    index: int, error_code: int, reason: str | None = None, records: tuple[tuple[int, str], ...] = ()
) -> PartitionProduceResponse:
    return PartitionProduceResponse(
        index=index,
        error_code=error_code,
        base_offset=-1,
        record_errors=tuple(
            BatchIndexAndErrorMessage(batch_index=at, batch_index_error_message=why) for at, why in records
        ),
        error_message=reason,
    )


def _close_on_error(responses: list[TopicProduceResponse]) -> None:
    for topic in responses:
        for partition in topic.partition_responses:
            if partition.error_code:
                code = ErrorCode(partition.error_code).name
                raise RequestError(f"a produce request with acks=0 failed for {topic.name}-{partition.index}: {code}")

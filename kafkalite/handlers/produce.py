"""Produce: append record batches to the log.

The reply is sent once the batches are in the log (and on disk, where ``flush.messages`` says so); with one replica that
is the same for acks=1 and acks=all. acks=0 has no reply: an error closes the connection instead, as in Apache Kafka.
Of a partition that stands twice in a request, the last batch is appended, and it is answered once. Internal topics are
closed to every client but ``__admin_client``. Transactional batches are refused: there are no transactions yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.internal_topics import ADMIN_CLIENT_ID
from kafkalite.errors import RequestError
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import InvalidTimestamp
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from kafkalite_wire.records import InvalidRecord, NotOneBatch, UnsupportedCompression, check_produced

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.errors import StorageError
    from kafkalite_storage.metadata.topics import Topic

_BY_TOPIC_ID: Final = 13
_ALLOWS_ZSTD: Final = 7
_WORK_OF_AN_APPEND: Final = 5

_WITHOUT_LOG_START: Final = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.MESSAGE_TOO_LARGE,
    ErrorCode.RECORD_LIST_TOO_LARGE,
    ErrorCode.CORRUPT_MESSAGE,
    ErrorCode.KAFKA_STORAGE_ERROR,
)
"""The errors of a log with which Kafka does not send its log start offset."""

_NOTHING_FAILED: Final[Mapping[tuple[str, int], StorageError]] = {}


def handle(broker: BrokerEndpoint, request: ProduceRequest, context: RequestContext) -> Steps[ProduceResponse | None]:
    """Append each partition's batch; a refused one does not keep the others from being written."""
    produce = _Produce(broker, request, context)
    context.outlives_client = True
    yield from produce.append_all()
    if not produce.unsynced:
        return produce.response()
    if not request.acks:
        broker.cluster.when_synced(produce.unsynced, _ignore)  # the client does not wait for the disk
        return produce.response()
    response = context.defer()
    broker.cluster.when_synced(produce.unsynced, lambda failed: response.send(produce.response(failed)))
    return None


class _Produce:
    """One request, from its first append to its answer."""

    __slots__ = (
        "_broker",
        "_by_id",
        "_is_small",
        "_may_write_internal",
        "_names",
        "_request",
        "_responses",
        "_version",
        "unsynced",
    )

    def __init__(self, broker: BrokerEndpoint, request: ProduceRequest, context: RequestContext) -> None:
        self._broker = broker
        self._request = request
        self._version = context.api_version
        self._by_id = context.api_version >= _BY_TOPIC_ID
        topics = request.topic_data
        self._is_small = len(topics) == 1 and len(topics[0].partition_data) == 1
        self._may_write_internal = context.client_id == ADMIN_CLIENT_ID
        self._responses: list[TopicProduceResponse] = []
        #: The name of each response's topic, which from version 13 on says only its id.
        self._names: list[str] = []
        #: What was appended and may be acknowledged only when it is on disk: bytes by partition.
        self.unsynced: dict[tuple[str, int], int] = {}

    def append_all(self) -> Steps[None]:
        """Append what can be appended, and note a result for each partition."""
        meter = WorkMeter()
        storage = self._broker.cluster.storage
        valid_acks = self._request.acks in (-1, 0, 1)
        unknown = ErrorCode.UNKNOWN_TOPIC_ID if self._by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        for data, wanted in self._distinct():
            topic = storage.topics_by_id.get(data.topic_id) if self._by_id else storage.topics.get(data.name)
            partitions: list[PartitionProduceResponse] = []
            for partition in wanted:
                if not self._is_small and meter.add(self._work_of(topic, partition.index)):
                    yield
                if not valid_acks:
                    partitions.append(_refused(partition.index, ErrorCode.INVALID_REQUIRED_ACKS))
                elif topic is None:
                    partitions.append(_refused(partition.index, unknown))
                else:
                    partitions.append(self._append(topic, partition))
            self._names.append("" if topic is None else topic.name)
            self._responses.append(
                TopicProduceResponse(name=data.name, topic_id=data.topic_id, partition_responses=tuple(partitions))
            )

    def _work_of(self, topic: Topic | None, index: int) -> int:
        log = None if topic is None else self._broker.cluster.storage.open_logs.get((topic.name, index))
        return _WORK_OF_AN_APPEND if log is not None and log.has_directory else WORK_OF_OPENING_A_LOG

    def _distinct(self) -> Iterable[tuple[TopicProduceData, Iterable[PartitionProduceData]]]:
        topics = self._request.topic_data
        if self._is_small:
            return ((topics[0], topics[0].partition_data),)
        partitions: dict[bytes | str, dict[int, PartitionProduceData]] = {}
        first: dict[bytes | str, TopicProduceData] = {}
        for topic in topics:
            if topic.partition_data:
                key = topic.topic_id if self._by_id else topic.name
                first.setdefault(key, topic)
                partitions.setdefault(key, {}).update((each.index, each) for each in topic.partition_data)
        return [(first[key], wanted.values()) for key, wanted in partitions.items()]

    def _append(self, topic: Topic, data: PartitionProduceData) -> PartitionProduceResponse:
        if not 0 <= data.index < topic.partitions:
            return _refused(data.index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        if topic.is_internal and not self._may_write_internal:
            return _refused(data.index, ErrorCode.INVALID_TOPIC_EXCEPTION)
        partition = topic.assignment[data.index]
        if partition.leader != self._broker.id:
            leader = LeaderIdAndEpoch(leader_id=partition.leader, leader_epoch=partition.leader_epoch)
            return replace(_refused(data.index, ErrorCode.NOT_LEADER_OR_FOLLOWER), current_leader=leader)
        if data.records is None:
            return _refused(data.index, ErrorCode.INVALID_RECORD, "a produce request without records")
        return guarded(partial(self._append_records, topic, data), partial(self._failed, topic, data))

    def _append_records(self, topic: Topic, data: PartitionProduceData) -> PartitionProduceResponse:
        assert isinstance(data.records, memoryview)
        header = check_produced(data.records, allow_zstd=self._version >= _ALLOWS_ZSTD)
        if header.is_transactional:
            return _refused(data.index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        appended = self._broker.cluster.append(topic.name, data.index, data.records, header)
        if appended.awaits_sync:
            self.unsynced[topic.name, data.index] = 0 if appended.is_duplicate else header.size
        return PartitionProduceResponse(
            index=data.index,
            error_code=ErrorCode.NONE,
            base_offset=appended.base_offset,
            log_append_time_ms=appended.log_append_time,
            log_start_offset=appended.log_start_offset,
            record_errors=(),
        )

    def _failed(self, topic: Topic, data: PartitionProduceData, error: PartitionError) -> PartitionProduceResponse:
        records = error.record_errors if isinstance(error, (InvalidRecord, InvalidTimestamp)) else ()
        refused = _refused(data.index, error.code, str(error), records)
        # These are refused before their log is asked.
        is_bad_request = isinstance(error, (NotOneBatch, UnsupportedCompression))
        if is_bad_request or error.code in _WITHOUT_LOG_START:
            return refused
        log = self._broker.cluster.log(topic.name, data.index)
        return refused if log is None else replace(refused, log_start_offset=log.log_start_offset)

    def response(self, failed: Mapping[tuple[str, int], StorageError] = _NOTHING_FAILED) -> ProduceResponse | None:
        """Return the response, with an error for each partition whose sync failed.

        With acks=0 there is none. Raises RequestError there if a partition failed.
        """
        if not self._request.acks:
            _close_on_error(self._responses)
            return None
        responses = self._responses
        if failed:
            responses = [
                replace(
                    topic,
                    partition_responses=tuple(
                        _refused(partition.index, error.code, str(error))
                        if (error := failed.get((name, partition.index))) is not None
                        else partition
                        for partition in topic.partition_responses
                    ),
                )
                for name, topic in zip(self._names, responses, strict=True)
            ]
        return ProduceResponse(responses=tuple(responses))


def _ignore(failed: Mapping[tuple[str, int], StorageError]) -> None:
    """With acks=0 no client waits for a sync; after a failed one the log refuses the next append."""


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

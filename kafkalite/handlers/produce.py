"""Produce: append record batches to the log.

The reply is sent once the batches are in the log (and on disk, where ``flush.messages`` says so); with one replica that
is the same for acks=1 and acks=all. acks=0 has no reply: an error closes the connection instead, as in Apache Kafka.
Of a partition that stands twice in a request, the last batch is appended, and it is answered once. Internal topics are
closed to every client but ``__admin_client``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.internal_topics import ADMIN_CLIENT_ID
from kafkalite.errors import RequestError
from kafkalite.handlers.node_endpoints import node_endpoints
from kafkalite.handlers.produced_transactions import ProducedTransaction, TransactionalBatch
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import InvalidTimestamp
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from kafkalite_wire.records import CorruptBatch, InvalidRecord, NotOneBatch, UnsupportedCompression, check_produced

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.recording import Recording
    from kafkalite.handlers.produced_transactions import Partition
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.errors import StorageError
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_wire.records import BatchHeader

_BY_TOPIC_ID: Final = 13
_ALLOWS_ZSTD: Final = 7
_VALID_ACKS: Final = (-1, 0, 1)
_ACKS_ALL: Final = -1
_WORK_OF_AN_APPEND: Final = 8
_WORK_OF_A_TRANSACTIONAL_APPEND: Final = 15
_WORK_OF_A_NEW_DIRECTORY: Final = 250
_JOINED_PER_UNIT: Final = 10

_WITHOUT_LOG_START: Final = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.MESSAGE_TOO_LARGE,
    ErrorCode.RECORD_LIST_TOO_LARGE,
    ErrorCode.CORRUPT_MESSAGE,
    ErrorCode.KAFKA_STORAGE_ERROR,
)
"""The errors of a log with which Kafka does not send its log start offset."""

_TRANSACTION_REASONS: Final = {ErrorCode.INVALID_TXN_STATE: "Partition was not added to the transaction"}
"""As Kafka words them."""

_NOTHING_FAILED: Final[Mapping[Partition, StorageError]] = {}


def handle(
    broker: BrokerEndpoint, request: ProduceRequest, context: RequestContext
) -> ProduceResponse | Steps[ProduceResponse | None] | None:
    """Append each partition's batch; a refused one does not keep the others from being written."""
    produce = _Produce(broker, request, context)
    topics = request.topic_data
    if request.transactional_id is None and len(topics) == 1 and len(topics[0].partition_data) == 1:
        produce.append_only(topics[0])  # the usual request of most clients
        return produce.respond(None)
    context.outlives_client = True
    return produce.in_steps()


class _Produce:
    """One request, from its first append to its answer."""

    __slots__ = (
        "_broker",
        "_by_id",
        "_context",
        "_leaders",
        "_may_write_internal",
        "_meter",
        "_names",
        "_request",
        "_responses",
        "_transaction",
        "_unsynced",
        "_was_interrupted",
    )

    def __init__(self, broker: BrokerEndpoint, request: ProduceRequest, context: RequestContext) -> None:
        self._broker = broker
        self._request = request
        self._context = context
        self._by_id = context.api_version >= _BY_TOPIC_ID
        self._may_write_internal = context.client_id == ADMIN_CLIENT_ID
        self._transaction: ProducedTransaction | None = None
        self._meter = WorkMeter()
        self._was_interrupted = False
        self._leaders: frozenset[int] = frozenset()
        self._responses: list[TopicProduceResponse] = []
        #: The name of each response's topic, which from version 13 on says only its id.
        self._names: list[str] = []
        #: What was appended and may be acknowledged only when it is on disk: bytes by partition.
        self._unsynced: dict[Partition, int] = {}

    def in_steps(self) -> Steps[ProduceResponse | None]:
        """Append the batches of all partitions. Return the response, or None if it is sent later, or not at all."""
        joined: Recording | None = None
        if self._request.transactional_id is not None:
            joined = yield from self._join(self._request.transactional_id)
        yield from self._append_all()
        return self.respond(joined)

    def respond(self, joined: Recording | None) -> ProduceResponse | None:
        """Return the response, or None if it is sent once everything is settled and on disk, or not at all."""
        if (joined is None or joined.is_settled) and not self._unsynced:
            return self._response()
        if not self._request.acks:
            self._broker.cluster.when_synced(self._unsynced, _ignore)  # the client does not wait for the disk
            return self._response()
        response = self._context.defer()

        def respond_when_synced() -> None:
            if self._unsynced:
                when_synced = self._broker.cluster.when_synced
                when_synced(self._unsynced, lambda failed: response.send(self._response(failed)))
            else:
                response.send(self._response())

        if joined is None:
            respond_when_synced()
        else:
            joined.when_settled(respond_when_synced)
        return None

    def _join(self, transactional_id: str) -> Steps[Recording | None]:
        """Join the transaction with the batches that can be read; the append refuses the rest."""
        yield from self._broker.cluster.transactions.load()
        transaction = ProducedTransaction(self._broker.cluster, transactional_id, self._context.api_version)
        self._transaction = transaction
        partitions = 0
        for data, wanted in self._distinct():
            topic = self._topic(data)
            for partition in wanted:
                partitions += 1
                if self._meter.add(self._work_of(topic, partition.index)):
                    yield
                    self._was_interrupted = True
                header = _transactional_header(partition)
                if topic is None or header is None or not 0 <= partition.index < topic.partitions:
                    continue
                log = guarded(partial(self._broker.cluster.log, topic.name, partition.index), lambda _: None)
                if log is not None:
                    transaction.note(TransactionalBatch((topic.name, partition.index), log.producers, header))
        if self._meter.add(partitions // _JOINED_PER_UNIT):
            yield
            self._was_interrupted = True
        return (yield from transaction.join())

    def append_only(self, data: TopicProduceData) -> None:
        """Append the one batch of a request for one partition."""
        topic = self._topic(data)
        (partition,) = data.partition_data
        self._add(topic, data, (self._append(topic, partition),))

    def _append_all(self) -> Steps[None]:
        for data, wanted in self._distinct():
            topic = self._topic(data)
            partitions: list[PartitionProduceResponse] = []
            for partition in wanted:
                if self._meter.add(self._work_of(topic, partition.index)):
                    yield
                    self._was_interrupted = True
                partitions.append(self._append(topic, partition))
            self._add(topic, data, tuple(partitions))

    def _add(
        self, topic: Topic | None, data: TopicProduceData, partitions: tuple[PartitionProduceResponse, ...]
    ) -> None:
        self._names.append("" if topic is None else topic.name)
        self._responses.append(
            TopicProduceResponse(name=data.name, topic_id=data.topic_id, partition_responses=partitions)
        )

    def _topic(self, data: TopicProduceData) -> Topic | None:
        storage = self._broker.cluster.storage
        return storage.topics_by_id.get(data.topic_id) if self._by_id else storage.topics.get(data.name)

    def _work_of(self, topic: Topic | None, index: int) -> int:
        log = None if topic is None else self._broker.cluster.storage.open_logs.get((topic.name, index))
        if log is None:
            return WORK_OF_OPENING_A_LOG
        if not log.has_directory:
            return _WORK_OF_A_NEW_DIRECTORY
        return _WORK_OF_AN_APPEND if self._transaction is None else _WORK_OF_A_TRANSACTIONAL_APPEND

    def _distinct(self) -> Iterable[tuple[TopicProduceData, Iterable[PartitionProduceData]]]:
        partitions: dict[bytes | str, dict[int, PartitionProduceData]] = {}
        first: dict[bytes | str, TopicProduceData] = {}
        for topic in self._request.topic_data:
            if topic.partition_data:
                key = topic.topic_id if self._by_id else topic.name
                first.setdefault(key, topic)
                partitions.setdefault(key, {}).update((each.index, each) for each in topic.partition_data)
        return [(first[key], wanted.values()) for key, wanted in partitions.items()]

    def _append(self, topic: Topic | None, data: PartitionProduceData) -> PartitionProduceResponse:
        if self._request.acks not in _VALID_ACKS:
            return _refused(data.index, ErrorCode.INVALID_REQUIRED_ACKS)
        if topic is None:
            unknown = ErrorCode.UNKNOWN_TOPIC_ID if self._by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            return _refused(data.index, unknown)
        if not 0 <= data.index < topic.partitions:
            return _refused(data.index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        if topic.is_internal and not self._may_write_internal:
            return _refused(data.index, ErrorCode.INVALID_TOPIC_EXCEPTION)
        partition = topic.assignment[data.index]
        if partition.leader != self._broker.id:
            leader = LeaderIdAndEpoch(leader_id=partition.leader, leader_epoch=partition.leader_epoch)
            self._leaders |= {partition.leader}
            return replace(_refused(data.index, ErrorCode.NOT_LEADER_OR_FOLLOWER), current_leader=leader)
        if (
            self._request.acks == _ACKS_ALL
            and len(partition.isr) < len(partition.replicas)
            and self._broker.cluster.leadership.has_too_few_in_sync(topic, partition)
        ):
            return _refused(data.index, ErrorCode.NOT_ENOUGH_REPLICAS)
        if self._transaction is not None and self._transaction.refusal_of_all:
            return _refused(data.index, self._transaction.refusal_of_all)
        if data.records is None:
            return _refused(data.index, ErrorCode.INVALID_RECORD, "a produce request without records")
        return guarded(partial(self._append_records, topic, data), partial(self._failed, topic, data))

    def _append_records(self, topic: Topic, data: PartitionProduceData) -> PartitionProduceResponse:
        assert isinstance(data.records, memoryview)
        partition = (topic.name, data.index)
        allow_zstd = self._context.api_version >= _ALLOWS_ZSTD
        transaction = self._transaction
        header = transaction.header(partition) if transaction is not None and allow_zstd else None
        if header is None:
            header = check_produced(data.records, allow_zstd=allow_zstd)
        if header.is_transactional:
            if transaction is None:
                return _refused(data.index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
            error = transaction.refusal(partition, header, may_have_ended=self._was_interrupted)
            if error:
                return _refused(data.index, error, _TRANSACTION_REASONS.get(error))
        appended = self._broker.cluster.append(topic.name, data.index, data.records, header)
        if appended.awaits_sync:
            self._unsynced[partition] = 0 if appended.is_duplicate else header.size
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

    def _response(self, failed: Mapping[Partition, StorageError] = _NOTHING_FAILED) -> ProduceResponse | None:
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
        if self._leaders:
            leaders = node_endpoints(self._broker.cluster, self._context, self._leaders, NodeEndpoint)
            return ProduceResponse(responses=tuple(responses), node_endpoints=leaders)
        return ProduceResponse(responses=tuple(responses))


def _transactional_header(data: PartitionProduceData) -> BatchHeader | None:
    if data.records is None:
        return None
    assert isinstance(data.records, memoryview)
    try:
        header = check_produced(data.records)
    except CorruptBatch:
        return None
    return header if header.is_transactional and header.producer_id >= 0 else None


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

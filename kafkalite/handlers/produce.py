"""Produce: append record batches to the log.

The reply is sent once the batches are in the log (and on disk, where ``flush.messages`` says so); with one replica that
is the same for acks=1 and acks=all. acks=0 has no reply: an error closes the connection instead, as in Apache Kafka.
Of a partition that stands twice in a request, the last batch is appended, and it is answered once. Internal topics are
closed to every client but ``__admin_client``. A transactional batch needs its partition in the transaction (KIP-890):
from version 12 on the batch itself adds it, before that the producer must have added it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.internal_topics import ADMIN_CLIENT_ID
from kafkalite.coordinators.transactions.versions import VERSION_2, verification_error
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
from kafkalite_wire.records import CorruptBatch, InvalidRecord, NotOneBatch, UnsupportedCompression, check_produced

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.transaction_service import PartitionsAdded
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.errors import StorageError
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_storage.state.producer_state import ProducerStates
    from kafkalite_wire.records import BatchHeader

_BY_TOPIC_ID: Final = 13
_ABORTABLE: Final = 11
_JOINS_TRANSACTION: Final = 12
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

_RETRIABLE: Final = (
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
)
"""Errors of the transaction coordinator that producers may not expect."""

_TRANSACTION_REASONS: Final = {ErrorCode.INVALID_TXN_STATE: "Partition was not added to the transaction"}
"""As Kafka words them."""

_NOTHING_FAILED: Final[Mapping[tuple[str, int], StorageError]] = {}


def handle(broker: BrokerEndpoint, request: ProduceRequest, context: RequestContext) -> Steps[ProduceResponse | None]:
    """Append each partition's batch; a refused one does not keep the others from being written."""
    produce = _Produce(broker, request, context)
    context.outlives_client = True
    joined: PartitionsAdded | None = None
    if request.transactional_id is not None:
        joined = yield from produce.join_transaction(request.transactional_id)
    yield from produce.append_all()
    is_joined = joined is None or joined.is_settled
    if is_joined and not produce.unsynced:
        return produce.response()
    if not request.acks:
        broker.cluster.when_synced(produce.unsynced, _ignore)  # the client does not wait for the disk
        return produce.response()
    response = context.defer()

    def respond_when_synced() -> None:
        if produce.unsynced:
            broker.cluster.when_synced(produce.unsynced, lambda failed: response.send(produce.response(failed)))
        else:
            response.send(produce.response())

    if joined is None:
        respond_when_synced()
    else:
        joined.when_settled(respond_when_synced)
    return None


class _Produce:
    """One request, from its first append to its answer."""

    __slots__ = (
        "_beginning",
        "_broker",
        "_by_id",
        "_checked",
        "_is_small",
        "_is_transactional",
        "_may_write_internal",
        "_names",
        "_refusal_of_all",
        "_refused_by_transaction",
        "_request",
        "_responses",
        "_version",
        "_was_interrupted",
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
        self._is_transactional = request.transactional_id is not None
        #: Why a partition's transactional batch is refused.
        self._refused_by_transaction: dict[tuple[str, int], ErrorCode] = {}
        self._refusal_of_all = ErrorCode.NONE
        #: The headers of transactional batches that were checked to find their producers.
        self._checked: dict[tuple[str, int], BatchHeader] = {}
        self._was_interrupted = False
        #: The partitions in which the transaction begins with this request.
        self._beginning: dict[tuple[str, int], ProducerStates] = {}
        self._responses: list[TopicProduceResponse] = []
        #: The name of each response's topic, which from version 13 on says only its id.
        self._names: list[str] = []
        #: What was appended and may be acknowledged only when it is on disk: bytes by partition.
        self.unsynced: dict[tuple[str, int], int] = {}

    def join_transaction(self, transactional_id: str) -> Steps[PartitionsAdded | None]:
        """Add the partitions that are not yet in the transaction, or before version 12 verify that they are in it.

        Return what has to be settled before the response is sent, or None. What cannot be read is left to the append,
        which refuses it.
        """
        yield from self._broker.cluster.transactions.load()
        batches = yield from self._transactional_batches()
        producers = {(header.producer_id, header.producer_epoch) for _, _, header in batches}
        if len(producers) > 1:
            self._refusal_of_all = ErrorCode.INVALID_PRODUCER_ID_MAPPING
            return None
        for partition, states, header in batches:
            if states.has_open_transaction(header.producer_id, header.producer_epoch):
                continue
            if states.is_fenced(header.producer_id, header.producer_epoch):
                self._refuse((partition,), ErrorCode.INVALID_PRODUCER_EPOCH)
            else:
                self._beginning[partition] = states
        if not self._beginning:
            return None
        partitions = list(self._beginning)
        ((producer_id, epoch),) = producers
        transactions = self._broker.cluster.transactions
        if self._version < _JOINS_TRANSACTION:
            verified = transactions.coordinator.verify(transactional_id, producer_id, epoch, partitions)
            for each, error in verified.items():
                self._refuse((each,), error)
            return None
        added = transactions.add_partitions(transactional_id, producer_id, epoch, partitions, client_version=VERSION_2)
        self._refuse(partitions, added.error)
        return added

    def _verify_again(self, partition: tuple[str, int], header: BatchHeader) -> None:
        """Refuse a batch whose transaction has ended since the request began: no marker would follow it."""
        log = self._broker.cluster.log(*partition)
        if log is None or log.producers.has_open_transaction(header.producer_id, header.producer_epoch):
            return
        producer = self._request.transactional_id or "", header.producer_id, header.producer_epoch
        verified = self._broker.cluster.transactions.coordinator.verify(*producer, (partition,))
        self._refuse((partition,), verified[partition])

    def _topic_name(self, data: TopicProduceData) -> str | None:
        if not self._by_id:
            return data.name
        return self._broker.cluster.topic_name(data.topic_id)

    def _transactional_batches(self) -> Steps[list[tuple[tuple[str, int], ProducerStates, BatchHeader]]]:
        """Return the partitions with transactional batches, other than those refused for another reason."""
        batches: list[tuple[tuple[str, int], ProducerStates, BatchHeader]] = []
        meter = WorkMeter()
        for topic, wanted in self._distinct():
            name = self._topic_name(topic)
            known = None if name is None else self._broker.cluster.storage.topics.get(name)
            if known is None:
                continue
            for partition in wanted:
                if not self._is_small and meter.add(self._work_of(known, partition.index)):
                    yield
                header = _transactional_header(partition)
                if header is None or not 0 <= partition.index < known.partitions:
                    continue
                log = guarded(partial(self._broker.cluster.log, known.name, partition.index), lambda _: None)
                if log is not None:
                    self._checked[known.name, partition.index] = header
                    batches.append(((known.name, partition.index), log.producers, header))
        return batches

    def _refuse(self, partitions: Iterable[tuple[str, int]], error: ErrorCode) -> None:
        if not error:
            return
        error = verification_error(error, may_be_abortable=self._version >= _ABORTABLE)
        if error in _RETRIABLE or (error is ErrorCode.CONCURRENT_TRANSACTIONS and self._version < _JOINS_TRANSACTION):
            error = ErrorCode.NOT_ENOUGH_REPLICAS  # older clients retry with this one
        self._refused_by_transaction.update(dict.fromkeys(partitions, error))

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
                    self._was_interrupted = True
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
        if self._refusal_of_all:
            return _refused(data.index, self._refusal_of_all)
        if data.records is None:
            return _refused(data.index, ErrorCode.INVALID_RECORD, "a produce request without records")
        return guarded(partial(self._append_records, topic, data), partial(self._failed, topic, data))

    def _append_records(self, topic: Topic, data: PartitionProduceData) -> PartitionProduceResponse:
        assert isinstance(data.records, memoryview)
        allow_zstd = self._version >= _ALLOWS_ZSTD
        header = self._checked.get((topic.name, data.index)) if self._checked and allow_zstd else None
        if header is None:
            header = check_produced(data.records, allow_zstd=allow_zstd)
        if header.is_transactional:
            if not self._is_transactional:
                return _refused(data.index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
            partition = (topic.name, data.index)
            if self._was_interrupted and partition not in self._refused_by_transaction:
                self._verify_again(partition, header)
            error = self._refused_by_transaction.get(partition, ErrorCode.NONE)
            states = self._beginning.get(partition)
            if error:
                if states is not None:
                    states.note_refused(header)
                return _refused(data.index, error, _TRANSACTION_REASONS.get(error))
            if states is not None and self._version >= _JOINS_TRANSACTION:
                states.check_beginning(header)
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

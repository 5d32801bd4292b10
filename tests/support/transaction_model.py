"""A cluster, several transactional producers, and what a reader of committed records may see of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.config import load
from kafkalite.coordinators.results import Client, ProducerIdAndEpoch
from kafkalite.coordinators.transactions.states import IDLE_STATES
from kafkalite.requests.steps import finish
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.records import Record, build_batch, check_produced, iter_records, read_end_txn_marker, walk_batches

TOPIC, GROUP = "t", "copier"
PARTITIONS = 2
TIMEOUT_MS = 60_000
_WALL_MS = 1_700_000_000_000
_VERSION_1_OF_END_TXN = 4
_VERSION_2_OF_END_TXN = 5


class HandClock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall_ms(self) -> int:
        return _WALL_MS + round(self.seconds * 1000)

    def loop_time(self, when: float) -> float:
        return when

    def on_changed(self, call: Callable[[], None]) -> None:
        pass


class Answer:
    """Takes the response of a request."""

    def __init__(self) -> None:
        self.response: Any = None

    def send(self, response: Any, /) -> None:
        self.response = response

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


@dataclass(eq=False)
class ModelTransaction:
    """A transaction as its client knows it."""

    values: dict[int, list[bytes]] = field(default_factory=dict[int, list[bytes]])
    """The values that were written, by partition."""
    offset: int | None = None
    """The offset that was committed with it."""
    may_commit: bool = False
    """Whether its commit was asked for."""
    must_commit: bool = False
    """Whether its commit was acknowledged."""


@dataclass(eq=False)
class ModelProducer:
    """A transactional producer, alone with its transactional id."""

    transactional_id: str
    version: int
    producer_id: int = -1
    epoch: int = -1
    sequences: dict[int, int] = field(default_factory=dict[int, int])
    transaction: ModelTransaction = field(default_factory=ModelTransaction)


class TransactionalCluster:
    """A cluster without listeners, whose coordinators are called directly."""

    def __init__(self, fs: FileSystem, clock: HandClock | None = None, *, offsets_partitions: int = 2) -> None:
        self.fs = fs
        self.clock = HandClock() if clock is None else clock
        config = load(
            properties={
                "listeners": "PLAINTEXT://127.0.0.1:0",
                "log.dirs": "/data",
                "offsets.topic.num.partitions": str(offsets_partitions),
                "transaction.state.log.num.partitions": "2",
            }
        )
        self.timers = TimerQueue(self.clock)
        self.cluster = Cluster(config, self.timers, fs)
        if TOPIC not in self.cluster.storage.topics:
            self.cluster.create_topic(TOPIC, PARTITIONS, {})
        finish(self.cluster.transactions.start())

    def pass_time(self, seconds: float) -> None:
        """Move the clock, and run the coordinator's timers."""
        self.clock.seconds += seconds
        service = self.cluster.transactions
        service.perform(service.coordinator.advance(self.clock.now(), self.clock.wall_ms()))

    # Producers

    def init(self, producer: ModelProducer) -> bool:
        """Initialize a producer; return False where it has to try again."""
        request = InitProducerIdRequest(transactional_id=producer.transactional_id, transaction_timeout_ms=TIMEOUT_MS)
        answer, service = Answer(), self.cluster.transactions
        service.perform(
            service.coordinator.init_producer_id(
                request, client_of(5), answer, now=self.clock.now(), wall_ms=self.clock.wall_ms()
            )
        )
        response = answer.response
        assert isinstance(response, InitProducerIdResponse)
        if response.error_code:
            assert response.error_code == ErrorCode.CONCURRENT_TRANSACTIONS
            return False
        producer.producer_id, producer.epoch = response.producer_id, response.producer_epoch
        producer.sequences.clear()
        producer.transaction = ModelTransaction()
        return True

    def write(self, producer: ModelProducer, partition: int, values: list[bytes]) -> ErrorCode:
        """Add a partition to the transaction, and append a batch to it."""
        added = self.cluster.transactions.add_partitions(
            producer.transactional_id,
            producer.producer_id,
            producer.epoch,
            ((TOPIC, partition),),
            client_version=producer.version,
        )
        if added.error:
            return added.error
        sequence = producer.sequences.get(partition, 0)
        batch = build_batch(
            [Record(None, value, self.clock.wall_ms()) for value in values],
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            base_sequence=sequence,
            is_transactional=True,
        )
        producer.transaction.values.setdefault(partition, []).extend(values)
        data = memoryview(bytearray(batch))
        self.cluster.append(TOPIC, partition, data, check_produced(data))
        producer.sequences[partition] = sequence + len(values)
        return ErrorCode.NONE

    def commit_offset(self, producer: ModelProducer, offset: int) -> ErrorCode:
        """Commit an offset of the group with the transaction."""
        groups = self.cluster.groups
        added = self.cluster.transactions.add_partitions(
            producer.transactional_id,
            producer.producer_id,
            producer.epoch,
            (("__consumer_offsets", groups.partition_of(GROUP)),),
            client_version=producer.version,
        )
        if added.error:
            return added.error
        producer.transaction.offset = offset
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata="")
        request = OffsetCommitRequest(
            group_id=GROUP,
            member_id="",
            topics=(OffsetCommitRequestTopic(name=TOPIC, partitions=(partition,)),),
        )
        answer = Answer()
        groups.perform(
            groups.coordinator.txn_offset_commit(
                request,
                ProducerIdAndEpoch(producer.producer_id, producer.epoch),
                answer,
                by_id=False,
                now=self.clock.now(),
                wall_ms=self.clock.wall_ms(),
            )
        )
        return ErrorCode(answer.response.topics[0].partitions[0].error_code)

    def end(self, producer: ModelProducer, *, commit: bool) -> ErrorCode:
        """End the transaction; the producer goes on with the epoch of the answer."""
        transaction = producer.transaction
        transaction.may_commit = commit
        version = _VERSION_1_OF_END_TXN if producer.version == 0 else _VERSION_2_OF_END_TXN
        request = EndTxnRequest(
            transactional_id=producer.transactional_id,
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            committed=commit,
        )
        answer = _AnswerToEnd(transaction)
        service = self.cluster.transactions
        service.perform(
            service.coordinator.end_txn(
                request, client_of(version), answer, now=self.clock.now(), wall_ms=self.clock.wall_ms()
            )
        )
        response = answer.response
        assert isinstance(response, EndTxnResponse)
        if response.error_code:
            transaction.may_commit = False
            return ErrorCode(response.error_code)
        if version == _VERSION_2_OF_END_TXN:
            producer.producer_id, producer.epoch = response.producer_id, response.producer_epoch
            producer.sequences.clear()
        producer.transaction = ModelTransaction()
        return ErrorCode.NONE

    # Readers

    def committed(self, partition: int) -> list[bytes]:
        """Read what a consumer of committed records gets from a partition, in the order of offsets."""
        log = self.cluster.log(TOPIC, partition)
        assert log is not None
        return _committed(log)

    def committed_offset(self, group: str = GROUP) -> int | None:
        """Return a group's committed offset."""
        view = self.cluster.groups.coordinator.group(group)
        if view is None:
            return None
        committed = view.offsets.get((TOPIC, 0))
        return None if committed is None else committed.offset

    def assert_nothing_is_open(self) -> None:
        """Check that no transaction holds readers back."""
        for transaction in self.cluster.transactions.coordinator:
            assert transaction.state in IDLE_STATES, transaction
        for partition in range(PARTITIONS):
            log = self.cluster.log(TOPIC, partition)
            assert log is not None
            assert log.last_stable_offset == log.high_watermark


class _AnswerToEnd(Answer):
    """Notes that a commit was acknowledged at the moment of the reply, which comes before the markers."""

    def __init__(self, transaction: ModelTransaction) -> None:
        super().__init__()
        self._transaction = transaction

    def send(self, response: Any, /) -> None:
        super().send(response)
        if not response.error_code:
            self._transaction.must_commit = self._transaction.may_commit


def client_of(version: int) -> Client:
    return Client(client_id="test", client_host="/127.0.0.1", api_version=version)


def _committed(log: PartitionLog) -> list[bytes]:
    end = log.last_stable_offset
    starts: dict[int, list[int]] = {}
    for aborted in log.aborted_transactions(0, end):
        starts.setdefault(aborted.producer_id, []).append(aborted.first_offset)
    aborting: set[int] = set()
    values: list[bytes] = []
    offset = log.log_start_offset
    while offset < end:
        piece = log.read(offset, max_bytes=1 << 20, max_offset=end).read()
        if not piece:
            break
        for at, header in walk_batches(piece):
            offset = header.next_offset
            batch = piece[at : at + header.size]
            pending = starts.get(header.producer_id, [])
            if header.is_control:
                markers = [read_end_txn_marker(record) for record in iter_records(batch)]
                if any(marker is not None and not marker.commit for marker in markers):
                    aborting.discard(header.producer_id)
                continue
            if header.is_transactional and pending and pending[0] <= header.base_offset:
                pending.pop(0)
                aborting.add(header.producer_id)
            if header.producer_id not in aborting:
                values += [record.value or b"" for record in iter_records(batch)]
    return values

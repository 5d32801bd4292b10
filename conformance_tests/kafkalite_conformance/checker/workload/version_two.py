"""A producer of transaction version 2 (KIP-890), by hand: librdkafka speaks version 1.

Partitions join a transaction with its first Produce request, a group with its first TxnOffsetCommit, and each EndTxn
returns another epoch. Requests are sent one by one, and repeated as they are when a connection is cut, so the broker
has to recognize repetitions.
"""

import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from kafkalite_conformance.checker.history import Outcome, Partition
from kafkalite_conformance.checker.workload.consumers import RecordingConsumer
from kafkalite_conformance.checker.workload.processes import Scene
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.end_txn import EndTxnRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from kafkalite_wire.records import Record, build_batch

_CALL_TIMEOUT: Final = 10.0
_PATIENCE: Final = 30.0
"""How long a request is repeated."""
_PAUSE: Final = 0.05
_TRANSACTION_TIMEOUT_MS: Final = 20_000
_PRODUCE_VERSION: Final = 12
_TXN_OFFSET_COMMIT_VERSION: Final = 5
_END_TXN_VERSION: Final = 5
_INIT_VERSION: Final = 5
_FIND_COORDINATOR_VERSION: Final = 6
_TRANSACTION: Final = 1
"""FindCoordinator's type of a transaction's key."""

_RETRIABLE: Final = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.CONCURRENT_TRANSACTIONS,
    }
)

_Errors: TypeAlias = Callable[[Any], list[int]]
"""Returns the error codes of a response."""


class _RefusedError(Exception):
    """An error code after which the producer has to be initialized again."""


class _Connection:
    """One connection at a time; a request is repeated on the next one."""

    def __init__(self, scene: Scene) -> None:
        host, _, port = scene.bootstrap.rpartition(":")
        self._address = (host, int(port))
        self._scene = scene
        self._socket: socket.socket | None = None
        self._client = ClientConnection("checker")

    def call(self, request: object, version: int, errors: _Errors) -> Any:
        """Return the response without retriable errors; `errors` returns the error codes of one.

        Raises TimeoutError, if the outcome is unknown.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError, WireError):
                response = self._once(request, version)
                if _RETRIABLE.isdisjoint(errors(response)):
                    return response
                self._scene.stopping.wait(_PAUSE)
                continue
            self.close()
            self._scene.stopping.wait(_PAUSE)
        raise TimeoutError(f"no final response to {type(request).__name__} within {_PATIENCE:.0f} s")

    def _once(self, request: object, version: int) -> Any:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, _CALL_TIMEOUT)
            self._client = ClientConnection("checker")
        self._socket.sendall(self._client.send(request, version))
        while True:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the broker closed the connection")
            responses = self._client.receive(data)
            if responses:
                return responses[0].message

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class VersionTwoProducer:
    """Transactions of version 2, one after the other."""

    def __init__(self, scene: Scene, process: str, transactional_id: str) -> None:
        self._scene = scene
        self._recorder = scene.recorder
        self._process = process
        self._transactional_id = transactional_id
        self._connection = _Connection(scene)
        self._producer_id = -1
        self._epoch = -1
        self._is_initialized = False
        self._sessions = 0
        self._number = 0
        self._sequences: dict[Partition, int] = {}
        self._waiting: list[tuple[int, Partition, str]] = []
        """Records that were not sent yet: the number of the operation, the partition and the value."""
        self._has_failed = False

    def settle(self) -> bool:
        """Initialize the producer if need be, which ends the transaction that it left open; return whether it is."""
        if not self._is_initialized:
            self._sessions += 1
            operation = self._recorder.invoke(self._process, "init", id=self._transactional_id)
            with suppress(TimeoutError, _RefusedError):
                self._initialize()
            outcome = Outcome.OK if self._is_initialized else Outcome.UNKNOWN
            self._recorder.complete(self._process, "init", operation, outcome)
        return self._is_initialized

    def _initialize(self) -> None:
        key = FindCoordinatorRequest(key_type=_TRANSACTION, coordinator_keys=(self._transactional_id,))
        # A single broker coordinates, but its internal topic is created by this request.
        self._call(key, _FIND_COORDINATOR_VERSION, _coordinator_errors)
        request = InitProducerIdRequest(
            transactional_id=self._transactional_id, transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS
        )
        response = self._call(request, _INIT_VERSION, _one_error)
        self._take(response)
        self._is_initialized = True

    def _take(self, response: Any) -> None:
        self._producer_id, self._epoch = response.producer_id, response.producer_epoch
        self._sequences.clear()

    def _call(self, request: object, version: int, errors: _Errors) -> Any:
        response = self._connection.call(request, version, errors)
        refused = [ErrorCode(code).name for code in errors(response) if code not in _ACCEPTED]
        if refused:
            raise _RefusedError(", ".join(refused))
        return response

    def begin(self) -> int | None:
        """Begin a transaction and return its number; None if the producer could not be initialized."""
        if not self.settle():
            return None
        self._number = next(self._scene.transaction_numbers)
        self._has_failed = False
        self._recorder.note(self._process, "begin", txn=self._number, id=self._transactional_id)
        return self._number

    def send(self, partition: Partition, value: str, copied_from: str | None = None) -> None:
        """Send a record within the transaction; records are collected until it ends."""
        operation = self._recorder.invoke(
            self._process,
            "send",
            session=self._sessions,
            partition=str(partition),
            value=value,
            **{"txn": self._number, "from": copied_from},
        )
        self._waiting.append((operation, partition, value))

    def flush(self) -> None:
        """Send what was collected, one batch for each partition in one request."""
        waiting, self._waiting = self._waiting, []
        by_partition: dict[Partition, list[tuple[int, str]]] = defaultdict(list)
        for operation, partition, value in waiting:
            by_partition[partition].append((operation, value))
        if not by_partition:
            return
        if self._has_failed:
            for operation, _, _ in waiting:
                self._recorder.complete(self._process, "send", operation, Outcome.FAIL)
            return
        request = ProduceRequest(
            transactional_id=self._transactional_id,
            acks=-1,
            timeout_ms=int(_CALL_TIMEOUT * 1000),
            topic_data=tuple(
                TopicProduceData(
                    name=topic,
                    partition_data=tuple(
                        PartitionProduceData(index=each.number, records=self._batch(each, by_partition[each]))
                        for each in partitions
                    ),
                )
                for topic, partitions in _by_topic(by_partition).items()
            ),
        )
        try:
            response = self._call(request, _PRODUCE_VERSION, _produce_errors)
        except (TimeoutError, _RefusedError) as problem:
            self._fail()
            for operation, _, _ in waiting:
                self._recorder.complete(self._process, "send", operation, Outcome.UNKNOWN, error=str(problem))
            return
        for topic in response.responses:
            for each in topic.partition_responses:
                partition = Partition(topic.name, each.index)
                # A repetition that Kafka no longer knows the offset of has none.
                known = each.error_code == ErrorCode.NONE and each.base_offset >= 0
                for position, (operation, _) in enumerate(by_partition[partition]):
                    offset = each.base_offset + position if known else None
                    self._recorder.complete(self._process, "send", operation, Outcome.OK, offset=offset)
                self._sequences[partition] = self._sequences.get(partition, 0) + len(by_partition[partition])

    def _batch(self, partition: Partition, records: list[tuple[int, str]]) -> bytes:
        now = int(time.time() * 1000)
        return build_batch(
            [Record(value=value.encode(), timestamp=now) for _, value in records],
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            base_sequence=self._sequences.get(partition, 0),
            is_transactional=True,
        )

    def _fail(self) -> None:
        self._has_failed = True
        self._is_initialized = False

    def send_offsets(self, offsets: Mapping[Partition, int], consumer: RecordingConsumer) -> bool:
        """Add a group's offsets to the transaction; return whether the transaction may be committed.

        Without a generation: the group's only member is this process, and the transactional id fences it.
        """
        named = {str(partition): offset for partition, offset in offsets.items()}
        operation = self._recorder.invoke(self._process, "offsets", txn=self._number, offsets=named)
        request = TxnOffsetCommitRequest(
            transactional_id=self._transactional_id,
            group_id=consumer.group,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            topics=tuple(
                TxnOffsetCommitRequestTopic(
                    name=topic,
                    partitions=tuple(
                        TxnOffsetCommitRequestPartition(
                            partition_index=each.number, committed_offset=offsets[each], committed_metadata=None
                        )
                        for each in partitions
                    ),
                )
                for topic, partitions in _by_topic(offsets).items()
            ),
        )
        try:
            self._call(request, _TXN_OFFSET_COMMIT_VERSION, _offset_errors)
        except (TimeoutError, _RefusedError) as problem:
            self._fail()
            self._recorder.complete(self._process, "offsets", operation, Outcome.UNKNOWN, error=str(problem))
            return False
        self._recorder.complete(self._process, "offsets", operation, Outcome.OK)
        return True

    def end(self, *, commit: bool) -> bool:
        """Commit or abort; return whether it is certain that the transaction was committed."""
        self.flush()
        if self._has_failed:
            # The next initialization aborts it.
            return False
        kind = "commit" if commit else "abort"
        operation = self._recorder.invoke(self._process, kind, txn=self._number)
        request = EndTxnRequest(
            transactional_id=self._transactional_id,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            committed=commit,
        )
        try:
            response = self._call(request, _END_TXN_VERSION, _one_error)
        except (TimeoutError, _RefusedError) as problem:
            self._fail()
            self._recorder.complete(self._process, kind, operation, Outcome.UNKNOWN, error=str(problem))
            return False
        self._take(response)
        self._recorder.complete(self._process, kind, operation, Outcome.OK)
        return commit

    def discard(self) -> None:
        """Close the connection, and leave to a successor what is open."""
        self._connection.close()


_ACCEPTED: Final = frozenset({ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER})
"""The second means that a repetition was recognized."""


def _one_error(response: Any) -> list[int]:
    return [response.error_code]


def _coordinator_errors(response: Any) -> list[int]:
    return [each.error_code for each in response.coordinators]


def _produce_errors(response: Any) -> list[int]:
    return [each.error_code for topic in response.responses for each in topic.partition_responses]


def _offset_errors(response: Any) -> list[int]:
    return [each.error_code for topic in response.topics for each in topic.partitions]


def _by_topic(partitions: Iterable[Partition]) -> dict[str, list[Partition]]:
    topics: dict[str, list[Partition]] = defaultdict(list)
    for partition in partitions:
        topics[partition.topic].append(partition)
    return topics

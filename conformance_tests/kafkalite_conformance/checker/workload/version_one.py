"""A producer of transactions that is librdkafka's, which speaks transaction version 1."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafkalite_conformance.checker.history import Outcome, Partition
from kafkalite_conformance.checker.workload.consumers import RecordingConsumer
from kafkalite_conformance.checker.workload.processes import Scene, error_of
from kafkalite_conformance.checker.workload.producers import CALL_TIMEOUT, RecordingProducer

_END_TIMEOUT: Final = 30.0
"""How long a commit or an abort is repeated."""


class VersionOneProducer:
    """Transactions of librdkafka; it has another client after every fatal error."""

    def __init__(self, scene: Scene, process: str, transactional_id: str) -> None:
        self._scene = scene
        self._recorder = scene.recorder
        self._process = process
        self._transactional_id = transactional_id
        self._sessions = 0
        self._producer: RecordingProducer | None = None
        self._number = 0

    def settle(self) -> bool:
        """Replace a broken client, which ends the transaction that it left open; return whether that is done."""
        if self._producer is not None and self._producer.is_broken:
            self.discard()
        return self._producer is not None or self._initialize()

    def begin(self) -> int | None:
        """Begin a transaction and return its number; None if the producer could not be initialized."""
        if not self.settle():
            return None
        assert self._producer is not None
        self._number = next(self._scene.transaction_numbers)
        self._producer.has_failed_sends = False
        self._recorder.note(self._process, "begin", txn=self._number, id=self._transactional_id)
        try:
            self._producer.client.begin_transaction()
        except KafkaException:
            self._producer.is_broken = True
            return None
        return self._number

    def _initialize(self) -> bool:
        self._sessions += 1
        producer = RecordingProducer(self._scene, self._process, self._sessions, self._transactional_id)
        operation = self._recorder.invoke(self._process, "init", id=self._transactional_id)
        outcome = Outcome.OK if self._repeat(producer.client.init_transactions) is None else Outcome.UNKNOWN
        self._recorder.complete(self._process, "init", operation, outcome)
        if outcome is Outcome.OK:
            self._producer = producer
        return outcome is Outcome.OK

    def send(self, partition: Partition, value: str, copied_from: str | None = None) -> None:
        """Send a record within the transaction."""
        assert self._producer is not None
        self._producer.send(partition, value, transaction=self._number, copied_from=copied_from)

    def send_offsets(self, offsets: Mapping[Partition, int], consumer: RecordingConsumer) -> bool:
        """Add a group's offsets to the transaction; return whether the transaction may be committed."""
        assert self._producer is not None
        client, metadata = self._producer.client, consumer.client.consumer_group_metadata()
        named = {str(partition): offset for partition, offset in offsets.items()}
        operation = self._recorder.invoke(self._process, "offsets", txn=self._number, offsets=named)
        positions = [TopicPartition(each.topic, each.number, offset) for each, offset in offsets.items()]
        error = self._repeat(partial(client.send_offsets_to_transaction, positions, metadata))
        if error is None:
            self._recorder.complete(self._process, "offsets", operation, Outcome.OK)
            return True
        self._producer.is_broken = self._producer.is_broken or not error.txn_requires_abort()
        self._recorder.complete(self._process, "offsets", operation, Outcome.UNKNOWN, error=error.name())
        return False

    def flush(self) -> int:
        """Wait until all sends have outcomes; return how many have none."""
        assert self._producer is not None
        return self._producer.flush(_END_TIMEOUT)

    def end(self, *, commit: bool) -> bool:
        """Commit or abort; return whether it is certain that the transaction was committed."""
        producer = self._producer
        assert producer is not None
        waiting = self.flush()
        if producer.is_broken:
            # Fenced, or fatal: this producer can neither commit nor abort.
            return False
        if not commit or waiting or producer.has_failed_sends:
            self._end(producer, "abort")
            return False
        return self._end(producer, "commit")

    def _end(self, producer: RecordingProducer, kind: str) -> bool:
        operation = self._recorder.invoke(self._process, kind, txn=self._number)
        client = producer.client
        error = self._repeat(client.commit_transaction if kind == "commit" else client.abort_transaction)
        if error is None:
            self._recorder.complete(self._process, kind, operation, Outcome.OK)
            return True
        self._recorder.complete(self._process, kind, operation, Outcome.UNKNOWN, error=error.name())
        if kind == "commit" and error.txn_requires_abort():
            self._end(producer, "abort")
        else:
            producer.is_broken = True
        return False

    @staticmethod
    def _repeat(call: Callable[[float], None]) -> KafkaError | None:
        deadline = time.monotonic() + _END_TIMEOUT
        while True:
            try:
                call(CALL_TIMEOUT)
            except KafkaException as problem:
                error = error_of(problem)
                if error.fatal() or not error.retriable() or time.monotonic() > deadline:
                    return error
            else:
                return None

    def discard(self) -> None:
        """Forget the client, and leave to its successor what it has open."""
        if self._producer is not None:
            self._producer.discard()
            self._producer = None

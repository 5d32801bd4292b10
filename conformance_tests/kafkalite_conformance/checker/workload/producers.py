"""Processes that write: idempotent producers, and producers of transactions that also read within them."""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from kafkalite_conformance.checker.history import Outcome, Partition
from kafkalite_conformance.checker.workload.consumers import RecordingConsumer
from kafkalite_conformance.checker.workload.processes import Scene, error_of

_DELIVERY_TIMEOUT_MS: Final = 20_000
TRANSACTION_TIMEOUT_MS: Final = 20_000
_LARGEST_QUEUE: Final = 200
"""With so many records without an outcome, a writer waits."""
_CALL_TIMEOUT: Final = 10.0
_END_TIMEOUT: Final = 30.0
"""How long a commit or an abort is repeated."""
_LONGEST_PAUSE: Final = 0.06
_ABORTED_SHARE: Final = 0.25


class RecordingProducer:
    """A producer that records each send and its delivery report."""

    def __init__(self, scene: Scene, process: str, session: int, transactional_id: str | None = None) -> None:
        self._recorder = scene.recorder
        self._process = process
        self._session = session
        self.is_broken = False
        """Whether a new producer is needed."""
        self.has_failed_sends = False
        settings = scene.settings(enable_idempotence=True, linger_ms=2, delivery_timeout_ms=_DELIVERY_TIMEOUT_MS)
        if transactional_id is not None:
            settings |= {"transactional.id": transactional_id, "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS}
        self.client = Producer(settings)

    def send(
        self, partition: Partition, value: str, *, transaction: int | None = None, copied_from: str | None = None
    ) -> None:
        """Give a record to the producer; its delivery is recorded when it is known."""
        operation = self._recorder.invoke(
            self._process,
            "send",
            session=self._session,
            partition=str(partition),
            value=value,
            **{"txn": transaction, "from": copied_from},
        )
        try:
            self.client.produce(
                partition.topic, value.encode(), partition=partition.number, on_delivery=partial(self._told, operation)
            )
        except (KafkaException, BufferError) as problem:
            # It never reached the producer's queue.
            self.has_failed_sends = True
            self.is_broken = self.is_broken or isinstance(problem, KafkaException)
            self._recorder.complete(self._process, "send", operation, Outcome.FAIL, error=str(problem))
        self.client.poll(0)

    def _told(self, operation: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._recorder.complete(self._process, "send", operation, Outcome.OK, offset=message.offset())
            return
        # Even an error response may follow a first attempt that was written.
        self.has_failed_sends = True
        self.is_broken = self.is_broken or error.fatal() or error.code() in _FATAL
        self._recorder.complete(self._process, "send", operation, Outcome.UNKNOWN, error=error.name())

    def discard(self) -> None:
        """Forget what is queued, so that every send has an outcome."""
        with suppress(KafkaException):  # raised again for a fatal error that is known
            self.client.purge()
        self.flush(_CALL_TIMEOUT)

    def flush(self, timeout: float) -> int:
        """Wait until all sends have outcomes; return how many have none."""
        try:
            return self.client.flush(timeout)
        except KafkaException:
            self.is_broken = True
            return len(self.client)


_FATAL: Final = (KafkaError._FATAL, KafkaError._FENCED)  # noqa: SLF001  # librdkafka's names of its own errors


class Writer:
    """Writes records with an idempotent producer."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name
        self._random = scene.random(name)

    def run(self) -> None:
        """Write until the run ends."""
        session, written = 0, 0
        producer = RecordingProducer(self._scene, self._name, session)
        while not self._scene.stopping.wait(self._random.uniform(0, _LONGEST_PAUSE)):
            if producer.is_broken:
                producer.discard()
                session += 1
                producer = RecordingProducer(self._scene, self._name, session)
            for _ in range(self._random.randint(1, 12) if len(producer.client) < _LARGEST_QUEUE else 0):
                written += 1
                producer.send(self._random.choice(self._scene.source), f"{self._name}.{written}")
            producer.client.poll(0)
        producer.flush(2 * _DELIVERY_TIMEOUT_MS / 1000)
        producer.discard()


class TransactionalProducer:
    """A producer of transactions that replaces its client after every fatal error."""

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

    def send_offsets(self, offsets: Mapping[Partition, int], group_metadata: Any) -> bool:
        """Add a group's offsets to the transaction; return whether the transaction may be committed."""
        assert self._producer is not None
        client = self._producer.client
        named = {str(partition): offset for partition, offset in offsets.items()}
        operation = self._recorder.invoke(self._process, "offsets", txn=self._number, offsets=named)
        positions = [TopicPartition(each.topic, each.number, offset) for each, offset in offsets.items()]
        error = self._repeat(lambda timeout: client.send_offsets_to_transaction(positions, group_metadata, timeout))
        if error is None:
            self._recorder.complete(self._process, "offsets", operation, Outcome.OK)
            return True
        self._producer.is_broken = self._producer.is_broken or not error.txn_requires_abort()
        self._recorder.complete(self._process, "offsets", operation, Outcome.UNKNOWN, error=error.name())
        return False

    def end(self, *, commit: bool) -> bool:
        """Commit or abort; return whether it is certain that the transaction was committed."""
        producer = self._producer
        assert producer is not None
        waiting = producer.flush(_END_TIMEOUT)
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
    def _repeat(call: Any) -> KafkaError | None:
        deadline = time.monotonic() + _END_TIMEOUT
        while True:
            try:
                call(_CALL_TIMEOUT)
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


class Transactor:
    """Writes transactions over several partitions, and reads committed records within them."""

    def __init__(self, scene: Scene, name: str, transactional_id: str) -> None:
        self._scene = scene
        self._name = name
        self._random = scene.random(name)
        self._producer = TransactionalProducer(scene, name, transactional_id)

    def run(self) -> None:
        """Write transactions until the run ends."""
        reader = RecordingConsumer(self._scene, self._name, group=f"reader of {self._name}")
        reader.assign(dict.fromkeys(self._scene.source, 0))
        while not self._scene.stopping.wait(self._random.uniform(0, _LONGEST_PAUSE)):
            number = self._producer.begin()
            if number is None:
                continue
            for position in range(self._random.randint(1, 8)):
                self._producer.send(self._random.choice(self._scene.source), f"{self._name}.{number}.{position}")
            reader.poll(limit=50, timeout=self._random.uniform(0, 0.02), transaction=number)
            self._producer.end(commit=self._random.random() >= _ABORTED_SHARE)
        self._producer.discard()
        reader.close()

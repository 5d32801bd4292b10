"""Idempotent producers, and the processes that write with them."""

from contextlib import suppress
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafkalite_conformance.checker.history import Outcome, Partition
from kafkalite_conformance.checker.workload.processes import Scene

_DELIVERY_TIMEOUT_MS: Final = 20_000
TRANSACTION_TIMEOUT_MS: Final = 20_000
_LARGEST_QUEUE: Final = 200
"""With so many records without an outcome, a writer waits."""
_CLIENT_ERRORS: Final = (KafkaException, SystemError)
"""confluent-kafka 2.16 returns from `flush` without result and without exception after some fatal errors."""
CALL_TIMEOUT: Final = 10.0
LONGEST_PAUSE: Final = 0.06


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
        self.poll()

    def poll(self) -> None:
        """Record the deliveries that are known."""
        try:
            self.client.poll(0)
        except _CLIENT_ERRORS:
            self.is_broken = True

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
        with suppress(*_CLIENT_ERRORS):  # raised again for a fatal error that is known
            self.client.purge()
        self.flush(CALL_TIMEOUT)

    def flush(self, timeout: float) -> int:
        """Wait until all sends have outcomes; return how many have none."""
        try:
            return self.client.flush(timeout)
        except _CLIENT_ERRORS:
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
        while not self._scene.stopping.wait(self._random.uniform(0, LONGEST_PAUSE)):
            if producer.is_broken:
                producer.discard()
                session += 1
                producer = RecordingProducer(self._scene, self._name, session)
            for _ in range(self._random.randint(1, 12) if len(producer.client) < _LARGEST_QUEUE else 0):
                written += 1
                producer.send(self._random.choice(self._scene.source), f"{self._name}.{written}")
            producer.poll()
        producer.flush(2 * _DELIVERY_TIMEOUT_MS / 1000)
        producer.discard()

"""Processes of transactions: those that write and read, and those that consume, write copies and commit offsets."""

from collections.abc import Mapping
from typing import Final, Protocol

from kafkalite_conformance.checker.history import Partition, Read
from kafkalite_conformance.checker.workload.consumers import RecordingConsumer
from kafkalite_conformance.checker.workload.processes import Scene
from kafkalite_conformance.checker.workload.producers import LONGEST_PAUSE

_ABORTED_WRITES: Final = 0.25
_ABORTED_COPIES: Final = 0.15
_LARGEST_BATCH: Final = 60


class TransactionProducer(Protocol):
    """A producer of transactions, one after the other, that records what it does."""

    def settle(self) -> bool:
        """End what is open after a failure; return whether that is done."""
        ...

    def begin(self) -> int | None:
        """Begin a transaction and return its number; None if that is not possible now."""
        ...

    def send(self, partition: Partition, value: str, copied_from: str | None = None) -> None:
        """Send a record within the transaction."""
        ...

    def flush(self) -> object:
        """Wait for the outcomes of the sends."""
        ...

    def send_offsets(self, offsets: Mapping[Partition, int], consumer: RecordingConsumer) -> bool:
        """Add the offsets of the consumer's group; return whether the transaction may be committed."""
        ...

    def end(self, *, commit: bool) -> bool:
        """Commit or abort; return whether it is certain that the transaction was committed."""
        ...

    def discard(self) -> None:
        """Leave what is open to a successor."""
        ...


class Transactor:
    """Writes transactions over several partitions, and reads committed records within them."""

    def __init__(self, scene: Scene, name: str, producer: TransactionProducer) -> None:
        self._scene = scene
        self._name = name
        self._random = scene.random(name)
        self._producer = producer

    def run(self) -> None:
        """Write transactions until the run ends."""
        reader = RecordingConsumer(self._scene, self._name, group=f"reader of {self._name}")
        reader.assign(dict.fromkeys(self._scene.source, 0))
        while not self._scene.stopping.wait(self._random.uniform(0, LONGEST_PAUSE)):
            number = self._producer.begin()
            if number is None:
                continue
            for position in range(self._random.randint(1, 8)):
                self._producer.send(self._random.choice(self._scene.source), f"{self._name}.{number}.{position}")
            self._producer.flush()
            reader.poll(limit=50, timeout=self._random.uniform(0, 0.02), transaction=number)
            self._producer.end(commit=self._random.random() >= _ABORTED_WRITES)
        self._producer.discard()
        reader.close()


class Copier:
    """Copies records of the source topic to the target topic, each once: as a member of a group, or alone in it."""

    def __init__(self, scene: Scene, name: str, producer: TransactionProducer, group: str, *, alone: bool) -> None:
        self._scene = scene
        self._name = name
        self._group = group
        self._is_alone = alone
        self._random = scene.random(name)
        self._producer = producer

    def run(self) -> None:
        """Copy until the run ends."""
        while not self._scene.stopping.is_set():
            consumer = RecordingConsumer(self._scene, self._name, self._group)
            if self._start(consumer):
                self._copy_until_lost(consumer)
            consumer.close()
        self._producer.discard()

    def _start(self, consumer: RecordingConsumer) -> bool:
        if not self._is_alone:
            consumer.subscribe(sorted({partition.topic for partition in self._scene.source}))
            return True
        # The last transaction must have ended before its offsets are known.
        positions = consumer.committed(list(self._scene.source)) if self._producer.settle() else None
        if positions is not None:
            consumer.assign(positions)
        return positions is not None

    def _copy_until_lost(self, consumer: RecordingConsumer) -> None:
        """Copy until the consumer no longer knows where to go on."""
        while not self._scene.stopping.is_set():
            reads = consumer.poll(limit=self._random.randint(1, _LARGEST_BATCH), timeout=0.2)
            # A rebalance within the poll takes records away; their new owner copies them.
            reads = [read for read in reads if read.partition in consumer.assigned]
            if reads and not self._copy(consumer, reads) and not self._rewind(consumer):
                return

    def _copy(self, consumer: RecordingConsumer, reads: list[Read]) -> bool:
        """Copy records in one transaction; return whether it was committed for certain."""
        number = self._producer.begin()
        if number is None:
            return False
        for position, read in enumerate(reads):
            partition = self._random.choice(self._scene.target)
            self._producer.send(partition, f"{read.value}>{number}.{position}", copied_from=read.value)
        positions = {read.partition: read.offset + 1 for read in reads}
        ready = self._producer.send_offsets(positions, consumer)
        return self._producer.end(commit=ready and self._random.random() >= _ABORTED_COPIES)

    def _rewind(self, consumer: RecordingConsumer) -> bool:
        """Go back to the group's committed offsets; return whether they are known."""
        if not self._producer.settle():
            return False
        if not consumer.assigned:
            return True
        positions = consumer.committed(sorted(consumer.assigned))
        if positions is None:
            return False
        consumer.assign(positions)
        return True

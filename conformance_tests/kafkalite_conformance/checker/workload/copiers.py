"""Processes that copy: consume, write copies and commit the offsets, all within one transaction."""

from typing import Final

from kafkalite_conformance.checker.history import Read
from kafkalite_conformance.checker.workload.consumers import RecordingConsumer
from kafkalite_conformance.checker.workload.processes import Scene
from kafkalite_conformance.checker.workload.producers import TransactionalProducer

_ABORTED_SHARE: Final = 0.15
_LARGEST_BATCH: Final = 60


class Copier:
    """Copies records of the source topic to the target topic, each once."""

    def __init__(self, scene: Scene, name: str, transactional_id: str, group: str) -> None:
        self._scene = scene
        self._name = name
        self._group = group
        self._random = scene.random(name)
        self._producer = TransactionalProducer(scene, name, transactional_id)

    def run(self) -> None:
        """Copy until the run ends."""
        while not self._scene.stopping.is_set():
            consumer = RecordingConsumer(self._scene, self._name, self._group)
            consumer.subscribe(sorted({partition.topic for partition in self._scene.source}))
            self._copy_until_lost(consumer)
            consumer.close()
        self._producer.discard()

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
        for read in reads:
            partition = self._random.choice(self._scene.target)
            self._producer.send(partition, f"{read.value}>{number}", copied_from=read.value)
        positions = {read.partition: read.offset + 1 for read in reads}
        ready = self._producer.send_offsets(positions, consumer.client.consumer_group_metadata())
        return self._producer.end(commit=ready and self._random.random() >= _ABORTED_SHARE)

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

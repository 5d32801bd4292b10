"""Processes that read, all of them with read_committed: by assignment and by subscription."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafkalite_conformance.checker.history import Outcome, Partition, Read
from kafkalite_conformance.checker.workload.processes import Scene, error_of
from kafkalite_conformance.drivers.events import Sendable

_LOOKUP_TIMEOUT: Final = 10.0
_SESSION_TIMEOUT_MS: Final = 4_000
_MAX_POLL_INTERVAL_MS: Final = 10_000
"""Also how long a rebalance waits for a member whose JoinGroup went down with a connection."""


class RecordingConsumer:
    """A consumer that records what it is assigned and what it is given."""

    def __init__(self, scene: Scene, process: str, group: str) -> None:
        self._recorder = scene.recorder
        self._process = process
        self.group = group
        self._reads: list[Read] = []
        self._transaction: int | None = None
        self.assigned: frozenset[Partition] = frozenset()
        self._commits: list[tuple[int, dict[Partition, int]]] = []
        """Commits without an outcome: the number of the operation, and the offsets."""
        self.client = Consumer(
            scene.settings(
                group_id=group,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=_SESSION_TIMEOUT_MS,
                max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
                heartbeat_interval_ms=500,
                fetch_wait_max_ms=100,
                fetch_error_backoff_ms=100,
            )
            | {"on_commit": self._committed}
        )

    def assign(self, positions: Mapping[Partition, int | None]) -> None:
        """Read these partitions from these offsets on; None where librdkafka looks up the group's."""
        self._flush()
        # Recorded first: what it is given from now on belongs to this assignment.
        self._recorder.note(self._process, "assign", positions={str(each): at for each, at in positions.items()})
        self.assigned = frozenset(positions)
        self.client.assign(
            [
                TopicPartition(each.topic, each.number) if at is None else TopicPartition(each.topic, each.number, at)
                for each, at in positions.items()
            ]
        )

    def subscribe(self, topics: list[str]) -> None:
        """Join the group; each partition is read from the group's committed offset on."""
        self.client.subscribe(topics, on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)

    def _given(self, _consumer: object, partitions: list[TopicPartition]) -> None:
        granted = [Partition(each.topic, each.partition) for each in partitions]
        positions = self.committed(granted)
        self.assign(dict.fromkeys(granted) if positions is None else positions)

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._flush()
        named = [str(Partition(each.topic, each.partition)) for each in partitions]
        self._recorder.note(self._process, "revoke", partitions=named)
        self.assigned = frozenset()
        consumer.unassign()

    def committed(self, partitions: list[Partition]) -> dict[Partition, int | None] | None:
        """Return where the group goes on in each partition, 0 if it has no offset; None if that is not known."""
        named = [TopicPartition(each.topic, each.number) for each in partitions]
        operation = self._recorder.invoke(self._process, "committed", group=self.group)
        try:
            found = self.client.committed(named, _LOOKUP_TIMEOUT)
        except KafkaException as problem:
            error = error_of(problem).name()
            self._recorder.complete(self._process, "committed", operation, Outcome.UNKNOWN, error=error)
            return None
        if any(each.error is not None for each in found):
            self._recorder.complete(self._process, "committed", operation, Outcome.UNKNOWN)
            return None
        offsets = {Partition(each.topic, each.partition): max(each.offset, -1) for each in found}
        known = {str(each): None if offset < 0 else offset for each, offset in offsets.items()}
        self._recorder.complete(self._process, "committed", operation, Outcome.OK, offsets=known)
        return {each: max(offset, 0) for each, offset in offsets.items()}

    def poll(self, *, limit: int, timeout: float, transaction: int | None = None) -> list[Read]:
        """Return records, at most `limit`; those that a rebalance takes away are recorded and left out."""
        self._transaction = transaction
        while len(self._reads) < limit:
            message = self.client.poll(timeout)
            if message is None:
                break
            error = message.error()
            if error is not None:
                self._recorder.note(self._process, "error", Outcome.UNKNOWN, name=error.name())
                break
            partition = Partition(str(message.topic()), message.partition() or 0)
            self._reads.append(Read(partition, message.offset() or 0, (message.value() or b"").decode()))
            timeout = 0
        return self._flush()

    def _flush(self) -> list[Read]:
        reads, self._reads = self._reads, []
        if reads:
            rows: list[Sendable] = [[str(partition), offset, value] for partition, offset, value in reads]
            self._recorder.note(self._process, "poll", txn=self._transaction, reads=rows)
        return reads

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets of the group; a later poll records the outcome.

        Asynchronous, because librdkafka's synchronous commit may wait for ever: while it waits for a coordinator that
        went away, it does not take part in the rebalance that follows.
        """
        named = {str(partition): offset for partition, offset in offsets.items()}
        operation = self._recorder.invoke(self._process, "group-commit", group=self.group, offsets=named)
        self._commits.append((operation, dict(offsets)))
        positions = [TopicPartition(each.topic, each.number, offset) for each, offset in offsets.items()]
        with suppress(KafkaException):  # its outcome stays unknown
            self.client.commit(offsets=positions, asynchronous=True)

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        found = {Partition(each.topic, each.partition): each.offset for each in partitions}
        operation = next((number for number, offsets in self._commits if offsets == found), None)
        if operation is None:
            return
        self._commits = [pending for pending in self._commits if pending[0] != operation]
        accepted = error is None and all(each.error is None for each in partitions)
        outcome = Outcome.OK if accepted else Outcome.UNKNOWN
        self._recorder.complete(self._process, "group-commit", operation, outcome)

    def close(self) -> None:
        """Leave the group."""
        self.client.close()


class AssignedReader:
    """Reads all partitions by assignment, from the start or from where it was, and begins again from time to time."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name
        self._random = scene.random(name)

    def run(self) -> None:
        """Read until the run ends."""
        positions = dict.fromkeys(self._scene.partitions, 0)
        while not self._scene.stopping.is_set():
            consumer = RecordingConsumer(self._scene, self._name, group=f"assigned {self._name}")
            consumer.assign(positions)
            for _ in range(self._random.randint(50, 400)):
                if self._scene.stopping.is_set():
                    break
                for partition, offset, _ in consumer.poll(limit=100, timeout=0.05):
                    positions[partition] = offset + 1
            consumer.close()
            if self._random.random() < 0.3:
                positions = dict.fromkeys(positions, 0)


class Subscriber:
    """Reads as a member of a group, and commits what it was given."""

    def __init__(self, scene: Scene, name: str, group: str) -> None:
        self._scene = scene
        self._name = name
        self._group = group
        self._random = scene.random(name)

    def run(self) -> None:
        """Read until the run ends; leave and join again from time to time."""
        topics = sorted({partition.topic for partition in self._scene.partitions})
        while not self._scene.stopping.is_set():
            consumer = RecordingConsumer(self._scene, self._name, self._group)
            consumer.subscribe(topics)
            for _ in range(self._random.randint(100, 600)):
                if self._scene.stopping.is_set():
                    break
                reads = consumer.poll(limit=100, timeout=0.05)
                positions = {partition: offset + 1 for partition, offset, _ in reads if partition in consumer.assigned}
                if positions and self._random.random() < 0.5:
                    consumer.commit(positions)
            consumer.close()

"""What is there after the run: the committed offsets of the groups, and all records of all partitions."""

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from kafkalite_conformance.checker.history import Outcome, Partition
from kafkalite_conformance.checker.workload.processes import Scene, error_of
from kafkalite_conformance.checker.workload.producers import TRANSACTION_TIMEOUT_MS
from kafkalite_conformance.checker.workload.raw_log import RawLog
from kafkalite_conformance.drivers.events import Sendable

_PATIENCE: Final = 90.0
"""How long a broker has to come to rest."""
_PROCESS: Final = "final"


def end_transactions(scene: Scene, transactional_ids: list[str]) -> None:
    """End what the producers left open: a new producer of the same id fences its predecessor and aborts."""
    for transactional_id in transactional_ids:
        operation = scene.recorder.invoke(_PROCESS, "init", id=transactional_id)
        producer = Producer(
            scene.settings(transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS)
        )
        deadline = time.monotonic() + _PATIENCE
        outcome = Outcome.UNKNOWN
        while outcome is not Outcome.OK and time.monotonic() < deadline:
            try:
                producer.init_transactions(10)
                outcome = Outcome.OK
            except KafkaException as problem:
                if not error_of(problem).retriable():
                    producer = Producer(
                        scene.settings(transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS)
                    )
        scene.recorder.complete(_PROCESS, "init", operation, outcome)


def read_offsets(scene: Scene, group: str, partitions: Sequence[Partition]) -> None:
    """Record the committed offsets of a group."""
    consumer = Consumer(scene.settings(group_id=group, isolation_level="read_committed", enable_auto_commit=False))
    named = [TopicPartition(each.topic, each.number) for each in partitions]
    operation = scene.recorder.invoke(_PROCESS, "final-offsets", group=group)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            found = consumer.committed(named, 10)
        except KafkaException:
            continue
        if all(each.error is None for each in found):
            offsets = {
                str(Partition(each.topic, each.partition)): each.offset if each.offset >= 0 else None for each in found
            }
            scene.recorder.complete(_PROCESS, "final-offsets", operation, Outcome.OK, group=group, offsets=offsets)
            break
    else:
        scene.recorder.complete(_PROCESS, "final-offsets", operation, Outcome.UNKNOWN)
    consumer.close()


def read_logs(scene: Scene) -> None:
    """Record every partition, once with all its records and once as a committed reader finds it."""
    for partition in scene.partitions:
        operation = scene.recorder.invoke(_PROCESS, "final-read", partition=str(partition))
        log = RawLog.read(scene.bootstrap, partition, patience=_PATIENCE)
        rows: list[Sendable] = [[str(partition), *record] for record in log.records]
        _complete_read(scene, operation, partition, rows, committed=False, complete=log.is_complete)
        _read_committed(scene, partition, log.end)


def _complete_read(
    scene: Scene, operation: int, partition: Partition, rows: Sequence[Sendable], *, committed: bool, complete: bool
) -> None:
    scene.recorder.complete(
        _PROCESS,
        "final-read",
        operation,
        Outcome.OK,
        partition=str(partition),
        committed=committed,
        complete=complete,
        records=rows,
    )


def _read_committed(scene: Scene, partition: Partition, end: int) -> None:
    operation = scene.recorder.invoke(_PROCESS, "final-read", partition=str(partition))
    deadline = time.monotonic() + _PATIENCE
    consumer = Consumer(
        scene.settings(
            group_id="final",
            isolation_level="read_committed",
            enable_auto_commit=False,
            enable_partition_eof=True,
            auto_offset_reset="error",
            fetch_wait_max_ms=100,
        )
    )
    consumer.assign([TopicPartition(partition.topic, partition.number, 0)])
    rows: list[Sendable] = []
    is_complete = False
    while not is_complete and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            rows.append([str(partition), message.offset() or 0, (message.value() or b"").decode()])
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's name of it
            # A committed reader meets an end at the last stable offset, which may be short of the log's.
            is_complete = (message.offset() or 0) >= end
    consumer.close()
    _complete_read(scene, operation, partition, rows, committed=True, complete=is_complete)

"""Moves records in transactions of the target cluster, each with the state that says what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from kafkalite.tools.mirror.clusters import TIMEOUT, is_end_or_raise, partition_of
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.stretches import Partition, Stretch, Stretches

_MOST_RECORDS: Final = 20_000
_LONGEST: Final = 1.0
"""Records and seconds of a transaction."""
_ATTEMPTS: Final = 10


@dataclass(slots=True)
class _Open:
    """The records of one partition in the present transaction."""

    source_first: int
    source_last: int = -1
    target_first: int = -1
    target_last: int = -1
    count: int = 0


class Copier:
    """Copies partitions from where ``state`` ends, and adds what it copies to it."""

    def __init__(
        self,
        consumer: Consumer,
        producer: Producer,
        state_topic: str,
        state: Mapping[Partition, Stretches],
        report: Callable[[int], None],
    ) -> None:
        """``report`` is called with the number of records after each transaction."""
        self._consumer = consumer
        self._producer = producer
        self._state_topic = state_topic
        self._state = state
        self._report = report
        self._open: dict[Partition, _Open] = {}
        self._delivery_error: KafkaError | None = None
        self._failures = 0
        self.copied = 0
        """Records of this run."""

    def run(self, is_over: Callable[[], bool], *, follow: bool) -> None:
        """Copy until all partitions end, or with ``follow`` until ``is_over``; what is copied is committed.

        Raises MirrorError.
        """
        self._start_reading()
        reading = set(self._state)
        began = time.monotonic()
        while (reading or follow) and not is_over():
            for message in self._consumer.consume(1000, 0.2):
                if is_end_or_raise(message):
                    reading.discard(partition_of(message))
                else:
                    self._copy(message)
            self._producer.poll(0)
            count = sum(each.count for each in self._open.values())
            if count >= _MOST_RECORDS or (count and time.monotonic() - began >= _LONGEST):
                if not self._commit():
                    reading = set(self._state)
                began = time.monotonic()
            elif not count:
                began = time.monotonic()
        while self._open and not self._commit():
            self.run(is_over, follow=False)

    def _start_reading(self) -> None:
        self._consumer.assign(
            [
                TopicPartition(topic, number, stretches.position or 0)
                for (topic, number), stretches in self._state.items()
            ]
        )

    def _copy(self, message: Message) -> None:
        if not self._open:
            self._producer.begin_transaction()
        partition, offset = partition_of(message), message.offset()
        assert offset is not None
        present = self._open.get(partition)
        if present is None:
            present = self._open[partition] = _Open(offset)
        present.source_last = offset
        present.count += 1
        kind, milliseconds = message.timestamp()
        further: dict[str, Any] = {} if kind == TIMESTAMP_NOT_AVAILABLE else {"timestamp": milliseconds}
        headers = message.headers()
        if headers is not None:
            further["headers"] = headers
        while True:
            try:
                self._producer.produce(
                    partition.topic,
                    value=message.value(),
                    key=message.key(),
                    partition=partition.number,
                    on_delivery=self._delivered,
                    **further,
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as problem:  # another mirror of this source has begun
                raise MirrorError(f"cannot write to the target cluster: {problem.args[0].str()}") from None
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._delivery_error = self._delivery_error or error
            return
        present = self._open[partition_of(message)]
        offset = cast("int", message.offset())
        if present.target_first < 0:
            present.target_first = offset
        present.target_last = offset

    def _commit(self) -> bool:
        """Commit the transaction; return False if it was aborted, and its records are to be read again."""
        self._producer.flush(TIMEOUT)
        if self._delivery_error is not None:
            self._abort(self._delivery_error)
            return False
        stretches = self._stretches()
        try:
            for each in stretches:
                self._producer.produce(self._state_topic, value=each.encode(), partition=0)
            self._end_transaction()
        except KafkaException as problem:
            self._abort(problem.args[0])
            return False
        for each in stretches:
            self._state[Partition(each.topic, each.partition)].add(each)
            self.copied += each.count
        self._open.clear()
        self._failures = 0
        self._report(self.copied)
        return True

    def _end_transaction(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(TIMEOUT)
            except KafkaException as problem:
                if not problem.args[0].retriable():
                    raise
            else:
                return

    def _stretches(self) -> list[Stretch]:
        for partition, each in self._open.items():
            if each.target_last - each.target_first + 1 != each.count:
                raise MirrorError(f"another producer writes to {partition} of the target cluster")
        return [
            Stretch(
                topic=partition.topic,
                partition=partition.number,
                source_first=each.source_first,
                source_last=each.source_last,
                target_first=each.target_first,
                target_last=each.target_last,
                count=each.count,
            )
            for partition, each in self._open.items()
        ]

    def _abort(self, error: KafkaError) -> None:
        self._failures += 1
        if error.fatal() or self._failures == _ATTEMPTS:
            raise MirrorError(f"cannot write to the target cluster: {error.str()}")
        try:
            self._producer.abort_transaction(TIMEOUT)
        except KafkaException as problem:
            raise MirrorError(f"cannot write to the target cluster: {problem.args[0].str()}") from None
        self._open.clear()
        self._delivery_error = None
        self._start_reading()

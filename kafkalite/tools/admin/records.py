"""Produce, consume and delete records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from threading import Condition
from typing import Any, Final

from kafkalite.tools.admin.access import Access, connect
from kafkalite.tools.admin.failures import AdminError, Why, name_of, refused, translated
from kafkalite.tools.admin.groups import TopicPartition, places_of
from kafkalite.tools.admin.positions import BEGINNING, END, Position
from kafkalite.tools.admin.record_text import NewRecord, StoredRecord
from kafkalite.tools.admin.topics import offsets_at, partition_counts

_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What became of the records; `errors` counts those that were refused, by reason."""

    topic: str
    records: int
    partitions: Mapping[int, int]
    """How many records each partition got."""
    errors: Mapping[str, int]


def produce(
    access: Access,
    topic: str,
    records: Iterable[NewRecord],
    *,
    acks: str = "all",
    compression: str | None = None,
) -> Produced:
    """Write records to a topic that exists, and wait until all are answered."""
    with connect(access) as admin:
        count = partition_counts(admin, [topic])[topic]
    kafka = import_module("kafka")
    answers = _Answers()
    with translated("producing", access.address):
        producer = kafka.KafkaProducer(
            **access.client_settings(),
            acks=-1 if acks == "all" else int(acks),
            enable_idempotence=acks == "all",
            compression_type=compression,
            linger_ms=5,
            allow_auto_create_topics=False,
            max_block_ms=round(access.timeout * 1000),
            delivery_timeout_ms=round(access.timeout * 1000) + 1000,
        )
        try:
            for record in records:
                _check(topic, record, count)
                sent = producer.send(
                    topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                )
                answers.expect(sent)
            # Not by flush(): it gives up on a batch that kafka-python splits because it is too large.
            unanswered = answers.wait(patience=access.timeout + 2)
        finally:
            producer.close(timeout=access.timeout)
    if unanswered:
        raise AdminError(Why.UNREACHABLE, f"{unanswered} records were not answered by {access.address} in time")
    partitions = dict(sorted(answers.taken.items()))
    return Produced(topic=topic, records=answers.taken.total(), partitions=partitions, errors=dict(answers.errors))


def _check(topic: str, record: NewRecord, count: int) -> None:
    if record.key is None and record.value is None:
        raise AdminError(Why.REFUSED, "a record has neither a key nor a value, and the client library writes none such")
    if record.partition is not None and not 0 <= record.partition < count:
        raise AdminError(Why.NOT_FOUND, f"topic {topic!r} has no partition {record.partition}", hint=f"It has {count}.")


class _Answers:
    """Counts what has become of records, from the producer's own thread."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self._expected = 0
        self._changed = Condition()

    def expect(self, sent: Any) -> None:
        """Wait for one more answer."""
        self._expected += 1
        sent.add_callback(self._written)
        sent.add_errback(self._failed)

    def wait(self, *, patience: float) -> int:
        """Wait for the rest, as long as an answer comes every so many seconds; tells how many are missing."""
        with self._changed:
            while (missing := self._expected - self._answered()) and self._changed.wait(patience):
                pass
            return missing

    def _answered(self) -> int:
        return self.taken.total() + self.errors.total()

    def _written(self, metadata: Any) -> None:
        with self._changed:
            self.taken[metadata.partition] += 1
            self._changed.notify()

    def _failed(self, problem: Exception) -> None:
        code = getattr(problem, "errno", None)
        with self._changed:
            self.errors[name_of(code) if isinstance(code, int) else type(problem).__name__] += 1
            self._changed.notify()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is to be read: from where, in which partitions (None: all), until where (None: for ever)."""

    topic: str
    partitions: tuple[int, ...] | None = None
    start: Position = BEGINNING
    until: Position | None = END
    committed_only: bool = False


def consume(
    access: Access, reading: Reading, *, on_start: Callable[[int | None], None] = lambda _total: None
) -> Generator[StoredRecord]:
    """Read records without a group; in the order of offsets within a partition, in none between partitions.

    Ends where each partition ended when it began, or at the place that `until` means. `on_start` is told how many
    offsets lie ahead, None if that is not known. Close the iterator to let go of the connection.
    """
    with connect(access) as admin:
        keys = _partitions(admin, reading)
        starts = places_of(admin, keys, reading.start, standing={})
        ends = None if reading.until is None else places_of(admin, keys, reading.until, standing={})
    kafka = import_module("kafka")
    left = {kafka.TopicPartition(*key) for key in keys if ends is None or starts[key] < ends[key]}
    on_start(None if ends is None else sum(max(0, ends[key] - starts[key]) for key in keys))
    if not left:
        return
    with translated("consuming", access.address):
        consumer = kafka.KafkaConsumer(
            **access.client_settings(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed" if reading.committed_only else "read_uncommitted",
        )
        try:
            consumer.assign(sorted(left))
            for partition in left:
                consumer.seek(partition, starts[tuple(partition)])
            while left:
                for partition, rows in consumer.poll(timeout_ms=_POLL_MS).items():
                    end = None if ends is None else ends[tuple(partition)]
                    yield from (_stored(row) for row in rows if end is None or row.offset < end)
                if ends is not None:
                    done = {partition for partition in left if consumer.position(partition) >= ends[tuple(partition)]}
                    left -= done
                    consumer.pause(*done)
        finally:
            consumer.close(autocommit=False)


def delete_records(
    access: Access, topic: str, partitions: tuple[int, ...] | None, before: Position, *, dry_run: bool = False
) -> dict[int, tuple[int, int]]:
    """Delete the records before a position; tells the first offset of each partition, before and after."""
    with connect(access) as admin:
        keys = _partitions(admin, Reading(topic=topic, partitions=partitions))
        earliest = offsets_at(admin, keys, "earliest")
        places = places_of(admin, keys, before, standing={})
        if not dry_run:
            kafka = import_module("kafka")
            wanted = {kafka.TopicPartition(*key): place for key, place in places.items()}
            answer = admin.delete_records(wanted, timeout_ms=round(access.timeout * 1000))
            for key, row in answer.items():
                if row["error_code"]:
                    raise refused(f"records of {key.topic}-{key.partition} are not deleted", row["error_code"])
    return {key[1]: (earliest[key], places[key]) for key in keys}


def _partitions(admin: Any, reading: Reading) -> list[TopicPartition]:
    count = partition_counts(admin, [reading.topic])[reading.topic]
    numbers = range(count) if reading.partitions is None else reading.partitions
    for number in numbers:
        if number >= count:
            raise AdminError(
                Why.NOT_FOUND, f"topic {reading.topic!r} has no partition {number}", hint=f"It has {count}."
            )
    return [(reading.topic, number) for number in numbers]


def _stored(row: Any) -> StoredRecord:
    return StoredRecord(
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        timestamp=row.timestamp,
        key=row.key,
        value=row.value,
        headers=tuple((name, value) for name, value in row.headers),
    )

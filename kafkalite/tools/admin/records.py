"""Produce, consume and delete records."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from threading import Condition
from typing import Any, Final

from kafkalite.client.questions import fetch_error
from kafkalite.tools.admin.access import Access, connect
from kafkalite.tools.admin.failures import AdminError, Why, name_of, refused, translated
from kafkalite.tools.admin.groups import TopicPartition, places_of
from kafkalite.tools.admin.positions import BEGINNING, END, Position
from kafkalite.tools.admin.record_text import NewRecord, StoredRecord
from kafkalite.tools.admin.topics import offsets_at, partition_counts

_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """The outcome for the records; `errors` counts those that were refused, by reason."""

    topic: str
    records: int
    partitions: Mapping[int, int]
    """The number of records in each partition."""
    errors: Mapping[str, int]
    created: bool = False
    """Whether the topic did not exist before."""


def produce(
    access: Access,
    topic: str,
    records: Iterable[NewRecord],
    *,
    acks: str = "all",
    compression: str | None = None,
) -> Produced:
    """Write records to a topic and wait until all are acknowledged; the broker may create the topic."""
    missing = _missing(access, topic)
    kafka = import_module("kafka")
    answers = _Answers()
    with translated("producing", access.address):
        producer = kafka.KafkaProducer(
            **access.client_settings(),
            acks=-1 if acks == "all" else int(acks),
            enable_idempotence=acks == "all",
            compression_type=compression,
            linger_ms=5,
            allow_auto_create_topics=True,
            max_block_ms=round(access.timeout * 1000),
            delivery_timeout_ms=round(access.timeout * 1000) + 1000,
        )
        try:
            count = _partition_count(producer, topic, missing)
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
    return Produced(
        topic=topic,
        records=answers.taken.total(),
        partitions=partitions,
        errors=dict(answers.errors),
        created=missing is not None,
    )


def _missing(access: Access, topic: str) -> AdminError | None:
    """Return the error of a topic that does not exist, or None."""
    with connect(access) as admin:
        try:
            partition_counts(admin, [topic])
        except AdminError as error:
            if error.why is Why.NOT_FOUND:
                return error
            raise
    return None


def _partition_count(producer: Any, topic: str, missing: AdminError | None) -> int:
    """Return the number of partitions, for which the producer asks so that the broker may create the topic."""
    try:
        return len(producer.partitions_for(topic))
    except import_module("kafka.errors").KafkaTimeoutError:
        if missing is None:
            raise
        missing.hint = f"{missing.hint}\nThe broker does not create topics by itself.".strip()
        raise missing from None


def _check(topic: str, record: NewRecord, count: int) -> None:
    if record.key is None and record.value is None:
        raise AdminError(Why.REFUSED, "a record has neither a key nor a value, and the client library writes none such")
    if record.partition is not None and not 0 <= record.partition < count:
        raise AdminError(Why.NOT_FOUND, f"topic {topic!r} has no partition {record.partition}", hint=f"It has {count}.")


class _Answers:
    """Count the outcomes of records, which the producer's own thread reports."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self._expected = 0
        self._changed = Condition()

    def expect(self, sent: Any) -> None:
        """Expect one more answer."""
        self._expected += 1
        sent.add_callback(self._written)
        sent.add_errback(self._failed)

    def wait(self, *, patience: float) -> int:
        """Wait for all answers, at most `patience` seconds for each; return the number that is missing."""
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
    """What to read: in which partitions (None: all), from where and until where (None: without end)."""

    topic: str
    partitions: tuple[int, ...] | None = None
    start: Position = BEGINNING
    until: Position | None = END
    committed_only: bool = False


def consume(
    access: Access, reading: Reading, *, on_start: Callable[[int | None], None] = lambda _total: None
) -> Generator[StoredRecord]:
    """Read records without a group; in the order of offsets within a partition, in none between partitions.

    Ends at the end that each partition had at the start, or at `until`. Calls `on_start` with the number of offsets to
    read, or None if it has no end. Close the iterator to close the connection.

    Raises AdminError with the broker's error code where it refuses to serve a partition for `access.timeout` seconds.
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
            silent_since = time.monotonic()
            while left:
                found = consumer.poll(timeout_ms=_POLL_MS)
                if found:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > access.timeout:
                    _check_served(access, {tuple(each): consumer.position(each) for each in left}, endless=ends is None)
                    silent_since = time.monotonic()
                for partition, rows in found.items():
                    end = None if ends is None else ends[tuple(partition)]
                    yield from (_stored(row) for row in rows if end is None or row.offset < end)
                if ends is not None:
                    done = {partition for partition in left if consumer.position(partition) >= ends[tuple(partition)]}
                    left -= done
                    consumer.pause(*done)
        finally:
            consumer.close(autocommit=False)


def _check_served(access: Access, positions: Mapping[TopicPartition, int], *, endless: bool) -> None:
    """Find out why no record comes: kafka-python asks again for ever after most errors, and reports none of them."""
    first = access.bootstrap[0]
    for (topic, number), offset in sorted(positions.items()):
        where = f"{topic}-{number} cannot be read at offset {offset}"
        if "security_protocol" not in access.settings:
            code = fetch_error((first.host, first.port), topic, number, offset, timeout=access.timeout)
            if code:
                raise refused(where, code)
        if not endless:
            raise AdminError(Why.UNREACHABLE, f"{where}: no record came for {access.timeout:g} s")


def delete_records(
    access: Access, topic: str, partitions: tuple[int, ...] | None, before: Position, *, dry_run: bool = False
) -> dict[int, tuple[int, int]]:
    """Delete the records before a position; return the first offset of each partition before and after."""
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

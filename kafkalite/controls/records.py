"""Between the records of the controls and the batches of a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kafkalite.cluster.partitioning import partition_for_key
from kafkalite.controls.errors import NotFound
from kafkalite.controls.views import Header, Record
from kafkalite_wire import records as wire

Text = bytes | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to produce that differ in their values only. Raises TypeError."""

    topic: str
    partition: int | None
    values: Sequence[Text]
    key: Text
    headers: Sequence[Header]
    timestamp: int | None

    def __post_init__(self) -> None:
        # Tests are seldom typed.
        check_headers(self.headers)
        if not isinstance(self.timestamp, int | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"timestamps are whole milliseconds since 1970, not {self.timestamp!r}")


def check_headers(headers: Iterable[Header]) -> None:
    """Check the types of headers. Raises TypeError."""
    for header in headers:
        match header:
            case (str(), bytes() | None):
                pass
            case _:
                raise TypeError(f"headers are pairs of a str and bytes or None, not {header!r}")


def as_bytes(text: Text) -> bytes | None:
    """Encode text; bytes and None stay as they are. Raises TypeError for anything else."""
    if isinstance(text, str):
        return text.encode()
    if text is None or isinstance(text, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # tests are seldom typed
        return text
    raise TypeError(f"keys and values are str, bytes or None, not {type(text).__name__}: {text!r}")


class Partitioner:
    """Chooses partitions: the one asked for, the key's, or round-robin."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def choose(self, batch: Batch, partitions: int) -> int:
        """Return the partition of a batch. Raises LookupError if the topic does not have it."""
        if batch.partition is not None:
            return existing(batch.topic, batch.partition, partitions)
        key = as_bytes(batch.key)
        if key is not None:
            return partition_for_key(key, partitions)
        following = self._next.get(batch.topic, 0)
        self._next[batch.topic] = following + 1
        return following % partitions

    def reset(self) -> None:
        """Begin with the first partition of each topic again."""
        self._next.clear()


def existing(topic: str, partition: int, partitions: int) -> int:
    """Return a partition that a topic has. Raises LookupError for any other."""
    if not 0 <= partition < partitions:
        raise NotFound(f"topic {topic!r} has {partitions} partition(s), and no {partition}")
    return partition


def produced(batch: Batch, partition: int, base_offset: int, timestamp: int) -> tuple[Record, ...]:
    """Return the records of a batch at their offsets."""
    return tuple(
        Record(
            topic=batch.topic,
            partition=partition,
            offset=base_offset + index,
            timestamp=timestamp,
            key=as_bytes(batch.key),
            value=as_bytes(value),
            headers=tuple(batch.headers),
        )
        for index, value in enumerate(batch.values)
    )


def batch_of(values: Iterable[Text], *, key: Text, headers: Iterable[Header], timestamp: int) -> bytes:
    """Build the batch of records that differ in their values only."""
    kept = tuple(headers)
    return wire.build_batch(
        [wire.Record(key=as_bytes(key), value=as_bytes(value), timestamp=timestamp, headers=kept) for value in values]
    )


def records_in(topic: str, partition: int, data: bytes) -> Iterator[tuple[Record | None, int]]:
    """Yield the records of whole batches, each with the next offset; None marks the end of a batch."""
    view = memoryview(data)
    for position, header in wire.walk_batches(view):
        if not header.is_control:
            for record in wire.iter_records(view[position : position + header.size]):
                yield (
                    Record(
                        topic=topic,
                        partition=partition,
                        offset=record.offset,
                        timestamp=record.timestamp,
                        key=record.key,
                        value=record.value,
                        headers=record.headers,
                    ),
                    record.offset + 1,
                )
        yield None, header.next_offset

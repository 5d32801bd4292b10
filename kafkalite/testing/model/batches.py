"""Between records as tests see them and batches as they lie in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kafkalite.cluster.partitioning import partition_for_key
from kafkalite.testing.model.errors import NotThere
from kafkalite.testing.model.views import Header, Record
from kafkalite_wire import records as wire

Text = bytes | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to be produced that differ in their values only. Raises TypeError."""

    topic: str
    partition: int | None
    values: Sequence[Text]
    key: Text
    headers: Sequence[Header]
    timestamp: int | None

    def __post_init__(self) -> None:
        # Tests are seldom typed.
        for header in self.headers:
            match header:
                case (str(), bytes() | None):
                    pass
                case _:
                    raise TypeError(f"headers are pairs of a str and bytes or None, not {header!r}")
        if not isinstance(self.timestamp, int | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"timestamps are whole milliseconds since 1970, not {self.timestamp!r}")


def as_bytes(text: Text) -> bytes | None:
    """Encode text; bytes, and nothing at all, stay what they are. Raises TypeError for anything else."""
    if isinstance(text, str):
        return text.encode()
    if text is None or isinstance(text, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # tests are seldom typed
        return text
    raise TypeError(f"keys and values are str, bytes or None, not {type(text).__name__}: {text!r}")


class Turns:
    """Chooses partitions: the one that is asked for, or the key's, or else each in its turn."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def choose(self, batch: Batch, partitions: int) -> int:
        """Choose the partition of a batch. Raises LookupError for one that the topic does not have."""
        if batch.partition is not None:
            return existing(batch.topic, batch.partition, partitions)
        key = as_bytes(batch.key)
        if key is not None:
            return partition_for_key(key, partitions)
        turn = self._next.get(batch.topic, 0)
        self._next[batch.topic] = turn + 1
        return turn % partitions

    def forget(self) -> None:
        """Begin with the first partition of each topic again."""
        self._next.clear()


def existing(topic: str, partition: int, partitions: int) -> int:
    """Give a partition back that a topic has. Raises LookupError for any other."""
    if not 0 <= partition < partitions:
        raise NotThere(f"topic {topic!r} has {partitions} partition(s), and no {partition}")
    return partition


def produced(batch: Batch, partition: int, base_offset: int, timestamp: int) -> tuple[Record, ...]:
    """Show the records of a batch in their places."""
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
    """Read the records of whole batches, each with the offset behind it; None is the end of a batch."""
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

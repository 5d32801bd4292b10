"""Record batches as the request log shows them: what their headers say, and their records when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kafkalite_wire.compression import Compression
from kafkalite_wire.records import HEADER_SIZE, MAGIC, BatchHeader, Record, iter_records, read_header, walk_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBatch:
    """A batch of records in a request or a response, as its header describes it."""

    topic: str
    partition: int
    base_offset: int
    """0 in what producers send."""
    count: int
    size_bytes: int
    """Of the whole batch, compressed if it is."""
    compression: str
    """``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``, as in ``compression.type``."""
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    is_transactional: bool
    is_control: bool
    is_whole: bool
    """Whether all of it is in the log: a fetch may end inside a batch, and the log keeps only so much of large ones."""
    data: memoryview = field(repr=False, compare=False)
    """The batch itself, as much as there is of it."""

    def records(self) -> tuple[Record, ...]:
        """Decode the records. Raises LookupError if not all of the batch is here, and CorruptBatch if it is damaged."""
        if not self.is_whole:
            raise LookupError(f"the log has only {len(self.data)} of the {self.size_bytes} bytes of this batch")
        return tuple(iter_records(self.data))


def batches_in(topic: str, partition: int, data: memoryview) -> Iterator[RecordBatch]:
    """Yield the batches in data, up to the first bytes that are not a batch; the last one may be cut off."""
    end = 0
    for position, header in walk_batches(data):
        if header.magic != MAGIC:
            return
        end = position + header.size
        yield _batch(topic, partition, header, data[position:end])
    if len(data) - end >= HEADER_SIZE:
        header = read_header(data, end)
        if header.magic == MAGIC and header.size >= HEADER_SIZE:
            yield _batch(topic, partition, header, data[end:])


def _batch(topic: str, partition: int, header: BatchHeader, data: memoryview) -> RecordBatch:
    return RecordBatch(
        topic=topic,
        partition=partition,
        base_offset=header.base_offset,
        count=header.records_count,
        size_bytes=header.size,
        compression=_compression(header.compression),
        max_timestamp=header.max_timestamp,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        is_transactional=header.is_transactional,
        is_control=header.is_control,
        is_whole=len(data) == header.size,
        data=data,
    )


def _compression(codec: int) -> str:
    return Compression(codec).name.lower() if codec <= Compression.ZSTD else str(codec)

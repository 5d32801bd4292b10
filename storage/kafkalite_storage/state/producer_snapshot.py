"""The `.snapshot` files: producer state at an offset, so that a start need not replay the whole log.

Kafka's format: version int16 (1), CRC-32C uint32 of what follows, and an array of fixed-size entries.
"""

from struct import Struct, error
from typing import Final

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_storage.state.producer_state import Producer, ProducerStates, SequencedBatch
from kafkalite_wire.batch import crc32c

_HEADER: Final = Struct(">hI")
_COUNT: Final = Struct(">i")
_ENTRY: Final = Struct(">qhiqiqiq")
_VERSION: Final = 1
_SUFFIX: Final = ".snapshot"
_MOST_SNAPSHOTS: Final = 2


def save_snapshot(fs: FileSystem, directory: str, states: ProducerStates) -> None:
    """Write a snapshot at the states' end offset, unless there is one, and drop all but the newest."""
    offset = states.end_offset
    if offset <= states.snapshot_offset:
        return
    fs.replace(f"{directory}/{file_name(offset, _SUFFIX)}", encode_snapshot(states), sync=False)
    states.snapshot_offset = offset
    names = sorted(name for name in fs.list(directory) if name.endswith(_SUFFIX))
    for name in names[:-_MOST_SNAPSHOTS]:
        fs.remove(f"{directory}/{name}")


def encode_snapshot(states: ProducerStates) -> bytes:
    """Write the state of all producers; of each, only the last batch is kept."""
    parts = [_COUNT.pack(len(states.producers))]
    for producer in states:
        last = producer.batches[-1] if producer.batches else _NO_BATCH
        parts.append(
            _ENTRY.pack(
                producer.producer_id,
                producer.epoch,
                last.last_sequence,
                last.last_offset,
                last.offset_delta,
                producer.timestamp,
                producer.coordinator_epoch,
                states.open_transactions.get(producer.producer_id, -1),
            )
        )
    body = b"".join(parts)
    return _HEADER.pack(_VERSION, crc32c(body)) + body


def decode_snapshot(content: bytes, offset: int) -> ProducerStates:
    """Read the snapshot that was taken at an offset; raises ValueError when it is damaged."""
    try:
        version, checksum = _HEADER.unpack_from(content)
        body = content[_HEADER.size :]
        (count,) = _COUNT.unpack_from(body)
    except error as short:
        raise ValueError(f"the producer snapshot is cut off: {short}") from short
    if version != _VERSION:
        raise ValueError(f"version {version} of the producer snapshot is unknown")
    if checksum != crc32c(body) or len(body) != _COUNT.size + count * _ENTRY.size:
        raise ValueError("the producer snapshot is damaged")
    states = ProducerStates()
    states.end_offset = states.snapshot_offset = offset
    for entry in _ENTRY.iter_unpack(body[_COUNT.size :]):
        producer_id, epoch, sequence, last_offset, delta, timestamp, coordinator_epoch, start = entry
        batches = [SequencedBatch(sequence, last_offset, delta, timestamp)] if last_offset >= 0 else []
        states.producers[producer_id] = Producer(producer_id, epoch, batches, coordinator_epoch, timestamp)
        if start >= 0:
            states.open_transactions[producer_id] = start
    return states


_NO_BATCH: Final = SequencedBatch(-1, -1, 0, -1)

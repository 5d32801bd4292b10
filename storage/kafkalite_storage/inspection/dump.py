"""List the content of the files of a data directory, row by row, in bounded memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from kafkalite_storage.files.checkpoints import (
    CLEAN_SHUTDOWN,
    LEADER_EPOCHS,
    META_PROPERTIES,
    PARTITION_METADATA,
    decode_epochs,
    decode_offsets,
    decode_partition_metadata,
    decode_properties,
)
from kafkalite_storage.inspection.context import METADATA_SNAPSHOT, partition_of
from kafkalite_storage.inspection.decoders import Decoder, Plain, decoder_of
from kafkalite_storage.inspection.files import ReadableFiles, is_directory
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.segment.indexes import OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE, decode_offset_index, decode_time_index
from kafkalite_storage.segment.stretches import Stretch, stretches
from kafkalite_storage.segment.transaction_index import TRANSACTION_ENTRY_SIZE, decode_transactions
from kafkalite_storage.state.producer_snapshot import decode_snapshot
from kafkalite_wire.errors import WireError
from kafkalite_wire.records import (
    BatchHeader,
    Compression,
    CorruptBatch,
    Record,
    iter_records,
    read_end_txn_marker,
)
from kafkalite_wire.schema import format_uuid

#: Suffixes that a deletion or a compaction adds to a file name.
_LEFT_OVER: Final = (".deleted", ".cleaned", ".swap")
#: Suffix that a recovery adds to a copy of the bytes that it cut off.
_SET_ASIDE: Final = ".damaged"
_JSON_FILES: Final = (CLEAN_SHUTDOWN, "quorum-state")
_OFFSET_CHECKPOINT: Final = "-offset-checkpoint"


class UnknownFile(Exception):  # noqa: N818  # says what the file is
    """Not a file of a data directory."""


class Row(NamedTuple):
    """One line of a dump: a kind and its fields in order. A record belongs to the batch before it."""

    kind: str
    fields: dict[str, Plain]


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpOptions:
    """What to show: records or only batches, the first offset, the largest number of rows of each file."""

    records: bool = False
    start: int = 0
    limit: int | None = None
    #: Decode records as those of this topic; None takes the name of the directory, "" decodes nothing.
    topic: str | None = None


def files_of(files: ReadableFiles, path: str) -> Iterator[str]:
    """Return the files to dump: the path itself, or all files in and below a directory, in order."""
    if not is_directory(files, path):
        yield path
        return
    for name in sorted(files.list(path)):
        below = f"{path.rstrip('/')}/{name}"
        if is_directory(files, below):
            yield from files_of(files, below)
        elif _kind(name) is not None:
            yield below


def dump(files: ReadableFiles, path: str, options: DumpOptions) -> Iterator[Row]:
    """Yield the rows of a file. Raises UnknownFile, OSError, and ValueError for a file that cannot be read."""
    name = path.rpartition("/")[2]
    kind = _kind(name)
    if kind is None:
        raise UnknownFile(f"{path} is not a file of a data directory")
    rows = _batches(files, path, options) if kind == "log" else _small_file(kind, name, files.read(path), options)
    yield from islice(rows, options.limit)


def _kind(name: str) -> str | None:
    if name.endswith(_SET_ASIDE):
        name = name.removesuffix(_SET_ASIDE).rpartition(".")[0]
    for ending in _LEFT_OVER:
        name = name.removesuffix(ending)
    stem, _, suffix = name.rpartition(".")
    if suffix in ("log", "index", "timeindex", "txnindex", "snapshot") and stem.isdigit():
        return suffix
    if name.endswith(METADATA_SNAPSHOT):
        return "log"
    if name in (LEADER_EPOCHS, PARTITION_METADATA, META_PROPERTIES):
        return name
    if name in _JSON_FILES:
        return "json"
    return "offsets" if name.endswith(_OFFSET_CHECKPOINT) else None


# Batches


def _batches(files: ReadableFiles, path: str, options: DumpOptions) -> Iterator[Row]:
    file = files.open(path)
    decoder = _decoder(path, options)
    for stretch in stretches(file, file.size()):
        header = stretch.header
        if header is None or (stretch.error and stretch.size != header.size):
            yield Row("damage", {"position": stretch.position, "size": stretch.size, "error": stretch.error})
        elif header.last_offset >= options.start:
            yield Row("batch", _batch(stretch, header))
            if options.records and stretch.data is not None:
                yield from _records(header, stretch.data, options.start, decoder)


def _decoder(path: str, options: DumpOptions) -> Decoder | None:
    if options.topic is not None:
        return decoder_of(options.topic)
    if path.endswith(METADATA_SNAPSHOT):
        return decoder_of(METADATA_TOPIC)
    partition = partition_of(path.rpartition("/")[0])
    return None if partition is None else decoder_of(partition[0])


def _batch(stretch: Stretch, header: BatchHeader) -> dict[str, Plain]:
    fields: dict[str, Plain] = {
        "baseOffset": header.base_offset,
        "lastOffset": header.last_offset,
        "count": header.records_count,
        "baseSequence": header.base_sequence,
        "lastSequence": header.last_sequence,
        "producerId": header.producer_id,
        "producerEpoch": header.producer_epoch,
        "partitionLeaderEpoch": header.partition_leader_epoch,
        "isTransactional": header.is_transactional,
        "isControl": header.is_control,
    }
    if header.has_delete_horizon:
        fields["deleteHorizonMs"] = header.base_timestamp
    fields["position"] = stretch.position
    fields[_time_name(header)] = header.max_timestamp
    fields["size"] = header.size
    fields["magic"] = header.magic
    fields["compresscodec"] = _codec(header.compression)
    fields["crc"] = header.crc
    fields["isvalid"] = not stretch.error
    if stretch.error:
        fields["error"] = stretch.error
    return fields


def _time_name(header: BatchHeader) -> str:
    return "LogAppendTime" if header.has_log_append_time else "CreateTime"


def _codec(codec: int) -> str:
    return Compression(codec).name.lower() if codec <= max(Compression) else str(codec)


def _records(header: BatchHeader, data: bytes, start: int, decoder: Decoder | None) -> Iterator[Row]:
    try:
        for record in iter_records(data):
            if record.offset >= start:
                yield Row("record", _record(header, record, decoder))
    except CorruptBatch as error:
        yield Row("damage", {"baseOffset": header.base_offset, "error": str(error)})


def _record(header: BatchHeader, record: Record, decoder: Decoder | None) -> dict[str, Plain]:
    fields: dict[str, Plain] = {"offset": record.offset, _time_name(header): record.timestamp}
    if header.base_sequence >= 0:
        fields["sequence"] = (header.base_sequence + record.offset - header.base_offset) & 0x7FFF_FFFF
    marker = read_end_txn_marker(record) if header.is_control else None
    if marker is not None:
        fields["endTxnMarker"] = "COMMIT" if marker.commit else "ABORT"
        fields["coordinatorEpoch"] = marker.coordinator_epoch
        return fields
    key: Plain = record.key
    value: Plain = record.value
    if decoder is not None and not header.is_control:
        try:
            decoded = decoder(record)
        except WireError as error:
            fields["error"] = str(error)
        else:
            key = record.key if decoded.key is None else decoded.key
            value = record.value if decoded.value is None else decoded.value
    fields["headers"] = [[name, content] for name, content in record.headers]
    fields["key"] = key
    fields["value"] = value
    return fields


# Other files, which are small or have one row for some kilobytes of a log


def _small_file(kind: str, name: str, content: bytes, options: DumpOptions) -> Iterator[Row]:
    stem = name.partition(".")[0]
    base = int(stem) if stem.isdigit() else 0
    match kind:
        case "index":
            return _offset_index(content, base, options.start)
        case "timeindex":
            return _time_index(content, base, options.start)
        case "txnindex":
            return _transaction_index(content, options.start)
        case "snapshot":
            return _snapshot(content, base)
        case "offsets":
            return (
                Row("offset", {"topic": topic, "partition": number, "offset": offset})
                for (topic, number), offset in decode_offsets(content).items()
            )
        case "leader-epoch-checkpoint":
            return (
                Row("leaderEpoch", {"epoch": epoch, "startOffset": start}) for epoch, start in decode_epochs(content)
            )
        case "partition.metadata":
            return iter([Row("partition", {"topicId": format_uuid(decode_partition_metadata(content))})])
        case "meta.properties":
            return iter([Row("properties", dict(decode_properties(content)))])
        case _:
            return iter([Row("json", json.loads(content))])


def _offset_index(content: bytes, base: int, start: int) -> Iterator[Row]:
    for offset, position in zip(*decode_offset_index(content), strict=True):
        if base + offset >= start:
            yield Row("index", {"offset": base + offset, "position": position})
    yield from _odd_bytes(content, OFFSET_ENTRY_SIZE)


def _time_index(content: bytes, base: int, start: int) -> Iterator[Row]:
    for timestamp, offset in zip(*decode_time_index(content), strict=True):
        if base + offset >= start:
            yield Row("timeindex", {"timestamp": timestamp, "offset": base + offset})
    yield from _odd_bytes(content, TIME_ENTRY_SIZE)


def _transaction_index(content: bytes, start: int) -> Iterator[Row]:
    for version, entry in decode_transactions(content):
        if entry.last_offset >= start:
            yield Row(
                "txnindex",
                {
                    "version": version,
                    "producerId": entry.producer_id,
                    "firstOffset": entry.first_offset,
                    "lastOffset": entry.last_offset,
                    "lastStableOffset": entry.last_stable_offset,
                },
            )
    yield from _odd_bytes(content, TRANSACTION_ENTRY_SIZE)


def _odd_bytes(content: bytes, entry_size: int) -> Iterator[Row]:
    odd = len(content) % entry_size
    if odd:
        yield Row("damage", {"position": len(content) - odd, "size": odd, "error": "no whole entry"})


def _snapshot(content: bytes, offset: int) -> Iterator[Row]:
    states = decode_snapshot(content, offset)
    for producer in states:
        last = producer.batches[-1] if producer.batches else None
        yield Row(
            "producer",
            {
                "producerId": producer.producer_id,
                "producerEpoch": producer.epoch,
                "coordinatorEpoch": producer.coordinator_epoch,
                "currentTxnFirstOffset": states.open_transactions.get(producer.producer_id),
                "lastTimestamp": producer.timestamp,
                "firstSequence": None if last is None else (last.last_sequence - last.offset_delta) & 0x7FFF_FFFF,
                "lastSequence": None if last is None else last.last_sequence,
                "lastOffset": None if last is None else last.last_offset,
                "offsetDelta": None if last is None else last.offset_delta,
            },
        )

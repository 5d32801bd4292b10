"""The log of topics and configurations: Kafka's `__cluster_metadata-0` with KRaft's records (KIP-631).

Every change is one batch, synced before anything is answered, so that a crash leaves the whole change or
nothing of it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import islice
from typing import Final

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import DataDirectoryCorrupt
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.metadata.topics import METADATA_VERSION, MetadataImage, NewPartitions, Partition
from kafkalite_storage.recovery.recovery import Recovery
from kafkalite_storage.segment.stretches import stretches
from kafkalite_wire.batch import walk_batches
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.metadata_records import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    EndTransactionRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
    decode_metadata_record,
    encode_metadata_record,
)
from kafkalite_wire.records import Record, build_batch, check_batches, iter_records
from kafkalite_wire.schema import declaration_of
from kafkalite_wire.values import value_class

#: KRaft's first leader epoch is 1; ours never changes, as there is no other leader.
LEADER_EPOCH: Final = 1
#: Records that are encoded in one step.
_STEP: Final = 100
_NEWEST: Final = 1 << 15
#: The levels of ``metadata.version`` that brought versions 1 (directories) and 2 (eligible leaders) of these records.
_PARTITION_VERSIONS_SINCE: Final = (17, 23)
_READ_PIECE: Final = 1024 * 1024
_SNAPSHOT_SUFFIX: Final = ".checkpoint"


class MetadataLog:
    """The log, and the catalogue that results from its records."""

    def __init__(self, log: PartitionLog, catalogue: MetadataImage) -> None:
        self._log = log
        self.catalogue = catalogue

    @classmethod
    def open(cls, fs: FileSystem, directory: str, files: FileHandleCache, *, clean: bool) -> "MetadataLog":
        """Open the log and replay it; raises DataDirectoryCorrupt for records that cannot be understood."""
        if fs.exists(directory):
            _refuse_damage(fs, directory, clean=clean)
        config = LogConfig.of({"flush.messages": "1"})
        log = PartitionLog.open(fs, directory, config=config, clean=clean, cache=files)
        log.start_epoch(LEADER_EPOCH)
        catalogue = MetadataImage()
        offset = _replay_snapshot(fs, directory, catalogue)
        offset = max(offset, log.log_start_offset)
        while offset < log.log_end_offset:
            piece = log.read(offset, max_bytes=_READ_PIECE).read()
            offset = _replay_whole(piece, offset, catalogue)
        return cls(log, catalogue)

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written."""
        return self._log.log_end_offset == 0

    @property
    def directory(self) -> str:
        """Where the log's files are."""
        return self._log.directory

    @property
    def recovery(self) -> Recovery:
        """What opening the log had to repair."""
        return self._log.recovery

    def append(self, records: Sequence[MetadataRecord], now_ms: int) -> None:
        """Write records as one change and apply them; they are on disk when this returns."""
        self._log.append(self._encoded(records, now_ms), now_ms=now_ms, origin=AppendOrigin.BROKER)
        self.catalogue.replay_all(records)

    def prepare(
        self, topic_id: bytes, records: Iterable[MetadataRecord], now_ms: int
    ) -> Generator[None, None, "PreparedChange"]:
        """Encode records about one topic for `append_prepared`, a hundred a step; its new partitions come last."""
        change = PreparedChange(topic_id)
        new_partitions = NewPartitions()
        for number, part in enumerate(_batched(records, _STEP)):
            if number:
                yield
            for record in part:
                if isinstance(record, PartitionRecord):
                    change.partitions.append(new_partitions.of(record))
                else:
                    change.others.append(record)
            change.batches.append(self._encoded(part, now_ms))
        return change

    def append_prepared(self, change: "PreparedChange", now_ms: int) -> None:
        """Write a change and apply it; it is on disk when this returns.

        More than one batch is a transaction of KRaft's, so that a power cut leaves all of it or nothing.
        """
        batches = change.batches
        if len(batches) > 1:
            begin, end = BeginTransactionRecord(), EndTransactionRecord()
            batches = [self._encoded([begin], now_ms), *batches, self._encoded([end], now_ms)]
        self._log.append(b"".join(batches), now_ms=now_ms, origin=AppendOrigin.BROKER)
        self.catalogue.replay_all(change.others)
        self.catalogue.add_partitions(change.topic_id, change.partitions)

    def abort_open_transaction(self, now_ms: int) -> None:
        """End a transaction that a power cut left open."""
        if self.catalogue.in_transaction:
            self.append([AbortTransactionRecord(reason="the broker stopped")], now_ms)

    def _encoded(self, records: Sequence[MetadataRecord], now_ms: int) -> bytes:
        level = self.catalogue.features.get(METADATA_VERSION, _NEWEST)
        return bytes(
            build_batch(
                [
                    Record(value=encode_metadata_record(record, version_of(record, level)), timestamp=now_ms)
                    for record in records
                ]
            )
        )

    @property
    def log(self) -> PartitionLog:
        """The log itself, to be read only."""
        return self._log

    def close(self, *, clean: bool) -> None:
        """Close the log."""
        self._log.close(clean=clean)


@value_class
class PreparedChange:
    """New partitions of a topic, other records about it, and the batches that hold all of them."""

    topic_id: bytes
    others: list[MetadataRecord] = field(default_factory=list[MetadataRecord])
    partitions: list[Partition] = field(default_factory=list[Partition])
    batches: list[bytes] = field(default_factory=list[bytes])


def _batched(records: Iterable[MetadataRecord], size: int) -> Iterator[list[MetadataRecord]]:
    iterator = iter(records)
    while part := list(islice(iterator, size)):
        yield part


def _refuse_damage(fs: FileSystem, directory: str, *, clean: bool) -> None:
    """Raise DataDirectoryCorrupt for damage that no crash makes, before anything is cut off because of it.

    Every change is synced before the next one, so that a crash can tear the last batch only. What is cut off anywhere
    else takes topics with it, whose records are sound.
    """
    logs = sorted(name for name in fs.list(directory) if name.endswith(".log"))
    expected = None
    for name in logs:
        path = f"{directory}/{name}"
        file = fs.open(path)
        for stretch in stretches(file, file.size()):
            header = stretch.header
            is_torn = stretch.is_torn_end and name == logs[-1] and not clean
            if header is not None and not stretch.error and expected is not None and header.base_offset != expected:
                error = f"offset {header.base_offset} stands where {expected} should be"
            else:
                error = stretch.error
            if error and not is_torn:
                raise DataDirectoryCorrupt(f"{path} is damaged at byte {stretch.position}: {error}")
            expected = None if header is None else header.next_offset


def version_of(record: MetadataRecord, metadata_version: int) -> int:
    """Return the version to write a record in, so that every Kafka that may run at a ``metadata.version`` reads it."""
    highest = declaration_of(type(record)).versions.high
    if isinstance(record, PartitionRecord | PartitionChangeRecord):
        return min(highest, sum(metadata_version >= since for since in _PARTITION_VERSIONS_SINCE))
    return highest


def _replay_snapshot(fs: FileSystem, directory: str, catalogue: MetadataImage) -> int:
    """Apply the newest snapshot, which Kafka names after its end offset and epoch; return the end offset."""
    names = sorted(name for name in fs.list(directory) if name.endswith(_SNAPSHOT_SUFFIX))
    if not names:
        return 0
    content = fs.read(f"{directory}/{names[-1]}")
    for position, header in check_batches(content):
        if not header.is_control:
            _apply(iter_records(memoryview(content)[position : position + header.size]), catalogue)
    return int(names[-1].partition("-")[0])


def _replay_whole(piece: bytes, offset: int, catalogue: MetadataImage) -> int:
    """Apply the whole batches of a read that begins at or before an offset; return the offset after them."""
    view = memoryview(piece)
    for position, header in walk_batches(view):
        if not header.is_control:
            records = iter_records(view[position : position + header.size])
            _apply((record for record in records if record.offset >= offset), catalogue)
        offset = header.next_offset
    return offset


def _apply(records: Iterable[Record], catalogue: MetadataImage) -> None:
    catalogue.replay_all(_changes(records))


def _changes(records: Iterable[Record]) -> Iterator[MetadataRecord]:
    for record in records:
        if record.value is None:
            continue
        try:
            change = decode_metadata_record(record.value)
        except WireError as error:
            raise DataDirectoryCorrupt(f"the metadata log cannot be read at offset {record.offset}: {error}") from error
        if change is not None:
            yield change

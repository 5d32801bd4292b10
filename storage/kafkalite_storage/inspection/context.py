"""What the files of a data directory say about its partitions: topics, recovery points, log start offsets."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from kafkalite_storage.files.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOG_START_OFFSETS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    TopicPartition,
    decode_offsets,
)
from kafkalite_storage.inspection.files import ReadableFiles, is_directory, read_if_there
from kafkalite_storage.metadata.topics import METADATA_TOPIC, MetadataImage
from kafkalite_storage.segment.stretches import stretches
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.metadata_records import MetadataRecord, decode_metadata_record
from kafkalite_wire.records import CorruptBatch, iter_records

METADATA_DIRECTORY: Final = f"{METADATA_TOPIC}-0"
METADATA_SNAPSHOT: Final = ".checkpoint"
DELETED_DIRECTORY: Final = "-delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known about a partition from the files around it; None where those are missing, as for a lone copy."""

    path: str = ""
    catalogue: MetadataImage | None = None
    recovery_points: Mapping[TopicPartition, int] | None = None
    log_start_offsets: Mapping[TopicPartition, int] | None = None
    cleaned: frozenset[TopicPartition] = field(default_factory=frozenset[TopicPartition])
    #: Whether the last owner closed the directory in order. False while a broker runs.
    is_clean: bool = False

    def may_have_gaps(self, partition: TopicPartition | None) -> bool:
        """Return whether compaction may have removed offsets of a partition."""
        if self.catalogue is None or partition is None or partition in self.cleaned:
            return True
        topic = self.catalogue.topics.get(partition[0])
        return topic is not None and "compact" in topic.configs.get("cleanup.policy", "")


NOWHERE: Final = Surroundings()


def is_data_directory(files: ReadableFiles, path: str) -> bool:
    """Return whether this is a data directory of a broker."""
    try:
        names = files.list(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return META_PROPERTIES in names or METADATA_DIRECTORY in names


def partition_of(directory: str) -> TopicPartition | None:
    """Return the topic and number in the name of a partition's directory, None for another name."""
    topic, _, number = directory.rpartition("/")[2].rpartition("-")
    return (topic, int(number)) if topic and number.isascii() and number.isdigit() else None


def look_around(files: ReadableFiles, path: str) -> Surroundings:
    """Read the files directly in a data directory. Damaged ones are skipped here and reported by their own check."""
    metadata = f"{path}/{METADATA_DIRECTORY}"
    cleaned = _offsets(files, f"{path}/{CLEANER_OFFSETS}")
    return Surroundings(
        path=path,
        catalogue=read_catalogue(files, metadata) if is_directory(files, metadata) else None,
        recovery_points=_offsets(files, f"{path}/{RECOVERY_POINTS}"),
        log_start_offsets=_offsets(files, f"{path}/{LOG_START_OFFSETS}"),
        cleaned=frozenset(cleaned or ()),
        is_clean=CLEAN_SHUTDOWN in files.list(path),
    )


def read_catalogue(files: ReadableFiles, directory: str) -> MetadataImage:
    """Replay the metadata log as far as it can be read."""
    catalogue = MetadataImage()
    names = sorted(files.list(directory))
    snapshots = [name for name in names if name.endswith(METADATA_SNAPSHOT)]
    start = 0
    if snapshots:
        _replay(files, f"{directory}/{snapshots[-1]}", 0, catalogue)
        start = _snapshot_end(snapshots[-1])
    for name in names:
        if name.endswith(".log"):
            _replay(files, f"{directory}/{name}", start, catalogue)
    return catalogue


def _snapshot_end(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def _replay(files: ReadableFiles, path: str, start: int, catalogue: MetadataImage) -> None:
    file = files.open(path)
    for stretch in stretches(file, file.size()):
        if stretch.data is None or stretch.header is None or stretch.header.is_control:
            continue
        catalogue.replay_all(_changes(stretch.data, start))


def _changes(batch: bytes, start: int) -> Iterator[MetadataRecord]:
    with suppress(CorruptBatch, WireError):
        for record in iter_records(batch):
            change = None if record.value is None else decode_metadata_record(record.value)
            if change is not None and record.offset >= start:
                yield change


def _offsets(files: ReadableFiles, path: str) -> Mapping[TopicPartition, int] | None:
    content = read_if_there(files, path)
    try:
        return None if content is None else decode_offsets(content)
    except ValueError:
        return None

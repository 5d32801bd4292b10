"""Check the files directly in a data directory, and that its partitions match its topics."""

import json
import re
from typing import Any, Final

from kafkalite_storage.files.checkpoints import (
    CHECKSUM_COMMENT,
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOCK,
    LOG_START_OFFSETS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    TopicPartition,
    decode_offsets,
    decode_properties,
    encode_clean_shutdown,
    encode_offsets,
)
from kafkalite_storage.inspection.context import (
    DELETED_DIRECTORY,
    METADATA_DIRECTORY,
    METADATA_SNAPSHOT,
    Surroundings,
    partition_of,
)
from kafkalite_storage.inspection.files import ReadableFiles, is_directory, read_if_there
from kafkalite_storage.inspection.report import Report
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS
from kafkalite_wire.schema import parse_uuid

_HIGH_WATERMARKS: Final = "replication-offset-checkpoint"
_CHECKPOINTS: Final = (RECOVERY_POINTS, LOG_START_OFFSETS, _HIGH_WATERMARKS, CLEANER_OFFSETS)
_PROPERTIES: Final = frozenset(("version", "cluster.id", "node.id", "directory.id"))
_META_VERSION: Final = "1"
_LONGEST_CLUSTER_ID: Final = 64


def check_root_files(files: ReadableFiles, around: Surroundings, report: Report) -> None:
    """Check the files of a data directory that belong to no partition."""
    listed = sorted(files.list(around.path))
    for name in listed:
        path = f"{around.path}/{name}"
        if name in _CHECKPOINTS:
            _check_checkpoint(files, around, report, name)
        elif name == META_PROPERTIES:
            _check_properties(report, path, files.read(path))
        elif name == CLEAN_SHUTDOWN:
            _check_marker(report, path, read_if_there(files, path))
        elif name == LOCK or name.endswith(METADATA_SNAPSHOT):
            report.files += 1
        elif not is_directory(files, path):
            report.note(path, "not a file of a data directory")
    if META_PROPERTIES not in listed:
        report.damage(f"{around.path}/{META_PROPERTIES}", "is missing: the owner of the directory is not known")
    if around.catalogue is None:
        report.damage(f"{around.path}/{METADATA_DIRECTORY}", "is missing: the topics are not known")


def partition_directories(files: ReadableFiles, around: Surroundings, report: Report) -> list[str]:
    """Return the directories of partitions; report unknown and missing ones."""
    found: list[str] = []
    topics = {} if around.catalogue is None else around.catalogue.topics
    for name in sorted(files.list(around.path)):
        path = f"{around.path}/{name}"
        if not is_directory(files, path):
            continue
        if name.endswith(DELETED_DIRECTORY):
            report.note(path, "is being deleted; the broker removes it")
            continue
        if name == SNAPSHOTS:
            report.note(path, "snapshots of a broker that runs, or was killed; its next start removes them")
            continue
        partition = partition_of(path)
        if partition is None:
            report.note(path, "not a directory of a partition")
            continue
        if partition[0] != METADATA_TOPIC and around.catalogue is not None:
            topic = topics.get(partition[0])
            if topic is None:
                report.note(path, "there is no topic of this name: the metadata log does not know it")
            elif partition[1] >= topic.partitions:
                report.note(path, f"topic {topic.name} has {topic.partitions} partitions only")
        found.append(path)
    names = {path.rpartition("/")[2] for path in found}
    for name, number in around.recovery_points or {}:
        if f"{name}-{number}" not in names and name in topics and number < topics[name].partitions:
            report.damage(f"{around.path}/{name}-{number}", f"is missing, but {RECOVERY_POINTS} names it")
    return found


def _check_checkpoint(files: ReadableFiles, around: Surroundings, report: Report, name: str) -> None:
    path = f"{around.path}/{name}"
    content = read_if_there(files, path)
    if content is None:
        return
    report.files += 1
    # No other file says up to where records were deleted.
    tell = report.damage if name == LOG_START_OFFSETS else report.cache
    try:
        offsets = decode_offsets(content)
    except ValueError as error:
        tell(path, f"cannot be read: {error}")
        return
    if not content:  # Kafka makes the file at its start
        if around.is_clean and name in (LOG_START_OFFSETS, RECOVERY_POINTS):
            tell(path, "is empty, but the broker was stopped in order and has then written it")
    elif encode_offsets(offsets) != content:
        tell(path, "is not in the format that a broker writes")
    topics = None if around.catalogue is None else around.catalogue.topics
    for line, ((topic, number), offset) in enumerate(offsets.items(), start=3):
        if offset < 0:
            tell(path, f"offset {offset} cannot be", line=line)
        if topic == METADATA_TOPIC or topics is None:
            continue
        if topic not in topics or number not in range(topics[topic].partitions):
            tell(path, f"there is no partition {topic}-{number}", line=line)
        elif name == _HIGH_WATERMARKS and around.is_clean:
            _check_high_watermark(around, report, path, line, (topic, number), offset)


def _check_high_watermark(
    around: Surroundings, report: Report, path: str, line: int, partition: TopicPartition, offset: int
) -> None:
    # With one replica, which is what a single broker has, everything on disk is committed.
    end = (around.recovery_points or {}).get(partition)
    if end is not None and offset > end:
        report.cache(path, f"{partition[0]}-{partition[1]} was readable to {offset}, but ends at {end}", line=line)


def _check_properties(report: Report, path: str, content: bytes) -> None:
    report.files += 1
    try:
        properties = decode_properties(content)
    except ValueError as error:
        report.damage(path, f"cannot be read: {error}")
        return
    for number, line in enumerate(content.splitlines()):
        if line.startswith((b"#", b"!")) and not (line == b"#" or line.startswith(CHECKSUM_COMMENT) or _is_date(line)):
            report.note(path, "a comment that neither Kafka nor kafkalite writes", line=number + 1)
    for missing in sorted(_PROPERTIES - properties.keys()):
        report.damage(path, f"has no {missing}")
    for unknown in sorted(properties.keys() - _PROPERTIES):
        report.damage(path, f"has {unknown!r}, which no broker writes")
    if properties.get("version", _META_VERSION) != _META_VERSION:
        report.damage(path, f"version {properties['version']} is unknown")
    if not properties.get("node.id", "0").isdecimal():
        report.damage(path, f"node.id {properties['node.id']!r} is no number")
    if not 0 < len(properties.get("cluster.id", "x")) <= _LONGEST_CLUSTER_ID:
        report.damage(path, "cluster.id is no cluster's")
    try:
        parse_uuid(properties.get("directory.id", "A" * 22))
    except ValueError as error:
        report.damage(path, f"directory.id: {error}")


def _is_date(line: bytes) -> bool:
    """Return whether this is the comment in which Java says when it wrote the file."""
    return re.fullmatch(rb"#[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [\w:+-]+ \d{4}", line) is not None


def _check_marker(report: Report, path: str, content: bytes | None) -> None:
    if content is None:
        return
    report.files += 1
    try:
        marker: Any = json.loads(content)
        is_kafkas = marker["brokerEpoch"] >= -1 and encode_clean_shutdown(marker["brokerEpoch"]) == content
    except (ValueError, TypeError, KeyError):
        is_kafkas = False
    if not is_kafkas:
        report.cache(path, "is not in the format that a broker writes, but only its presence counts")

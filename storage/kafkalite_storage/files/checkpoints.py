"""Kafka's small text files: offset checkpoints, leader epochs, partition metadata and `meta.properties`.

Each is replaced as a whole, so a reader sees the old or the new content. Readers raise ValueError for content
that no broker writes.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from kafkalite_wire.batch import crc32c
from kafkalite_wire.schema import format_uuid, parse_uuid

TopicPartition = tuple[str, int]

RECOVERY_POINTS: Final = "recovery-point-offset-checkpoint"
LOG_START_OFFSETS: Final = "log-start-offset-checkpoint"
CLEANER_OFFSETS: Final = "cleaner-offset-checkpoint"
LEADER_EPOCHS: Final = "leader-epoch-checkpoint"
PARTITION_METADATA: Final = "partition.metadata"
META_PROPERTIES: Final = "meta.properties"
CLEAN_SHUTDOWN: Final = ".kafka_cleanshutdown"
LOCK: Final = ".lock"

#: In front of a checksum in hexadecimal, CRC-32C of all that follows its line.
CHECKSUM_COMMENT: Final = b"#crc32c="

_VERSION: Final = "0"


class UnknownVersion(ValueError):  # noqa: N818  # a finding about a file, not a mistake
    """A file whose version is not known here: a newer release wrote it."""

    def __init__(self, version: str) -> None:
        super().__init__(f"version {version} is unknown; known is {_VERSION}")


def encode_offsets(offsets: Mapping[TopicPartition, int]) -> bytes:
    """Write an offset for each partition."""
    return _checkpoint(f"{topic} {partition} {offset}" for (topic, partition), offset in offsets.items())


def decode_offsets(content: bytes) -> dict[TopicPartition, int]:
    """Read an offset for each partition."""
    offsets: dict[TopicPartition, int] = {}
    for line in _lines(content):
        topic, partition, offset = line.split(" ")
        offsets[topic, int(partition)] = int(offset)
    return offsets


def encode_epochs(epochs: Iterable[tuple[int, int]]) -> bytes:
    """Write pairs of leader epoch and the offset it starts at."""
    return _checkpoint(f"{epoch} {offset}" for epoch, offset in epochs)


def decode_epochs(content: bytes) -> list[tuple[int, int]]:
    """Read pairs of leader epoch and start offset."""
    return [(int(epoch), int(offset)) for epoch, offset in (line.split(" ") for line in _lines(content))]


def _checkpoint(lines: Iterable[str]) -> bytes:
    entries = list(lines)
    return "".join(f"{line}\n" for line in (_VERSION, str(len(entries)), *entries)).encode()


def _lines(content: bytes) -> list[str]:
    if not content:  # Kafka makes the file before it has anything to write, and reads it as no entries
        return []
    if not content.endswith(b"\n"):  # a last line that is cut off may still be a number
        raise ValueError("the checkpoint is cut off")
    version, count, *entries = content.decode().splitlines()
    if version != _VERSION:
        if version.isdecimal():
            raise UnknownVersion(version)
        raise ValueError(f"{version!r} is no version of a checkpoint")
    if int(count) != len(entries):
        raise ValueError(f"the checkpoint has {len(entries)} entries and promises {count}")
    return entries


def encode_partition_metadata(topic_id: bytes) -> bytes:
    """Write the id of the topic that a partition directory belongs to."""
    return f"version: {_VERSION}\ntopic_id: {format_uuid(topic_id)}".encode()


def decode_partition_metadata(content: bytes) -> bytes:
    """Read the topic id of a partition directory."""
    fields = dict(line.split(": ", 1) for line in content.decode().splitlines() if line)
    if "topic_id" not in fields:
        raise ValueError("partition.metadata has no topic_id")
    return parse_uuid(fields["topic_id"])


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """Write a Java properties file; keys and values must need no escapes.

    A comment, which Kafka reads over and leaves out when it rewrites the file, holds the checksum of the lines
    below it: nothing else could tell a damaged id from another one.
    """
    lines = "".join(f"{key}={value}\n" for key, value in properties.items()).encode()
    return b"#\n%s%08x\n%s" % (CHECKSUM_COMMENT, crc32c(lines), lines)


def decode_properties(content: bytes) -> dict[str, str]:
    """Read a Java properties file of plain `key=value` lines; raises ValueError where its checksum is another."""
    _, comment, rest = content.partition(b"\n" + CHECKSUM_COMMENT)
    checksum, _, checked = rest.partition(b"\n")
    if comment and checksum != b"%08x" % crc32c(checked):
        raise ValueError(
            f"its lines do not have the checksum {checksum.decode(errors='replace')} that stands above them"
        )
    lines = (line.strip() for line in content.decode().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {key.strip(): value.strip() for key, _, value in pairs}


def encode_clean_shutdown(broker_epoch: int) -> bytes:
    """Write the marker that says that the logs were closed in order."""
    return json.dumps({"version": 0, "brokerEpoch": broker_epoch}, separators=(",", ":")).encode()

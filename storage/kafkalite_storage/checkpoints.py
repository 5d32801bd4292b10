"""Kafka's small text files: offset checkpoints, leader epochs, partition metadata and `meta.properties`.

Each is replaced as a whole, so a reader sees the old or the new content. Readers raise ValueError for content
that nobody could have written.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Final

TopicPartition = tuple[str, int]

RECOVERY_POINTS: Final = "recovery-point-offset-checkpoint"
LOG_START_OFFSETS: Final = "log-start-offset-checkpoint"
CLEANER_OFFSETS: Final = "cleaner-offset-checkpoint"
LEADER_EPOCHS: Final = "leader-epoch-checkpoint"
PARTITION_METADATA: Final = "partition.metadata"
META_PROPERTIES: Final = "meta.properties"
CLEAN_SHUTDOWN: Final = ".kafka_cleanshutdown"
LOCK: Final = ".lock"

_VERSION: Final = "0"


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
    version, count, *entries = content.decode().splitlines()
    if version != _VERSION:
        raise ValueError(f"version {version} of the checkpoint is unknown")
    if int(count) != len(entries):
        raise ValueError(f"the checkpoint has {len(entries)} entries and promises {count}")
    return entries


def format_topic_id(topic_id: bytes) -> str:
    """Write an id of 16 bytes as Kafka prints it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(topic_id).decode().rstrip("=")


def parse_topic_id(text: str) -> bytes:
    """Read an id that Kafka printed."""
    topic_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(topic_id) != 16:  # the size of a UUID
        raise ValueError(f"{text!r} is not the base64 of 16 bytes")
    return topic_id


def encode_partition_metadata(topic_id: bytes) -> bytes:
    """Write the id of the topic that a partition directory belongs to."""
    return f"version: {_VERSION}\ntopic_id: {format_topic_id(topic_id)}".encode()


def decode_partition_metadata(content: bytes) -> bytes:
    """Read the topic id of a partition directory."""
    fields = dict(line.split(": ", 1) for line in content.decode().splitlines() if line)
    if "topic_id" not in fields:
        raise ValueError("partition.metadata has no topic_id")
    return parse_topic_id(fields["topic_id"])


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """Write a Java properties file; keys and values must need no escapes."""
    return ("#\n" + "".join(f"{key}={value}\n" for key, value in properties.items())).encode()


def decode_properties(content: bytes) -> dict[str, str]:
    """Read a Java properties file of plain `key=value` lines."""
    lines = (line.strip() for line in content.decode().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {key.strip(): value.strip() for key, _, value in pairs}


def encode_clean_shutdown(broker_epoch: int) -> bytes:
    """Write the marker that says that the logs were closed in order."""
    return json.dumps({"version": 0, "brokerEpoch": broker_epoch}, separators=(",", ":")).encode()

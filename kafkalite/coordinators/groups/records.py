"""Groups and offsets as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.offset_table import NO_EXPIRY, CommittedOffset
from kafkalite_wire.messages.coordinator_records import (
    OFFSET_COMMIT_VALUE_VERSION,
    Key,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
    Value,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.results import ResultBuilder

NO_TIMESTAMP: Final = -1

_EXPIRING_VERSION: Final = 1
"""The only version that can hold an expiry of its own."""


def write_offset(group_id: str, topic: str, partition: int, committed: CommittedOffset, result: ResultBuilder) -> None:
    """Keep a committed offset."""
    value = OffsetCommitValue(
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.commit_timestamp,
        expire_timestamp=committed.expire_timestamp,
        topic_id=committed.topic_id,
    )
    version = OFFSET_COMMIT_VALUE_VERSION if committed.expire_timestamp == NO_EXPIRY else _EXPIRING_VERSION
    result.record(group_id, _offset_key(group_id, topic, partition), encode_value(value, version))


def write_deleted_offset(group_id: str, topic: str, partition: int, result: ResultBuilder) -> None:
    """Keep that an offset is no more."""
    result.record(group_id, _offset_key(group_id, topic, partition), None)


def live(records: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[Key, Value | None]]:
    """Decode the last record of each key, in the order of the log; keys of unknown types are left out.

    Raises WireError.
    """
    last: dict[bytes, bytes | None] = {}
    for raw_key, raw_value in records:
        last.pop(raw_key, None)
        last[raw_key] = raw_value
    for raw_key, raw_value in last.items():
        key = decode_key(raw_key)
        if key is not None:
            yield key, None if raw_value is None else decode_value(key, raw_value)


def committed_offset(value: OffsetCommitValue | LegacyOffsetCommitValue) -> CommittedOffset:
    """Read a committed offset from its record."""
    if isinstance(value, LegacyOffsetCommitValue):
        return CommittedOffset(offset=value.offset, metadata=value.metadata, commit_timestamp=value.commit_timestamp)
    return CommittedOffset(
        offset=value.offset,
        leader_epoch=value.leader_epoch,
        metadata=value.metadata,
        commit_timestamp=value.commit_timestamp,
        expire_timestamp=value.expire_timestamp,
        topic_id=value.topic_id,
    )


def _offset_key(group_id: str, topic: str, partition: int) -> bytes:
    return encode_key(OffsetCommitKey(group=group_id, topic=topic, partition=partition))

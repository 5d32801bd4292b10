"""Groups and offsets as records of ``__consumer_offsets``, in Kafka's schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kafkalite.coordinators.groups.offset_table import NO_EXPIRY, CommittedOffset
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.coordinator_records import (
    OFFSET_COMMIT_VALUE_VERSION,
    GroupMetadataKey,
    Key,
    LegacyOffsetCommitKey,
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
    from kafkalite.requests.steps import Steps, WorkMeter

NO_TIMESTAMP: Final = -1

Skip = Callable[[ReplayedRecord, str], None]
"""Called with a record that is not taken over, and the reason."""

_REPLACED_PER_UNIT: Final = 10
_WORK_OF_DECODING: Final = 2
_EXPIRING_VERSION: Final = 1
"""The only version that can hold an expiry of its own."""


def write_offset(group_id: str, topic: str, partition: int, committed: CommittedOffset, result: ResultBuilder) -> None:
    """Record a committed offset."""
    value = OffsetCommitValue(
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.commit_timestamp,
        expire_timestamp=committed.expire_timestamp,
        topic_id=committed.topic_id,
    )
    version = OFFSET_COMMIT_VALUE_VERSION if committed.expire_timestamp == NO_EXPIRY else _EXPIRING_VERSION
    result.record(group_id, offset_key(group_id, topic, partition), encode_value(value, version))


def write_deleted_offset(group_id: str, topic: str, partition: int, result: ResultBuilder) -> None:
    """Record the deletion of an offset."""
    result.record(group_id, offset_key(group_id, topic, partition), None)


class LiveRecord(NamedTuple):
    """A record with its decoded key and value."""

    key: Key
    value: Value | None
    record: ReplayedRecord


@dataclass(slots=True)
class LiveRecords:
    """What counts of the records of a partition, each in the order of the log."""

    last: list[LiveRecord] = field(default_factory=list["LiveRecord"])
    """The last record of each key."""
    pending: list[tuple[int, OffsetCommitKey, CommittedOffset | None]] = field(
        default_factory=list[tuple[int, OffsetCommitKey, "CommittedOffset | None"]]
    )
    """Producer id, key and offset of what open transactions commit; None where a later commit has replaced it."""


def live(records: Iterable[ReplayedRecord], skip: Skip, meter: WorkMeter) -> Steps[LiveRecords]:
    """Decode the records that count, in steps.

    Records of a transaction count from its commit marker on, and not at all if it was aborted. They do not replace
    records that come later in the log, and counted before. A tombstone also removes what transactions commit.
    Records that cannot be decoded, and those of unknown types, are passed to ``skip``.
    """
    last: dict[bytes, ReplayedRecord] = {}
    transactions: dict[int, dict[bytes, ReplayedRecord | None]] = {}
    for number, record in enumerate(records):
        if number % _REPLACED_PER_UNIT == 0 and meter.add():
            yield
        if record.is_control:
            finished = transactions.pop(record.producer_id, {})
            for each in finished.values() if record.is_commit else ():
                if each is not None:
                    last.pop(each.key, None)
                    last[each.key] = each
                    _supersede(transactions, each)
        elif record.producer_id >= 0:
            transactions.setdefault(record.producer_id, {})[record.key] = record
        else:
            last.pop(record.key, None)
            last[record.key] = record
            for offsets in transactions.values():
                if record.key not in offsets:
                    continue
                if record.value is None:
                    del offsets[record.key]
                else:
                    offsets[record.key] = None
    found = LiveRecords()
    for live_record in _decoded(last.values(), skip):
        if meter.add(_WORK_OF_DECODING):
            yield
        found.last.append(live_record)
    for producer_id, offsets in transactions.items():
        for raw_key, pending in offsets.items():
            key = decode_key(raw_key) if pending is None else None
            if isinstance(key, OffsetCommitKey):
                found.pending.append((producer_id, key, None))
    open_offsets = [
        (producer_id, record) for producer_id, offsets in transactions.items() for record in offsets.values() if record
    ]
    for producer_id, record in sorted(open_offsets, key=lambda each: each[1].offset):
        if meter.add(_WORK_OF_DECODING):
            yield
        for key, value, _ in _decoded((record,), skip):
            if isinstance(key, OffsetCommitKey) and isinstance(value, OffsetCommitValue | LegacyOffsetCommitValue):
                found.pending.append((producer_id, key, committed_offset(value)))
    return found


def _supersede(transactions: dict[int, dict[bytes, ReplayedRecord | None]], committed: ReplayedRecord) -> None:
    for offsets in transactions.values():
        pending = offsets.get(committed.key)
        if pending is not None and pending.offset < committed.offset:
            offsets[committed.key] = None


def _decoded(records: Iterable[ReplayedRecord], skip: Skip) -> Iterator[LiveRecord]:
    for record in records:
        try:
            key = decode_key(record.key)
            value = None if key is None or record.value is None else decode_value(key, record.value)
        except WireError as error:
            skip(record, f"it cannot be decoded ({error})")
            continue
        if key is None:
            skip(record, f"its type {int.from_bytes(record.key[:2])} is unknown")
        else:
            yield LiveRecord(key, value, record)


def committed_offset(value: OffsetCommitValue | LegacyOffsetCommitValue) -> CommittedOffset:
    """Return the committed offset that a record holds."""
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


def group_of(key: Key) -> str:
    """Return the id of the group that a record is about."""
    return key.group if isinstance(key, LegacyOffsetCommitKey | OffsetCommitKey | GroupMetadataKey) else key.group_id


def offset_key(group_id: str, topic: str, partition: int) -> bytes:
    """Return the key of the records about an offset."""
    return encode_key(OffsetCommitKey(group=group_id, topic=topic, partition=partition))

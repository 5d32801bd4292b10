"""Groups that an earlier release has kept in another partition than Kafka does, which are moved when they are loaded.

kafkalite once took the lower 31 bits of a group id's hash, and Kafka takes its absolute value. So half of the
groups were where Kafka does not look for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kafkalite.coordinators.groups.registry import partition_for
from kafkalite.coordinators.java_strings import string_hash
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.coordinator_records import decode_key


class MisplacedRecord(NamedTuple):
    """The last record of a key, in the former partition of its group."""

    group_id: str
    partition: int
    record: ReplayedRecord


def misplaced(records: Iterable[ReplayedRecord], number: int, partitions: int) -> list[MisplacedRecord]:
    """Return the records of a partition whose groups belong to another one now, out of so many."""
    last = {record.key: record for record in records if not record.is_control and record.producer_id < 0}
    found: list[MisplacedRecord] = []
    for record in last.values():
        group_id = _group_of(record)
        if (
            group_id is not None
            and record.value is not None
            and partition_for(group_id, partitions) != number
            and former_partition(group_id, partitions) == number
        ):
            found.append(MisplacedRecord(group_id, number, record))
    return found


def former_partition(group_id: str, partitions: int) -> int:
    """Return the partition in which a group was once kept."""
    return (string_hash(group_id) & 0x7FFFFFFF) % partitions


def _group_of(record: ReplayedRecord) -> str | None:
    try:
        key = decode_key(record.key)
    except WireError:
        return None
    return None if key is None else key.group

"""Groups that an earlier release has kept in another partition than Kafka does, which are moved when they are loaded.

kafkalite once took the lower 31 bits of a group id's hash, and Kafka takes its absolute value. So half of the
groups were where Kafka does not look for them.
"""

from __future__ import annotations

from typing import NamedTuple

from kafkalite.coordinators.groups.registry import partition_for
from kafkalite.coordinators.java_strings import string_hash
from kafkalite.coordinators.replay import ReplayedRecord


class MisplacedRecord(NamedTuple):
    """The last record of a key, in the former partition of its group."""

    group_id: str
    partition: int
    record: ReplayedRecord


def is_misplaced(group_id: str, number: int, partitions: int) -> bool:
    """Return whether a partition is the former one of a group that belongs to another now, out of so many."""
    return partition_for(group_id, partitions) != number and former_partition(group_id, partitions) == number


def former_partition(group_id: str, partitions: int) -> int:
    """Return the partition in which a group was once kept."""
    return (string_hash(group_id) & 0x7FFFFFFF) % partitions

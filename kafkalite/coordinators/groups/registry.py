"""The groups that exist, of all kinds, and what the coordinator needs of each of them.

Committed offsets, ListGroups, DescribeGroups and DeleteGroups use :class:`CoordinatedGroup` only. A kind of groups
(classic, consumer, share, streams) implements it and has its own rules for its members.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kafkalite.coordinators.java_strings import coordinator_partition

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite_wire.error_codes import ErrorCode
    from kafkalite_wire.messages.describe_groups import DescribedGroup
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """Kafka's properties of the same names; times are seconds. The initial delay is 0 here, and 3 s in Kafka."""

    group_min_session_timeout: float = 6.0
    group_max_session_timeout: float = 1800.0
    group_initial_rebalance_delay: float = 0.0
    group_max_size: int = 2**31 - 1
    offset_metadata_max_bytes: int = 4096
    offsets_retention: float = 10080 * 60.0
    offsets_retention_check_interval: float = 600.0


class CoordinatedGroup(Protocol):
    """A group of any kind."""

    @property
    def group_id(self) -> str:
        """Its id."""
        ...

    @property
    def group_type(self) -> str:
        """Its type in lower case, as ListGroups filters by it and prints it."""
        ...

    @property
    def state_name(self) -> str:
        """Its state as Kafka prints it."""
        ...

    @property
    def protocol_type(self) -> str | None:
        """Its protocol type; None if it never had members."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether it has no members."""
        ...

    def describe(self) -> DescribedGroup | None:
        """Describe the group for DescribeGroups; None if that is not for groups of this kind."""
        ...

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Check whether the sender of a commit may commit; no version is a commit in a transaction (TxnOffsetCommit).

        The topics are those that exist, each with its id.
        """
        ...

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        """Count a valid commit as a sign of life of its member."""
        ...

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Check whether the sender of an OffsetFetch may see the offsets."""
        ...

    def validate_offset_delete(self) -> ErrorCode:
        """Check whether offsets may be deleted while the group is in its state."""
        ...

    def validate_delete(self) -> ErrorCode:
        """Check whether the group may be deleted."""
        ...

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether a member may be reading a topic."""
        ...

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts, in record time; None if offsets do not expire now."""
        ...

    def close(self, result: ResultBuilder) -> None:
        """Cancel the timers of a group that is removed."""
        ...

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        ...


class Groups:
    """All groups by group id, and which groups are not available."""

    def __init__(self) -> None:
        self._groups: dict[str, CoordinatedGroup] = {}
        self._failed: frozenset[int] = frozenset()
        self._partitions = 1

    def get(self, group_id: str) -> CoordinatedGroup | None:
        """Return a group, or None if it does not exist."""
        return self._groups.get(group_id)

    def add(self, group: CoordinatedGroup) -> None:
        """Add a group, in place of one with the same id."""
        self._groups[group.group_id] = group

    def delete(self, group: CoordinatedGroup, result: ResultBuilder) -> None:
        """Remove a group without members, and record its deletion."""
        self.discard(group.group_id, result)
        group.write_tombstones(result)

    def discard(self, group_id: str, result: ResultBuilder) -> None:
        """Remove a group if it exists, without a record."""
        group = self._groups.pop(group_id, None)
        if group is not None:
            group.close(result)

    def fail_partitions(self, failed: Collection[int], partitions: int) -> None:
        """Note which partitions of the topic could not be loaded, out of so many."""
        self._failed = frozenset(failed)
        self._partitions = partitions

    def is_failed(self, group_id: str) -> bool:
        """Return whether a group belongs to a partition that could not be loaded."""
        return bool(self._failed) and partition_for(group_id, self._partitions) in self._failed

    def __iter__(self) -> Iterator[CoordinatedGroup]:
        return iter(tuple(self._groups.values()))

    def __len__(self) -> int:
        return len(self._groups)


def partition_for(group_id: str, partitions: int) -> int:
    """Return the partition of ``__consumer_offsets`` that a group belongs to."""
    return coordinator_partition(group_id, partitions)

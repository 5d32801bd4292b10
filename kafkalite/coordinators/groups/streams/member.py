"""A member of a streams group: one thread of an application, the tasks that it has and those that it is to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite_wire.messages.streams_group_records import Endpoint

Partitions = Mapping[str, frozenset[int]]
"""Tasks: the partitions by subtopology id."""

PartitionEpochs = Mapping[str, Mapping[int, int]]
"""Tasks by subtopology id and partition, each with the member epoch at which it was assigned."""


class MemberState(IntEnum):
    """Where a member is on the way to its target, by the numbers of Kafka's records."""

    STABLE = 1
    UNREVOKED_TASKS = 2
    UNRELEASED_TASKS = 3
    UNKNOWN = 127

    @classmethod
    def _missing_(cls, value: object) -> MemberState:
        del value
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTasks:
    """The tasks that a member is to have."""

    active: Partitions = field(default_factory=dict[str, frozenset[int]])
    standby: Partitions = field(default_factory=dict[str, frozenset[int]])
    warmup: Partitions = field(default_factory=dict[str, frozenset[int]])


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedTasks:
    """The tasks that a member has, or is giving up."""

    active: PartitionEpochs = field(default_factory=dict[str, Mapping[int, int]])
    standby: Partitions = field(default_factory=dict[str, frozenset[int]])
    warmup: Partitions = field(default_factory=dict[str, frozenset[int]])


NO_TASKS: Final = AssignedTasks()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsMember:
    """A member; it is not changed but replaced. Members with the same ``process_id`` share their state stores."""

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout_ms: int = -1
    topology_epoch: int = -1
    process_id: str = ""
    user_endpoint: Endpoint | None = None
    client_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    member_epoch: int = 0
    previous_member_epoch: int = 0
    state: MemberState = MemberState.STABLE
    assigned: AssignedTasks = NO_TASKS
    pending_revocation: AssignedTasks = NO_TASKS

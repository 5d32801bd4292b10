"""What members of streams groups report: the tasks that they have, and how far their state is restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.streams.member import AssignedTasks
    from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest, TaskOffset

TaskOffsets = Mapping[str, Mapping[int, int]]
"""Sums of changelog offsets by subtopology id and partition."""


class TaskIds(Protocol):
    """Tasks of one subtopology, as heartbeats hold them."""

    @property
    def subtopology_id(self) -> str:
        """The subtopology's id."""
        ...

    @property
    def partitions(self) -> tuple[int, ...]:
        """The partitions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTasks:
    """The tasks that a member reports to have."""

    active: tuple[TaskIds, ...] = ()
    standby: tuple[TaskIds, ...] = ()
    warmup: tuple[TaskIds, ...] = ()

    @classmethod
    def reported(cls, request: StreamsGroupHeartbeatRequest) -> OwnedTasks | None:
        """Return what a heartbeat reports; None if it reports nothing."""
        if request.active_tasks is None or request.standby_tasks is None or request.warmup_tasks is None:
            return None
        return cls(active=request.active_tasks, standby=request.standby_tasks, warmup=request.warmup_tasks)

    def has_any_of(self, tasks: AssignedTasks) -> bool:
        """Return whether some of these are among other tasks, in the same role."""
        return any(
            partition in held.get(each.subtopology_id, ())
            for owned, held in self._by_role(tasks)
            for each in owned
            for partition in each.partitions
        )

    def are_within(self, tasks: AssignedTasks) -> bool:
        """Return whether all of these are among other tasks; as in Kafka, a subtopology without tasks counts."""
        return all(
            each.subtopology_id in held and set(held[each.subtopology_id]).issuperset(each.partitions)
            for owned, held in self._by_role(tasks)
            for each in owned
        )

    def _by_role(
        self, tasks: AssignedTasks
    ) -> tuple[tuple[tuple[TaskIds, ...], Mapping[str, Mapping[int, int] | frozenset[int]]], ...]:
        return (self.active, tasks.active), (self.standby, tasks.standby), (self.warmup, tasks.warmup)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedOffsets:
    """What a member reports now and then: how far the changelogs of its tasks are restored, and where they end."""

    current: TaskOffsets = field(default_factory=dict[str, Mapping[int, int]])
    end: TaskOffsets = field(default_factory=dict[str, Mapping[int, int]])

    def updated(self, current: Iterable[TaskOffset] | None, end: Iterable[TaskOffset] | None) -> ReportedOffsets:
        """Return the offsets with those of a heartbeat in their place, where it reports any."""
        return ReportedOffsets(
            current=self.current if current is None else _by_task(current),
            end=self.end if end is None else _by_task(end),
        )


def _by_task(offsets: Iterable[TaskOffset]) -> TaskOffsets:
    found: dict[str, dict[int, int]] = {}
    for each in offsets:
        found.setdefault(each.subtopology_id, {})[each.partition] = each.offset
    return found

"""Reconciliation: one step of a member towards its target assignment (KIP-1071).

A member first gives back what it is not to have any more: it keeps its epoch until it no longer reports these tasks.
Then it gets, at the epoch of the target, what is free. A task has one active owner at every moment, and a process,
whose members share their state stores, has a task at most once. A member that has a task in one role and is to have it
in another keeps it: it becomes a standby or a warm-up task at once, and an active one when its former owner has given
it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.member import (
    NO_TASKS,
    AssignedTasks,
    MemberState,
    PartitionEpochs,
    Partitions,
    StreamsMember,
    TargetTasks,
)
from kafkalite.coordinators.groups.streams.owned import OwnedTasks
from kafkalite_wire.error_codes import ErrorCode


class TaskProcesses(Protocol):
    """The processes whose members have tasks, or are still to give them back."""

    def active_process(self, subtopology_id: str, partition: int) -> str | None:
        """Return the process that has an active task."""
        ...

    def has_standby(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        """Return whether a process has a standby task."""
        ...

    def has_warmup(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        """Return whether a process has a warm-up task."""
        ...


def reconcile(
    member: StreamsMember, target_epoch: int, target: TargetTasks, processes: TaskProcesses, owned: OwnedTasks | None
) -> StreamsMember:
    """Return the member after the next step, or the member itself if it cannot go on.

    ``owned`` is what the member reports to have; None if it reports nothing. Raises MemberRefusedError.
    """
    epoch = member.member_epoch
    match member.state:
        case MemberState.STABLE if epoch == target_epoch:
            return member
        case MemberState.UNREVOKED_TASKS:
            if _still_owns(member.pending_revocation, owned):
                return member
            epoch += 1
        case MemberState.UNKNOWN:
            if owned is None or owned.active or owned.standby or owned.warmup:
                raise MemberRefusedError(
                    ErrorCode.FENCED_MEMBER_EPOCH,
                    "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.",
                )
            epoch = target_epoch
        case _:
            pass
    return _next(member, epoch, target_epoch, target, _Taken(member, processes), owned)


def _next(
    member: StreamsMember, epoch: int, target_epoch: int, target: TargetTasks, taken: _Taken, owned: OwnedTasks | None
) -> StreamsMember:
    has = member.assigned
    has_active = {subtopology: frozenset(epochs) for subtopology, epochs in has.active.items()}
    active = _difference(has_active, target.active, taken.active)
    standby = _difference(has.standby, target.standby, taken.standby)
    warmup = _difference(has.warmup, target.warmup, taken.warmup)
    standby.take_over(has_active)
    for task in warmup.take_over(has.standby):
        standby.lost.discard(task)
    for task in standby.take_over(has.warmup):
        warmup.lost.discard(task)
    promoted = _tasks(target.active)
    standby.lost -= promoted
    warmup.lost -= promoted
    revoked = _assigned(active.lost, standby.lost, warmup.lost, has.active, target_epoch)
    has_to_revoke = revoked != NO_TASKS and _still_owns(revoked, owned)
    waiting = promoted if has_to_revoke else promoted - active.granted
    standby.kept |= _tasks(has.standby) & waiting
    warmup.kept |= _tasks(has.warmup) & waiting
    if has_to_revoke:
        kept = _assigned(active.kept, standby.kept, warmup.kept, has.active, target_epoch)
        return _at(member, epoch, MemberState.UNREVOKED_TASKS, kept, revoked)
    assigned = _assigned(
        active.kept | active.granted,
        standby.kept | standby.granted,
        warmup.kept | warmup.granted,
        has.active,
        target_epoch,
    )
    has_unreleased = active.has_unreleased or standby.has_unreleased or warmup.has_unreleased
    state = MemberState.UNRELEASED_TASKS if has_unreleased else MemberState.STABLE
    return _at(member, target_epoch, state, assigned, NO_TASKS)


_Task = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Taken:
    """Which tasks a member cannot have yet, because others have them."""

    member: StreamsMember
    processes: TaskProcesses

    def active(self, task: _Task) -> bool:
        is_active = self.processes.active_process(*task) is not None
        return is_active or self._is_standby_of_another(task) or self._is_warmup_of_another(task)

    def standby(self, task: _Task) -> bool:
        own = self.member.process_id
        is_active = self.processes.active_process(*task) == own and not _has(self.member.assigned.active, task)
        return is_active or self.processes.has_standby(own, *task) or self._is_warmup_of_another(task)

    def warmup(self, task: _Task) -> bool:
        own = self.member.process_id
        is_active = self.processes.active_process(*task) == own
        return is_active or self._is_standby_of_another(task) or self.processes.has_warmup(own, *task)

    def _is_standby_of_another(self, task: _Task) -> bool:
        is_here = self.processes.has_standby(self.member.process_id, *task)
        return is_here and not _has(self.member.assigned.standby, task)

    def _is_warmup_of_another(self, task: _Task) -> bool:
        is_here = self.processes.has_warmup(self.member.process_id, *task)
        return is_here and not _has(self.member.assigned.warmup, task)


@dataclass(slots=True, kw_only=True)
class _Difference:
    """What a member keeps of its tasks in one role, what it loses, what it gets, and whether some are not free."""

    kept: set[_Task]
    lost: set[_Task]
    granted: set[_Task]
    has_unreleased: bool

    def take_over(self, others: Partitions) -> set[_Task]:
        """Keep, rather than get, those tasks that the member has in another role; return them."""
        taken_over = self.granted & _tasks(others)
        self.granted -= taken_over
        self.kept |= taken_over
        return taken_over


def _difference(has: Partitions, wanted: Partitions, is_taken: Callable[[_Task], bool]) -> _Difference:
    having, wanting = _tasks(has), _tasks(wanted)
    missing = wanting - having
    taken = {task for task in missing if is_taken(task)}
    return _Difference(
        kept=having & wanting, lost=having - wanting, granted=missing - taken, has_unreleased=bool(taken)
    )


def _tasks(tasks: Partitions) -> set[_Task]:
    return {(subtopology, partition) for subtopology, partitions in tasks.items() for partition in partitions}


def _has(tasks: Partitions | PartitionEpochs, task: _Task) -> bool:
    return task[1] in tasks.get(task[0], ())


def _assigned(
    active: set[_Task], standby: set[_Task], warmup: set[_Task], epochs: PartitionEpochs, new: int
) -> AssignedTasks:
    """Return tasks, where active ones keep the epochs at which they were assigned; others are assigned at a new one."""
    return AssignedTasks(
        active={
            subtopology: {partition: epochs.get(subtopology, {}).get(partition, new) for partition in partitions}
            for subtopology, partitions in _gathered(active)
        },
        standby={subtopology: frozenset(partitions) for subtopology, partitions in _gathered(standby)},
        warmup={subtopology: frozenset(partitions) for subtopology, partitions in _gathered(warmup)},
    )


def _gathered(tasks: set[_Task]) -> Iterator[tuple[str, list[int]]]:
    gathered: dict[str, list[int]] = {}
    for subtopology, partition in sorted(tasks):
        gathered.setdefault(subtopology, []).append(partition)
    yield from gathered.items()


def _still_owns(tasks: AssignedTasks, owned: OwnedTasks | None) -> bool:
    return owned is None or owned.has_any_of(tasks)


def _at(
    member: StreamsMember, epoch: int, state: MemberState, assigned: AssignedTasks, pending: AssignedTasks
) -> StreamsMember:
    return replace(
        member,
        member_epoch=epoch,
        previous_member_epoch=member.member_epoch,
        state=state,
        assigned=assigned,
        pending_revocation=pending,
    )

"""The task assignor ``sticky`` of streams groups (KIP-1071), as Kafka 4.4 computes it.

A pure function of the members, of what they have now, and of the subtopologies. It decides between equal choices by the
order of Java's hash maps and heaps, as Kafka does, so the same group gets the same tasks from both.

It assigns no warm-up tasks. In Kafka 4.4, the step after it that refines the target assignment returns it unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kafkalite.coordinators.java_queue import PriorityQueue
from kafkalite.coordinators.java_strings import hash_map_buckets, hash_map_order, utf16_order

ASSIGNOR: Final = "sticky"
"""Its name; there is no other."""

Partitions = Mapping[str, frozenset[int]]
"""Tasks: the partitions by subtopology id. Subtopologies without any are left out."""

_Task = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtopology:
    """A part of a topology, with one task for each input partition; only ``stateful`` ones have standby tasks."""

    tasks: int
    stateful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpec:
    """What an assignor knows of a member.

    ``active`` and ``standby`` are its current assignment, not its target, without tasks that it is revoking.
    ``task_offsets`` are what it reported of the state on its disk: the sum of changelog offsets by subtopology id and
    partition. The assignor does not read ``instance_id``, ``rack_id`` and ``client_tags``.
    """

    process_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    active: Partitions = field(default_factory=dict[str, frozenset[int]])
    standby: Partitions = field(default_factory=dict[str, frozenset[int]])
    task_offsets: Mapping[str, Mapping[int, int]] = field(default_factory=dict[str, Mapping[int, int]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The tasks of a member."""

    active: Partitions = field(default_factory=dict[str, frozenset[int]])
    standby: Partitions = field(default_factory=dict[str, frozenset[int]])


def assign(
    members: Mapping[str, MemberSpec], subtopologies: Mapping[str, Subtopology], *, standby_replicas: int
) -> dict[str, Tasks]:
    """Assign each task to one member as an active task, and to ``standby_replicas`` others if it is stateful.

    A process has a task at most once, so there are fewer standby tasks if there are too few processes. A member keeps
    its tasks and gets those whose state it has, up to an even share of all tasks. Every member is in the result.

    ``members`` are in the order in which Kafka's group walks over them (:func:`timeline_map_order`). This
    matters only if ids of members fall into the same bucket of a hash map.
    """
    if not members:
        return {}
    tasks = sorted(
        ((name, partition) for name, subtopology in subtopologies.items() for partition in range(subtopology.tasks)),
        key=_by_partition,
    )
    assignment = _Assignment(members, subtopologies, standby_replicas)
    assignment.assign_active(tasks)
    assignment.assign_standby((task for task in reversed(tasks) if subtopologies[task[0]].stateful), standby_replicas)
    return assignment.result()


class _Quota:
    """How many tasks a member may have: an even share, computed again for the rest whenever a member reaches it."""

    def __init__(self, tasks: int, members: int) -> None:
        self._tasks = tasks
        self._members = members
        self.share = -(-tasks // members)

    def count(self, tasks: int) -> None:
        """Record that a member has one more task, and ``tasks`` in all."""
        if tasks == self.share:
            self._tasks -= tasks
            self._members -= 1
            self.share = -(-self._tasks // self._members) if self._members else 0


class _Process:
    """The tasks of a process, and how many of them each of its members has."""

    def __init__(self, members: Iterable[str]) -> None:
        self.counts = dict.fromkeys(members, 0)
        self.tasks: set[_Task] = set()
        self._queue: PriorityQueue[str] | None = None

    @property
    def load(self) -> float:
        return len(self.tasks) / len(self.counts)

    def add(self, task: _Task, member_id: str) -> None:
        self._count(task, member_id)
        self._queue = None

    def add_to_least_loaded(self, task: _Task) -> str:
        """Add a task to the member with the fewest tasks; return the member."""
        if self._queue is None:
            self._queue = PriorityQueue()
            for member_id, count in self.counts.items():
                self._queue.push(count, member_id)
        member_id = self._queue.pop()
        self._count(task, member_id)
        self._queue.push(self.counts[member_id], member_id)
        return member_id

    def _count(self, task: _Task, member_id: str) -> None:
        self.tasks.add(task)
        self.counts[member_id] += 1


class _Assignment:
    """The tasks that are assigned so far, and the quotas that are left."""

    def __init__(
        self, members: Mapping[str, MemberSpec], subtopologies: Mapping[str, Subtopology], standby_replicas: int
    ) -> None:
        ordered = hash_map_order(members)
        self._processes = _processes(members, ordered)
        self._process_of = {member_id: process for process in self._processes for member_id in process.counts}
        active = sum(subtopology.tasks for subtopology in subtopologies.values())
        stateful = sum(subtopology.tasks for subtopology in subtopologies.values() if subtopology.stateful)
        self._active_quota = _Quota(active, len(members))
        self._quota = _Quota(active + stateful * standby_replicas, len(members))
        self._former_owners = {task: member_id for member_id in ordered for task in _listed(members[member_id].active)}
        self._state_holders = _state_holders(members, ordered)
        self._active: dict[str, list[_Task]] = {member_id: [] for member_id in members}
        self._standby: dict[str, list[_Task]] = {member_id: [] for member_id in members}

    def result(self) -> dict[str, Tasks]:
        return {
            member_id: Tasks(active=_gathered(active), standby=_gathered(self._standby[member_id]))
            for member_id, active in self._active.items()
        }

    def assign_active(self, tasks: Iterable[_Task]) -> None:
        """Assign tasks to their former owners, else to members with their state, else to the least loaded process."""
        released = [task for task in tasks if not self._try_active(task, self._former_owners.get(task))]
        unassigned = [task for task in released if not self._try_active(task, self._holder(task))]
        queue = self._queue_of_processes()
        for task in sorted(unassigned, key=_by_subtopology):
            process = queue.pop()
            self._count_active(task, process.add_to_least_loaded(task))
            queue.push(process.load, process)

    def assign_standby(self, tasks: Iterable[_Task], replicas: int) -> None:
        """Assign up to ``replicas`` standby tasks of each task, to the same members as :meth:`assign_active`."""
        unassigned: list[tuple[_Task, int]] = []
        for task in tasks:
            for missing in range(replicas, 0, -1):
                if self._try_standby(task, self._former_owners.get(task)):
                    continue
                if not self._try_standby(task, self._holder(task, without=task)):
                    unassigned.append((task, missing))
                    break
        queue = self._queue_of_processes()
        for task, missing in sorted(unassigned, key=lambda entry: _by_subtopology(entry[0]), reverse=True):
            for _ in range(missing):
                if not self._assign_standby_to_least_loaded(task, queue):
                    break

    def _try_active(self, task: _Task, member_id: str | None) -> bool:
        if member_id is None:
            return False
        process = self._process_of[member_id]
        if process.counts[member_id] >= self._active_quota.share:
            return False
        process.add(task, member_id)
        self._count_active(task, member_id)
        return True

    def _try_standby(self, task: _Task, member_id: str | None) -> bool:
        if member_id is None:
            return False
        process = self._process_of[member_id]
        if task in process.tasks or process.counts[member_id] >= self._quota.share:
            return False
        process.add(task, member_id)
        self._count_standby(task, member_id)
        return True

    def _assign_standby_to_least_loaded(self, task: _Task, queue: PriorityQueue[_Process]) -> bool:
        """Assign a standby task to the least loaded process that does not have the task, if there is one."""
        passed: list[_Process] = []
        given = False
        while queue and not given:
            process = queue.pop()
            passed.append(process)
            if task not in process.tasks:
                self._count_standby(task, process.add_to_least_loaded(task))
                given = True
        for process in reversed(passed):
            queue.push(process.load, process)
        return given

    def _count_active(self, task: _Task, member_id: str) -> None:
        count = self._process_of[member_id].counts[member_id]
        self._active[member_id].append(task)
        self._active_quota.count(count)
        self._quota.count(count)

    def _count_standby(self, task: _Task, member_id: str) -> None:
        self._standby[member_id].append(task)
        self._quota.count(self._process_of[member_id].counts[member_id])

    def _holder(self, task: _Task, *, without: _Task | None = None) -> str | None:
        """Return the preferred member among those with the state of a task, in a process ``without`` another task."""
        found: str | None = None
        least = (0.0, 0)
        for member_id in self._state_holders.get(task, ()):
            process = self._process_of[member_id]
            if without in process.tasks:
                continue
            # As in Kafka, a later one has to be less loaded itself as well as its process.
            load = (process.load, process.counts[member_id])
            if found is None or (load[0] < least[0] and load[1] < least[1]):
                found, least = member_id, load
        return found

    def _queue_of_processes(self) -> PriorityQueue[_Process]:
        queue = PriorityQueue[_Process]()
        for process in self._processes:
            queue.push(process.load, process)
        return queue


def _processes(members: Mapping[str, MemberSpec], ordered: list[str]) -> list[_Process]:
    """Return the processes in the order of Kafka's hash map, which is filled by ``HashMap.computeIfAbsent``.

    Unlike ``put``, that method grows the table before it adds anything, and adds at the front of a bucket.
    """
    members_of: dict[str, list[str]] = {}
    size = 0
    for member_id in ordered:
        size = len(members_of)
        members_of.setdefault(members[member_id].process_id, []).append(member_id)
    buckets = hash_map_buckets(size, capacity=len(members))
    return [
        _Process(hash_map_order(members_of[process_id]))
        for process_id in hash_map_order(reversed(members_of), buckets=buckets)
    ]


def _state_holders(members: Mapping[str, MemberSpec], ordered: list[str]) -> dict[_Task, list[str]]:
    """Return the members with the state of each task: those with a standby task, then others; highest offsets first."""
    found: dict[_Task, list[tuple[bool, int, str]]] = {}
    for member_id in ordered:
        member = members[member_id]
        offsets = {
            (subtopology, partition): offset
            for subtopology, reported in member.task_offsets.items()
            for partition, offset in reported.items()
        }
        standby = set(_listed(member.standby))
        for task in standby | offsets.keys():
            found.setdefault(task, []).append((task not in standby, -offsets.get(task, 0), member_id))
    return {
        task: [member_id for *_, member_id in sorted(holders, key=lambda holder: holder[:2])]
        for task, holders in found.items()
    }


def _listed(tasks: Partitions) -> list[_Task]:
    return [(subtopology, partition) for subtopology, partitions in tasks.items() for partition in partitions]


def _gathered(tasks: Iterable[_Task]) -> dict[str, frozenset[int]]:
    gathered: dict[str, set[int]] = {}
    for subtopology, partition in tasks:
        gathered.setdefault(subtopology, set()).add(partition)
    return {subtopology: frozenset(partitions) for subtopology, partitions in gathered.items()}


def _by_subtopology(task: _Task) -> tuple[bytes, int]:
    return utf16_order(task[0]), task[1]


def _by_partition(task: _Task) -> tuple[int, bytes]:
    return task[1], utf16_order(task[0])

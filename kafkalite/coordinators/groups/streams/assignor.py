"""The task assignor ``sticky`` of streams groups (KIP-1071), as Kafka 4.4 computes it.

A pure function of the members, of what they have been assigned so far, and of the subtopologies. Equal choices are
decided by the order of Java's hash maps and heaps, which this follows: the same group is assigned the same tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kafkalite.coordinators.java_queue import PriorityQueue
from kafkalite.coordinators.java_strings import hash_map_buckets, hash_map_order, utf16_order

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

    ``active`` and ``standby`` are the tasks that it has now. ``task_offsets`` are the sums of the offsets of the state
    that it reported to have on disk, by subtopology id and partition. ``sticky`` reads neither of ``instance_id``,
    ``rack_id`` and ``client_tags``.
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
    """Assign each task to a member as its active task, and to ``standby_replicas`` others if it is stateful.

    A process has a task once at most, so there are fewer standby tasks where there are fewer processes. Members keep
    their tasks, and take over active ones whose state they have, as long as they have no more than an even share.
    Every member is in the result.
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
        """Take note that a member has got one more task, and has so many now."""
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
    """An assignment in the making."""

    def __init__(
        self, members: Mapping[str, MemberSpec], subtopologies: Mapping[str, Subtopology], standby_replicas: int
    ) -> None:
        ordered = hash_map_order(members)
        self._processes = _processes(members, ordered)
        self._process_of = {
            member_id: process for process in self._processes for member_id in process.counts
        }
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
        """Assign tasks to their former owners, or else to holders of their state, or else where the load is least."""
        left: list[_Task] = []
        for task in tasks:
            if not self._give_active(task, self._former_owners.get(task)):
                left.append(task)
        homeless: list[_Task] = []
        for task in left:
            if not self._give_active(task, self._holder(task)):
                homeless.append(task)
        queue = self._queue_of_processes()
        for task in sorted(homeless, key=_by_subtopology):
            process = queue.pop()
            self._count_active(task, process.add_to_least_loaded(task))
            queue.push(process.load, process)

    def assign_standby(self, tasks: Iterable[_Task], replicas: int) -> None:
        """Assign so many standby tasks of each task, as :meth:`assign_active` does; some are left out for want of processes."""
        homeless: list[tuple[_Task, int]] = []
        for task in tasks:
            for missing in range(replicas, 0, -1):
                if not self._give_standby(task, self._former_owners.get(task)) and not self._give_standby(
                    task, self._holder(task, without=task)
                ):
                    homeless.append((task, missing))
                    break
        queue = self._queue_of_processes()
        for task, missing in sorted(homeless, key=lambda entry: _by_subtopology(entry[0]), reverse=True):
            for _ in range(missing):
                if not self._give_standby_to_least_loaded(task, queue):
                    break

    def _give_active(self, task: _Task, member_id: str | None) -> bool:
        if member_id is None:
            return False
        process = self._process_of[member_id]
        if process.counts[member_id] >= self._active_quota.share:
            return False
        process.add(task, member_id)
        self._count_active(task, member_id)
        return True

    def _give_standby(self, task: _Task, member_id: str | None) -> bool:
        if member_id is None:
            return False
        process = self._process_of[member_id]
        if task in process.tasks or process.counts[member_id] >= self._quota.share:
            return False
        process.add(task, member_id)
        self._count_standby(task, member_id)
        return True

    def _give_standby_to_least_loaded(self, task: _Task, queue: PriorityQueue[_Process]) -> bool:
        """Assign a standby task to the process with the least load that does not have the task."""
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
        """Return the holder of the state of a task that is to be preferred, out of processes ``without`` a task."""
        found: str | None = None
        least = (0.0, 0)
        for member_id in self._state_holders.get(task, ()):
            process = self._process_of[member_id]
            if without in process.tasks:
                continue
            # A later one has to have less of both, since Kafka compares them so.
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
    """Return processes in the order of the hash map in which Kafka has them."""
    members_of: dict[str, list[str]] = {}
    most = 0
    for member_id in ordered:
        # This map grows when it is looked into, before anything is added.
        most = len(members_of)
        members_of.setdefault(members[member_id].process_id, []).append(member_id)
    buckets = hash_map_buckets(most, capacity=len(members))
    # HashMap.computeIfAbsent, unlike put, adds at the front of a bucket.
    return [
        _Process(hash_map_order(members_of[process_id]))
        for process_id in hash_map_order(reversed(members_of), buckets=buckets)
    ]


def _state_holders(members: Mapping[str, MemberSpec], ordered: list[str]) -> dict[_Task, list[str]]:
    """Return the members that have the state of a task: those with a standby task, then others, the latest state first."""
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

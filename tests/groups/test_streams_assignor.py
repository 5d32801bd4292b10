"""The task assignor of streams groups compared with that of Apache Kafka 4.4.0, and what it promises."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kafkalite.coordinators.groups.streams.assignor import MemberSpec, Subtopology, Tasks, assign
from kafkalite.coordinators.java_queue import PriorityQueue

HISTORIES = Path(__file__).parent / "golden" / "streams_assignments.jsonl.gz"

Members = dict[str, MemberSpec]
Subtopologies = dict[str, Subtopology]


def _partitions(written: Mapping[str, list[int]]) -> dict[str, frozenset[int]]:
    return {subtopology: frozenset(partitions) for subtopology, partitions in written.items()}


def test_tasks_are_assigned_as_by_kafka() -> None:
    compared: Counter[int] = Counter()
    with gzip.open(HISTORIES, "rt") as lines:
        for line in lines:
            standby_replicas, subtopologies, members, expected = json.loads(line)
            specs = {
                member_id: MemberSpec(
                    process_id=process_id,
                    active=_partitions(active),
                    standby=_partitions(standby),
                    task_offsets={
                        subtopology: {int(partition): offset for partition, offset in reported.items()}
                        for subtopology, reported in offsets.items()
                    },
                )
                for member_id, process_id, active, standby, offsets in members
            }
            topology = {name: Subtopology(tasks=tasks, stateful=stateful) for name, tasks, stateful in subtopologies}
            assert assign(specs, topology, standby_replicas=standby_replicas) == {
                member_id: Tasks(active=_partitions(active), standby=_partitions(standby))
                for member_id, (active, standby) in expected.items()
            }, line
            compared[standby_replicas] += 1
    assert compared.total() == 840
    assert min(compared[replicas] for replicas in range(3)) > 100


@st.composite
def groups(draw: st.DrawFn, *, processes: int = 4) -> tuple[Members, Subtopologies]:
    """Members with anything assigned to them, even the same task to several of them, or tasks that do not exist."""
    subtopologies = {
        str(number): Subtopology(tasks=draw(st.integers(1, 6)), stateful=draw(st.booleans()))
        for number in range(draw(st.integers(1, 3)))
    }
    tasks = st.dictionaries(st.sampled_from("0123"), st.frozensets(st.integers(0, 6), max_size=4), max_size=2)
    offsets = st.dictionaries(
        st.sampled_from("0123"), st.dictionaries(st.integers(0, 6), st.integers(0, 3), max_size=2), max_size=2
    )
    members = {
        f"m{number}": MemberSpec(
            process_id=f"p{draw(st.integers(1, processes))}",
            active=draw(tasks),
            standby=draw(tasks),
            task_offsets=draw(offsets),
        )
        for number in range(draw(st.integers(1, 6)))
    }
    return members, subtopologies


def _fresh(*members: str) -> Members:
    return {member_id: MemberSpec(process_id=f"process of {member_id}") for member_id in members}


def _settled(members: Members, assigned: Mapping[str, Tasks]) -> Members:
    """Return the members as they are when they have reached their targets."""
    return {
        member_id: replace(member, active=assigned[member_id].active, standby=assigned[member_id].standby)
        for member_id, member in members.items()
    }


def _listed(partitions: Mapping[str, frozenset[int]]) -> list[tuple[str, int]]:
    return [(subtopology, partition) for subtopology, held in partitions.items() for partition in held]


def _active(assigned: Mapping[str, Tasks]) -> dict[str, set[tuple[str, int]]]:
    return {member_id: set(_listed(tasks.active)) for member_id, tasks in assigned.items()}


@given(groups(), st.integers(0, 3))
def test_each_task_is_active_once_and_has_as_many_standbys_as_other_processes_allow(
    group: tuple[Members, Subtopologies], replicas: int
) -> None:
    members, subtopologies = group
    assigned = assign(members, subtopologies, standby_replicas=replicas)
    assert set(assigned) == set(members)
    tasks = {(name, partition) for name, each in subtopologies.items() for partition in range(each.tasks)}
    assert Counter(task for each in assigned.values() for task in _listed(each.active)) == Counter(tasks)
    others = min(replicas, len({member.process_id for member in members.values()}) - 1)
    assert Counter(task for each in assigned.values() for task in _listed(each.standby)) == Counter(
        {task: others for task in tasks if subtopologies[task[0]].stateful and others}
    )
    on_processes = Counter(
        (members[member_id].process_id, task)
        for member_id, each in assigned.items()
        for task in _listed(each.active) + _listed(each.standby)
    )
    assert max(on_processes.values()) == 1


@given(groups(), st.integers(0, 2))
def test_no_member_has_more_active_tasks_than_an_even_share(
    group: tuple[Members, Subtopologies], replicas: int
) -> None:
    members, subtopologies = group
    active = _active(assign(members, subtopologies, standby_replicas=replicas))
    share = -(-sum(each.tasks for each in subtopologies.values()) // len(members))
    assert max(map(len, active.values())) <= share


@given(groups(), st.integers(0, 2))
def test_a_new_group_is_balanced_and_stays_as_it_is(group: tuple[Members, Subtopologies], replicas: int) -> None:
    members, subtopologies = group
    fresh = {member_id: MemberSpec(process_id=member.process_id) for member_id, member in members.items()}
    before = assign(fresh, subtopologies, standby_replicas=replicas)
    counts = [len(tasks) for tasks in _active(before).values()]
    assert max(counts) - min(counts) <= 1
    after = assign(_settled(fresh, before), subtopologies, standby_replicas=replicas)
    assert _active(after) == _active(before)


@given(groups(), st.integers(1, 4))
def test_only_tasks_that_new_members_get_move(group: tuple[Members, Subtopologies], joining: int) -> None:
    members, subtopologies = group
    old = _fresh(*members)
    before = assign(old, subtopologies, standby_replicas=0)
    new = _fresh(*(f"new{number}" for number in range(joining)))
    after = _active(assign(_settled(old, before) | new, subtopologies, standby_replicas=0))
    for member_id, tasks in _active(before).items():
        assert after[member_id] <= tasks


@given(groups(), st.data())
def test_only_tasks_of_members_that_leave_move(group: tuple[Members, Subtopologies], data: st.DataObject) -> None:
    members, subtopologies = group
    old = _fresh(*members)
    before = assign(old, subtopologies, standby_replicas=1)
    gone = data.draw(st.sampled_from(sorted(members)))
    settled = _settled(old, before)
    del settled[gone]
    after = _active(assign(settled, subtopologies, standby_replicas=1))
    for member_id, tasks in after.items():
        assert tasks >= _active(before)[member_id]


def test_a_standby_takes_over_when_the_owner_leaves() -> None:
    topology = {"0": Subtopology(tasks=1, stateful=True)}
    members = {
        "a": MemberSpec(process_id="p"),
        "b": MemberSpec(process_id="q", standby={"0": frozenset((0,))}),
        "c": MemberSpec(process_id="r"),
    }
    assert assign(members, topology, standby_replicas=0)["b"].active == {"0": frozenset((0,))}
    del members["b"]
    assert "b" not in assign(members, topology, standby_replicas=0)


def test_a_restarted_member_gets_the_tasks_whose_state_is_on_its_disk() -> None:
    topology = {"0": Subtopology(tasks=4, stateful=True)}
    members = {
        "a": MemberSpec(process_id="p", active={"0": frozenset((0, 1))}),
        "new": MemberSpec(process_id="q", task_offsets={"0": {2: 10, 3: 20}}),
        "other": MemberSpec(process_id="r"),
    }
    assigned = assign(members, topology, standby_replicas=0)
    assert assigned["new"].active == {"0": frozenset((2,))}
    del members["other"]
    assert assign(members, topology, standby_replicas=0)["new"].active == {"0": frozenset((2, 3))}


def test_a_standby_is_preferred_to_state_on_disk_and_more_state_to_less() -> None:
    topology = {"0": Subtopology(tasks=1, stateful=True)}
    members = {
        "a": MemberSpec(process_id="p", task_offsets={"0": {0: 100}}),
        "b": MemberSpec(process_id="q", standby={"0": frozenset((0,))}, task_offsets={"0": {0: 5}}),
        "c": MemberSpec(process_id="r", task_offsets={"0": {0: 1000}}),
    }
    by_preference: list[str] = []
    while members:
        owner = next(
            member_id for member_id, tasks in _active(assign(members, topology, standby_replicas=0)).items() if tasks
        )
        by_preference.append(owner)
        del members[owner]
    assert by_preference == ["b", "c", "a"]


def test_an_empty_group_is_assigned_nothing() -> None:
    assert assign({}, {"0": Subtopology(tasks=1)}, standby_replicas=0) == {}
    assert assign(_fresh("a"), {}, standby_replicas=1) == {"a": Tasks()}


@given(st.lists(st.integers(0, 4)))
def test_a_queue_returns_the_lowest_priority_first(priorities: list[int]) -> None:
    queue = PriorityQueue[int]()
    for priority in priorities:
        queue.push(priority, priority)
    assert [queue.pop() for _ in priorities] == sorted(priorities)
    assert not queue


def test_a_queue_returns_equal_items_in_the_order_of_java() -> None:
    queue = PriorityQueue[str]()
    for item in "abcde":
        queue.push(0, item)
    # The last item replaces the first one, and moves down only past lower priorities.
    assert "".join(queue.pop() for _ in range(5)) == "aedcb"

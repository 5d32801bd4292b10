"""Every state of a group meets every request: one table an API, written by hand after Kafka's documentation.

What Kafka itself answers is compared in ``test_against_kafka.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.classic.states import ANSWERS, TRANSITIONS, GroupState, Trigger
from kafkalite.coordinators.timers import Timers
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import Bench, subscription

NONE = ErrorCode.NONE
UNKNOWN = ErrorCode.UNKNOWN_MEMBER_ID
ILLEGAL = ErrorCode.ILLEGAL_GENERATION
REBALANCE = ErrorCode.REBALANCE_IN_PROGRESS
NOT_FOUND = ErrorCode.GROUP_ID_NOT_FOUND
WAITS = "waits"

STATES = tuple(GroupState)
PLAYED: set[str] = set()


@dataclass
class Situation:
    bench: Bench
    leader: str
    follower: str
    generation: int


def situation(state: GroupState) -> Situation:
    """A group of two in the given state. A dead group is one that is not there; the members are those it had."""
    bench = Bench()
    if state is GroupState.COMPLETING_REBALANCE:
        leader, _ = bench.new_member()
        follower, _ = bench.new_member()
        bench.pass_time(0.0)
    else:
        leader, follower = bench.stable_group(2)
    if state is GroupState.PREPARING_REBALANCE:
        bench.join(follower, protocols={"range": subscription("refunds")})
    if state in (GroupState.EMPTY, GroupState.DEAD):
        bench.leave((leader, None), (follower, None))
    if state is GroupState.DEAD:
        bench.delete("billing")
        assert bench.coordinator.group("billing") is None
        return Situation(bench, leader, follower, 1)
    assert bench.state() is state
    return Situation(bench, leader, follower, bench.group.generation)


def in_every_state(*answers: object, row: str | None = None) -> pytest.MarkDecorator:
    """Answers in Empty, PreparingRebalance, CompletingRebalance, Stable and Dead, in this order: a row of the table."""
    assert len(answers) == len(STATES)
    if row is not None:
        assert ANSWERS[row] == answers
        PLAYED.add(row)
    return pytest.mark.parametrize(
        ("state", "expected"), list(zip(STATES, answers, strict=True)), ids=[state.value for state in STATES]
    )


@in_every_state(UNKNOWN, REBALANCE, NONE, NONE, UNKNOWN, row="Heartbeat of a member")
def test_heartbeat_of_a_member(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.heartbeat(given.leader, given.generation) is expected


@in_every_state(UNKNOWN, ILLEGAL, ILLEGAL, ILLEGAL, UNKNOWN, row="Heartbeat of an old generation")
def test_heartbeat_of_an_old_generation(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.heartbeat(given.leader, given.generation - 1) is expected


@in_every_state(*[UNKNOWN] * 5, row="Heartbeat of a stranger")
def test_heartbeat_of_a_stranger(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.heartbeat("app-99", given.generation) is expected


@in_every_state(*[ErrorCode.MEMBER_ID_REQUIRED] * 5, row="JoinGroup without a member id, version 4 and later")
def test_join_of_somebody_new(state: GroupState, expected: ErrorCode) -> None:
    assert situation(state).bench.join().error is expected


@in_every_state(*[WAITS] * 5, row="JoinGroup without a member id, before version 4")
def test_join_of_an_old_client_that_is_new(state: GroupState, expected: str) -> None:
    assert situation(state).bench.join(version=3).waits == (expected == WAITS)


@in_every_state(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, row="JoinGroup of a stranger")
def test_join_of_a_stranger(state: GroupState, expected: ErrorCode) -> None:
    assert situation(state).bench.join("app-99").error is expected


@in_every_state(UNKNOWN, NONE, NONE, WAITS, UNKNOWN, row="JoinGroup of the leader, unchanged")
def test_join_of_the_leader_with_the_same_protocols(state: GroupState, expected: object) -> None:
    given = situation(state)
    call = given.bench.join(given.leader)
    assert (WAITS if call.waits else call.error) == expected


@in_every_state(UNKNOWN, WAITS, NONE, NONE, UNKNOWN, row="JoinGroup of a follower, unchanged")
def test_join_of_a_follower_with_the_same_protocols(state: GroupState, expected: object) -> None:
    given = situation(state)
    call = given.bench.join(given.follower)
    assert (WAITS if call.waits else call.error) == expected


@in_every_state(UNKNOWN, WAITS, WAITS, WAITS, UNKNOWN, row="JoinGroup of a follower, changed")
def test_join_of_a_follower_with_other_protocols(state: GroupState, expected: object) -> None:
    given = situation(state)
    call = given.bench.join(given.follower, protocols={"range": subscription("invoices")})
    assert (WAITS if call.waits else call.error) == expected


@in_every_state(UNKNOWN, REBALANCE, NONE, NONE, UNKNOWN, row="SyncGroup of the leader")
def test_sync_of_the_leader(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.sync(given.leader, given.generation, {given.leader: b"all"}).error is expected


@in_every_state(UNKNOWN, REBALANCE, WAITS, NONE, UNKNOWN, row="SyncGroup of a follower")
def test_sync_of_a_follower(state: GroupState, expected: object) -> None:
    given = situation(state)
    call = given.bench.sync(given.follower, given.generation)
    assert (WAITS if call.waits else call.error) == expected


@in_every_state(UNKNOWN, ILLEGAL, ILLEGAL, ILLEGAL, UNKNOWN, row="SyncGroup of an old generation")
def test_sync_of_an_old_generation(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.sync(given.leader, given.generation - 1).error is expected


@pytest.mark.parametrize(
    ("protocol_type", "protocol_name"),
    [("connect", "range"), ("consumer", "sticky"), (None, "range"), ("consumer", None)],
)
@in_every_state(*[ErrorCode.INCONSISTENT_GROUP_PROTOCOL] * 5, row="SyncGroup without a protocol, version 5 and later")
def test_sync_for_another_protocol(
    state: GroupState, expected: ErrorCode, protocol_type: str | None, protocol_name: str | None
) -> None:
    given = situation(state)
    call = given.bench.sync(given.leader, given.generation, protocol_type=protocol_type, protocol_name=protocol_name)
    nobody_knows = state in (GroupState.EMPTY, GroupState.DEAD) and None not in (protocol_type, protocol_name)
    assert call.error is (UNKNOWN if nobody_knows else expected)


@in_every_state(UNKNOWN, NONE, REBALANCE, NONE, ILLEGAL, row="OffsetCommit of a member")
def test_commit_of_a_member(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.commit(7, given.leader, given.generation, version=8) is expected
    if state is GroupState.EMPTY:
        # Those who were members are not any more; commits from outside are welcome.
        assert given.bench.commit(7) is NONE


@in_every_state(UNKNOWN, ILLEGAL, ILLEGAL, ILLEGAL, NOT_FOUND, row="OffsetCommit of an old generation")
def test_commit_of_an_old_generation(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.commit(7, given.leader, given.generation - 1, version=9) is expected


@in_every_state(NONE, UNKNOWN, UNKNOWN, UNKNOWN, NONE, row="OffsetCommit without a generation")
def test_commit_from_outside_of_the_group(state: GroupState, expected: ErrorCode) -> None:
    assert situation(state).bench.commit(7) is expected


@in_every_state(UNKNOWN, NONE, NONE, NONE, UNKNOWN, row="LeaveGroup of a member")
def test_leave_of_a_member(state: GroupState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.leave((given.leader, None)).members[0].error_code == expected


@in_every_state(*[UNKNOWN] * 5, row="LeaveGroup of a stranger")
def test_leave_of_a_stranger(state: GroupState, expected: ErrorCode) -> None:
    assert situation(state).bench.leave(("app-99", None), version=2).error_code == expected


@in_every_state(NONE, *[ErrorCode.NON_EMPTY_GROUP] * 3, NOT_FOUND, row="DeleteGroups")
def test_delete(state: GroupState, expected: ErrorCode) -> None:
    assert situation(state).bench.delete("billing") == [expected]


@in_every_state(NONE, NONE, NONE, NONE, NOT_FOUND, row="DescribeGroups, version 6")
def test_describe(state: GroupState, expected: ErrorCode) -> None:
    described = situation(state).bench.describe()
    assert described.group_state == state.value
    assert described.error_code == expected
    assert (described.protocol_data == "range") == (state is GroupState.STABLE)


@in_every_state("Empty", "PreparingRebalance", "CompletingRebalance", "Stable", None)
def test_list(state: GroupState, expected: str | None) -> None:
    assert situation(state).bench.list_groups().get("billing") == expected


@in_every_state(*[NONE] * 5, row="OffsetFetch")
def test_fetch_of_an_offset_that_was_never_committed(state: GroupState, expected: ErrorCode) -> None:
    bench = situation(state).bench
    assert bench.committed() == -1
    assert expected is NONE


def test_every_answer_of_the_table_is_played() -> None:
    assert ANSWERS.keys() == PLAYED


@pytest.mark.parametrize("ask", ["heartbeat", "sync", "leave"])
def test_a_group_without_a_name_has_no_members(ask: str) -> None:
    bench = Bench()
    if ask == "heartbeat":
        assert bench.heartbeat("app-1", 1, group="") is ErrorCode.INVALID_GROUP_ID
    elif ask == "sync":
        assert bench.sync("app-1", 1, group="").error is ErrorCode.INVALID_GROUP_ID
    else:
        assert bench.leave(("app-1", None), group="").error_code == ErrorCode.INVALID_GROUP_ID


def test_states_follow_each_other_in_a_circle_until_the_group_is_dead() -> None:
    previous: dict[str, set[str]] = {state.value: set() for state in GroupState}
    for (before, trigger), state in TRANSITIONS.items():
        if trigger is not Trigger.LOADED:  # when Kafka loads a group, that is not a transition
            previous[state.value].add(before.value)
    assert previous == {
        "Empty": {"PreparingRebalance"},
        "PreparingRebalance": {"Empty", "CompletingRebalance", "Stable"},
        "CompletingRebalance": {"PreparingRebalance"},
        "Stable": {"CompletingRebalance"},
        "Dead": {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"},
    }


@pytest.mark.parametrize("state", GroupState)
@pytest.mark.parametrize("trigger", Trigger)
def test_a_group_refuses_what_the_table_does_not_have(state: GroupState, trigger: Trigger) -> None:
    timers = Timers()
    group = Group(group_id="g", join=timers.timer(print), sync=timers.timer(print), state=state)
    if (state, trigger) in TRANSITIONS:
        group.transition(trigger, 5)
        assert (group.previous_state, group.state, group.state_timestamp) == (state, TRANSITIONS[state, trigger], 5)
    else:
        with pytest.raises(KeyError):
            group.transition(trigger, 5)

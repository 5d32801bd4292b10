"""Rebalances as they take their time: who is waited for, how long, and what becomes of those who are silent."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.registry import GroupConfig
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_silent_member_is_removed_when_its_session_ends(bench: Bench) -> None:
    leader, silent = bench.stable_group(2)
    bench.keep_alive(9.9, [leader])
    assert bench.state() is GroupState.STABLE
    bench.keep_alive(0.1, [leader])
    assert bench.state() is GroupState.PREPARING_REBALANCE
    assert [member.member_id for member in bench.group.members] == [leader]
    assert bench.heartbeat(silent, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_heartbeat_and_a_commit_keep_a_member_alive(bench: Bench) -> None:
    (member,) = bench.stable_group()
    bench.pass_time(9.0)
    assert bench.heartbeat(member, 1) is ErrorCode.NONE
    bench.pass_time(9.0)
    assert bench.commit(5, member, 1) is ErrorCode.NONE
    bench.pass_time(9.9)
    assert bench.state() is GroupState.STABLE
    bench.pass_time(0.1)
    assert bench.state() is GroupState.EMPTY


def test_a_standby_takes_over_when_the_owner_falls_silent(bench: Bench) -> None:
    owner, standby = bench.stable_group(2)
    assert bench.commit(41, owner, 1) is ErrorCode.NONE
    bench.keep_alive(12.0, [standby])
    joined = bench.join(standby).joined
    assert (joined.leader, [member.member_id for member in joined.members]) == (standby, [standby])
    assert bench.sync(standby, 2, {standby: b"all"}).synced.assignment == b"all"
    assert bench.committed() == 41


def test_a_rebalance_ends_as_soon_as_all_have_rejoined(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    first = bench.join(leader)
    bench.pass_time(5.0)
    second = bench.join(follower)
    assert first.joined.generation_id == second.joined.generation_id == 2


def test_members_that_do_not_rejoin_in_time_are_left_behind(bench: Bench) -> None:
    leader, follower = bench.stable_group(2, session=100.0)
    waiting = bench.join(leader, session=100.0)
    bench.pass_time(59.9)
    assert waiting.waits
    bench.pass_time(0.1)
    assert waiting.joined.generation_id == 2
    assert [member.member_id for member in bench.group.members] == [leader]
    assert bench.join(follower, session=100.0).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_the_slowest_member_sets_the_rebalance_timeout(bench: Bench) -> None:
    leader, _ = bench.new_member(rebalance=20.0, session=500.0)
    bench.new_member(rebalance=90.0, session=500.0)
    bench.pass_time(0.0)
    bench.sync(leader, 1)
    waiting = bench.join(leader, rebalance=20.0, session=500.0)
    bench.pass_time(89.9)
    assert waiting.waits
    bench.pass_time(0.1)
    assert waiting.error is ErrorCode.NONE


def test_a_leader_that_does_not_rejoin_in_time_is_succeeded(bench: Bench) -> None:
    _, follower = bench.stable_group(2, session=100.0)
    newcomer = bench.join(session=100.0).joined.member_id
    calls = [bench.join(newcomer, session=100.0), bench.join(follower, session=100.0)]
    bench.pass_time(60.0)
    assert {call.joined.leader for call in calls} == {follower}


def test_the_first_rebalance_waits_as_long_as_members_keep_coming() -> None:
    bench = Bench(GroupConfig(group_initial_rebalance_delay=3.0))
    first, join = bench.new_member(rebalance=10.0)
    bench.pass_time(2.0)
    bench.new_member(rebalance=10.0)
    bench.pass_time(3.9)
    assert join.waits
    bench.pass_time(0.1)
    assert len(join.joined.members) == 2
    assert join.joined.leader == first


def test_the_first_rebalance_waits_no_longer_than_the_rebalance_timeout() -> None:
    bench = Bench(GroupConfig(group_initial_rebalance_delay=3.0))
    _, join = bench.new_member(rebalance=7.0)
    for _ in range(6):
        bench.pass_time(1.0)
        bench.new_member(rebalance=7.0)
    assert join.waits
    bench.pass_time(1.0)
    assert join.error is ErrorCode.NONE


def test_a_new_member_does_not_wait_for_ever_for_its_first_generation(bench: Bench) -> None:
    (leader,) = bench.stable_group(session=1800.0, rebalance=1800.0)
    _, newcomer = bench.new_member(session=1800.0, rebalance=1800.0)
    bench.pass_time(299.9)
    assert newcomer.waits
    bench.pass_time(0.1)
    assert newcomer.error is ErrorCode.UNKNOWN_MEMBER_ID
    assert [member.member_id for member in bench.group.members] == [leader]


def test_waiting_for_the_others_counts_as_a_sign_of_life(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    waiting = bench.join(leader)
    bench.keep_alive(30.0, [follower])
    assert waiting.waits
    assert len(bench.group.members) == 2


def test_members_that_join_and_never_ask_for_their_assignment_are_removed(bench: Bench) -> None:
    leader, _ = bench.new_member(session=300.0)
    follower, _ = bench.new_member(session=300.0)
    bench.pass_time(0.0)
    assert bench.sync(leader, 1, {leader: b"all"}).error is ErrorCode.NONE
    bench.pass_time(59.9)
    assert bench.state() is GroupState.STABLE
    bench.pass_time(0.1)
    assert bench.state() is GroupState.PREPARING_REBALANCE
    assert [member.member_id for member in bench.group.members] == [leader]
    assert bench.sync(follower, 1).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_leader_that_never_assigns_is_removed_and_the_others_are_told_to_rejoin(bench: Bench) -> None:
    leader, _ = bench.new_member(session=300.0)
    follower, _ = bench.new_member(session=300.0)
    bench.pass_time(0.0)
    waiting = bench.sync(follower, 1)
    bench.pass_time(60.0)
    assert waiting.error is ErrorCode.REBALANCE_IN_PROGRESS
    assert bench.join(leader, session=300.0).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert bench.join(follower, session=300.0).joined.leader == follower


def test_a_member_without_time_to_rebalance_cannot_keep_the_coordinator_busy(bench: Bench) -> None:
    call = bench.join(instance_id="till-7", rebalance=0.0)
    bench.pass_time(0.0)
    assert call.error is ErrorCode.NONE
    assert bench.state() is GroupState.EMPTY
    bench.join(instance_id="till-7", rebalance=-5.0)
    bench.pass_time(100.0)
    assert bench.state() is GroupState.EMPTY


def test_a_group_of_lost_static_members_waits_for_them_without_spinning(bench: Bench) -> None:
    static = bench.join(instance_id="till-7", rebalance=0.0, session=30.0)
    dynamic, _ = bench.new_member()
    bench.pass_time(0.0)
    bench.sync(dynamic, 1)
    till = static.joined.member_id
    assert bench.sync(till, 1, {till: b"all"}, instance_id="till-7").error is ErrorCode.NONE
    bench.leave((dynamic, None))
    bench.pass_time(29.9)
    assert bench.state() is GroupState.PREPARING_REBALANCE
    bench.pass_time(0.1)
    assert bench.state() is GroupState.EMPTY


def test_groups_rebalance_on_their_own(bench: Bench) -> None:
    bench.stable_group()
    other = bench.join(group="audit").joined.member_id
    bench.join(other, group="audit")
    assert bench.state() is GroupState.STABLE
    assert bench.list_groups() == {"billing": "Stable", "audit": "PreparingRebalance"}


def test_nothing_is_due_where_there_are_no_groups(bench: Bench) -> None:
    assert bench.coordinator.next_deadline() is None


def test_the_coordinator_says_when_it_must_be_woken(bench: Bench) -> None:
    (member,) = bench.stable_group()
    assert bench.coordinator.next_deadline() == pytest.approx(bench.now + 10.0)
    bench.pass_time(4.0)
    bench.heartbeat(member, 1)
    assert bench.coordinator.next_deadline() == pytest.approx(bench.now + 10.0)

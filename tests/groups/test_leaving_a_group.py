"""LeaveGroup: members that go are not waited for."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("version", range(6))
def test_the_last_member_leaves_an_empty_group(bench: Bench, version: int) -> None:
    (member,) = bench.stable_group()
    left = bench.leave((member, None), version=version)
    assert (left.error_code, len(left.members)) == (0, 1 if version >= 3 else 0)
    assert (bench.state(), bench.group.generation, bench.group.leader) == (GroupState.EMPTY, 2, None)


def test_those_who_stay_are_told_to_rejoin(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.leave((leader, None))
    assert bench.heartbeat(follower, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    assert bench.join(follower).joined.leader == follower


def test_several_members_leave_at_once_each_with_its_own_result(bench: Bench) -> None:
    first, second, third = bench.stable_group(3)
    left = bench.leave((first, None), ("app-99", None), (second, None), (second, None))
    unknown = ErrorCode.UNKNOWN_MEMBER_ID
    assert [member.error_code for member in left.members] == [0, unknown, 0, unknown]
    assert [member.member_id for member in bench.group.members] == [third]


def test_a_member_that_was_only_given_an_id_may_leave(bench: Bench) -> None:
    pending = bench.join().joined.member_id
    assert bench.leave((pending, None)).members[0].error_code == 0
    assert bench.join(pending).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_rebalance_that_waited_for_the_leaving_member_alone_ends(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    waiting = bench.join(leader)
    bench.leave((follower, None))
    assert waiting.joined.generation_id == 2


def test_a_join_that_waits_is_ended_when_its_member_is_removed(bench: Bench) -> None:
    leader, _follower = bench.stable_group(2)
    waiting = bench.join(leader)
    bench.leave((leader, None))
    assert (waiting.error, waiting.joined.member_id) == (ErrorCode.UNKNOWN_MEMBER_ID, "")


def test_a_sync_that_waits_is_ended_when_its_member_is_removed(bench: Bench) -> None:
    bench.new_member()
    follower, _ = bench.new_member()
    bench.pass_time(0.0)
    waiting = bench.sync(follower, 1)
    bench.leave((follower, None))
    assert waiting.error is ErrorCode.UNKNOWN_MEMBER_ID


def test_everybody_may_leave_while_a_rebalance_is_under_way(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.join(leader)
    bench.leave((leader, None), (follower, None))
    assert bench.state() is GroupState.EMPTY


def test_a_group_that_was_left_can_be_joined_again_in_the_next_generation(bench: Bench) -> None:
    (member,) = bench.stable_group()
    bench.leave((member, None))
    _, join = bench.new_member(protocol_type="connect", protocols=["sessioned"])
    bench.pass_time(0.0)
    assert (join.joined.generation_id, join.joined.protocol_type) == (3, "connect")

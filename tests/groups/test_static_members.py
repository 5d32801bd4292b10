"""Static members (KIP-345, KIP-814): who comes back under the same instance id takes its own place."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import Bench, subscription


@pytest.fixture
def bench() -> Bench:
    return Bench()


def stable_tills(bench: Bench, *, protocols: tuple[str, ...] = ("range",)) -> tuple[str, str]:
    """Two static members; till-1 leads."""
    calls = [bench.join(instance_id=name, protocols=protocols) for name in ("till-1", "till-2")]
    bench.pass_time(0.0)
    leader, follower = (call.joined.member_id for call in calls)
    chosen = protocols[0]
    bench.sync(follower, 1, instance_id="till-2", protocol_name=chosen)
    assigned = {leader: b"one", follower: b"two"}
    bench.sync(leader, 1, assigned, instance_id="till-1", protocol_name=chosen)
    assert bench.state() is GroupState.STABLE
    return leader, follower


def test_a_restarted_follower_takes_its_place_without_a_rebalance(bench: Bench) -> None:
    leader, follower = stable_tills(bench)
    back = bench.join(instance_id="till-2")
    assert (back.error, back.joined.generation_id, bench.state()) == (ErrorCode.NONE, 1, GroupState.STABLE)
    assert back.joined.member_id not in (leader, follower)
    assert bench.sync(back.joined.member_id, 1, instance_id="till-2").synced.assignment == b"two"


def test_the_former_self_of_a_restarted_member_is_fenced(bench: Bench) -> None:
    _, follower = stable_tills(bench)
    bench.join(instance_id="till-2")
    fenced = ErrorCode.FENCED_INSTANCE_ID
    assert bench.heartbeat(follower, 1, instance_id="till-2") is fenced
    assert bench.sync(follower, 1, instance_id="till-2").error is fenced
    assert bench.commit(5, follower, 1, instance_id="till-2") is fenced
    assert bench.join(follower, instance_id="till-2").error is fenced
    assert bench.leave((follower, "till-2")).members[0].error_code == fenced
    assert bench.heartbeat(follower, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_restarted_leader_need_not_assign_again(bench: Bench) -> None:
    leader, follower = stable_tills(bench)
    back = bench.join(instance_id="till-1", version=9).joined
    assert (back.leader, back.skip_assignment, len(back.members)) == (back.member_id, True, 2)
    assert bench.sync(back.member_id, 1, instance_id="till-1").synced.assignment == b"one"
    assert bench.heartbeat(follower, 1, instance_id="till-2") is ErrorCode.NONE
    del leader


def test_a_restarted_leader_of_an_older_client_is_not_told_that_it_leads(bench: Bench) -> None:
    leader, _ = stable_tills(bench)
    back = bench.join(instance_id="till-1", version=8).joined
    assert (back.leader, back.skip_assignment, back.members) == (leader, False, ())
    assert bench.group.leader == back.member_id


def test_a_restarted_member_that_changes_the_protocol_starts_a_rebalance(bench: Bench) -> None:
    leader, _ = stable_tills(bench, protocols=("sticky", "range"))
    back = bench.join(instance_id="till-2", protocols=("range",))
    assert back.waits
    assert bench.heartbeat(leader, 1, instance_id="till-1") is ErrorCode.REBALANCE_IN_PROGRESS


def test_another_subscription_alone_does_not_start_a_rebalance(bench: Bench) -> None:
    stable_tills(bench)
    back = bench.join(instance_id="till-2", protocols={"range": subscription("refunds")})
    assert (back.error, bench.state()) == (ErrorCode.NONE, GroupState.STABLE)
    assert {member.metadata for member in bench.group.members} == {subscription("orders"), subscription("refunds")}


def test_a_join_that_waits_is_ended_by_the_next_incarnation(bench: Bench) -> None:
    stable_tills(bench)
    newcomer = bench.join(version=3)
    follower = next(m.member_id for m in bench.group.members if m.group_instance_id == "till-2")
    waiting = bench.join(follower, instance_id="till-2")
    bench.join(instance_id="till-2")
    assert (waiting.error, waiting.joined.member_id) == (ErrorCode.FENCED_INSTANCE_ID, follower)
    assert newcomer.waits


def test_a_sync_that_waits_is_ended_by_the_next_incarnation_and_the_group_rebalances(bench: Bench) -> None:
    calls = [bench.join(instance_id=name) for name in ("till-1", "till-2")]
    bench.pass_time(0.0)
    waiting = bench.sync(calls[1].joined.member_id, 1, instance_id="till-2")
    back = bench.join(instance_id="till-2")
    assert (waiting.error, back.waits, bench.state()) == (
        ErrorCode.FENCED_INSTANCE_ID,
        True,
        GroupState.PREPARING_REBALANCE,
    )


def test_a_static_member_stays_while_its_session_lasts_even_if_it_misses_a_rebalance(bench: Bench) -> None:
    static = bench.join(instance_id="till-1", session=300.0)
    dynamic, _ = bench.new_member(session=300.0)
    bench.pass_time(0.0)
    till = static.joined.member_id
    bench.sync(dynamic, 1)
    bench.sync(till, 1, {till: b"one"}, instance_id="till-1")
    rejoined = bench.join(dynamic, protocols={"range": subscription("refunds")}, session=300.0)
    bench.pass_time(60.0)
    assert rejoined.joined.leader == dynamic
    assert {member.member_id for member in rejoined.joined.members} == {till, dynamic}


def test_an_administrator_removes_a_static_member_by_its_instance_id(bench: Bench) -> None:
    leader, _ = stable_tills(bench)
    left = bench.leave(("", "till-2"), ("", "till-9"), ("", None))
    assert [member.error_code for member in left.members] == [
        0,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.UNKNOWN_MEMBER_ID,
    ]
    assert [member.member_id for member in bench.group.members] == [leader]


def test_the_new_member_id_survives_a_restart_of_the_broker(bench: Bench) -> None:
    stable_tills(bench)
    back = bench.join(instance_id="till-2").joined.member_id
    bench.restart()
    assert bench.heartbeat(back, 1, instance_id="till-2") is ErrorCode.NONE


def test_an_instance_id_that_nobody_has_is_unknown(bench: Bench) -> None:
    leader, _ = stable_tills(bench)
    assert bench.heartbeat(leader, 1, instance_id="till-9") is ErrorCode.UNKNOWN_MEMBER_ID

"""JoinGroup: which members are accepted, under which id, and their responses."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.registry import GroupConfig
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from tests.support.group_harness import GROUP, Bench, Call, subscription


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_dynamic_member_is_told_its_id_before_it_may_join(bench: Bench) -> None:
    first = bench.join(client_id="payments")
    assert (first.error, first.joined.member_id) == (ErrorCode.MEMBER_ID_REQUIRED, "payments-1")
    assert bench.group.members == ()


@pytest.mark.parametrize("version", range(4))
def test_old_clients_join_without_knowing_their_id(bench: Bench, version: int) -> None:
    call = bench.join(version=version)
    bench.pass_time(0.0)
    assert (call.error, call.joined.member_id, call.joined.generation_id) == (ErrorCode.NONE, "app-1", 1)


def test_a_static_member_joins_at_once_under_its_instance_id(bench: Bench) -> None:
    call = bench.join(instance_id="till-7")
    bench.pass_time(0.0)
    assert (call.error, call.joined.member_id) == (ErrorCode.NONE, "till-7-1")


def test_the_first_member_leads_and_alone_learns_of_the_others(bench: Bench) -> None:
    first, first_join = bench.new_member(protocols={"range": subscription("orders")})
    second, second_join = bench.new_member(protocols={"range": subscription("payments")})
    bench.pass_time(0.0)
    assert first_join.joined.leader == second_join.joined.leader == first
    assert {member.member_id: member.metadata for member in first_join.joined.members} == {
        first: subscription("orders"),
        second: subscription("payments"),
    }
    assert second_join.joined.members == ()
    assert bench.state() is GroupState.COMPLETING_REBALANCE


def test_the_protocol_that_most_members_like_best_is_chosen_among_those_that_all_support(bench: Bench) -> None:
    calls = [
        bench.new_member(protocols=["sticky", "range", "roundrobin"])[1],
        bench.new_member(protocols=["roundrobin", "range"])[1],
        bench.new_member(protocols=["range", "roundrobin"])[1],
    ]
    bench.pass_time(0.0)
    assert {call.joined.protocol_name for call in calls} == {"range"}


@pytest.mark.parametrize(("version", "expected"), [(6, ""), (7, None)])
def test_a_refusal_has_no_protocol_in_the_way_of_each_version(bench: Bench, version: int, expected: str | None) -> None:
    assert bench.join("nobody", version=version).joined.protocol_name == expected


@pytest.mark.parametrize("version", range(10))
def test_a_group_without_a_name_is_refused(bench: Bench, version: int) -> None:
    assert bench.join(group="", version=version).error is ErrorCode.INVALID_GROUP_ID
    assert bench.list_groups() == {}


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (5.999, ErrorCode.INVALID_SESSION_TIMEOUT),
        (6.0, ErrorCode.MEMBER_ID_REQUIRED),
        (1800.0, ErrorCode.MEMBER_ID_REQUIRED),
        (1800.001, ErrorCode.INVALID_SESSION_TIMEOUT),
    ],
)
def test_the_session_timeout_must_be_within_bounds(bench: Bench, session: float, expected: ErrorCode) -> None:
    assert bench.join(session=session).error is expected


def test_a_member_id_that_nobody_gave_out_is_unknown(bench: Bench) -> None:
    assert bench.join("app-99").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert bench.list_groups() == {}
    bench.stable_group()
    assert bench.join("app-99").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert bench.state() is GroupState.STABLE


def test_a_protocol_that_not_everybody_supports_is_refused(bench: Bench) -> None:
    bench.stable_group(protocols=["range"])
    assert bench.join(protocols=["sticky"]).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_a_member_of_another_protocol_type_is_refused(bench: Bench) -> None:
    bench.stable_group()
    assert bench.join(protocol_type="connect").error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


@pytest.mark.parametrize(("protocol_type", "protocols"), [("", ["range"]), ("consumer", [])])
def test_a_member_without_protocols_is_refused(bench: Bench, protocol_type: str, protocols: list[str]) -> None:
    refused = bench.join(protocol_type=protocol_type, protocols=protocols)
    assert refused.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_a_client_that_repeats_a_protocol_does_not_upset_the_vote(bench: Bench) -> None:
    twice = (JoinGroupRequestProtocol(name="range", metadata=b""),) * 2
    request = JoinGroupRequest(
        group_id=GROUP,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        member_id="",
        protocol_type="consumer",
        protocols=twice,
    )
    call = Call()
    bench.perform(bench.coordinator.join_group(request, bench.client(1), call, now=bench.now))
    bench.pass_time(0.0)
    assert call.joined.protocol_name == "range"


def test_a_full_group_takes_nobody_else(bench: Bench) -> None:
    bench = Bench(GroupConfig(group_max_size=2))
    members = bench.stable_group(2)
    refused = bench.join()
    assert (refused.error, refused.joined.member_id) == (ErrorCode.GROUP_MAX_SIZE_REACHED, "")
    bench.leave((members[1], None))
    assert bench.join().error is ErrorCode.MEMBER_ID_REQUIRED


def test_of_a_loaded_group_that_is_too_large_those_stay_who_rejoin_first() -> None:
    bench = Bench()
    first, second, third = bench.stable_group(3)
    bench.config = GroupConfig(group_max_size=2)
    bench.restart()
    assert bench.state() is GroupState.PREPARING_REBALANCE
    calls = [bench.join(third), bench.join(first)]
    assert bench.join(second).error is ErrorCode.GROUP_MAX_SIZE_REACHED
    bench.pass_time(60.0)
    assert [call.error for call in calls] == [ErrorCode.NONE] * 2
    assert {member.member_id for member in bench.group.members} == {first, third}


def test_a_member_whose_client_gave_up_waiting_for_its_id_is_forgotten(bench: Bench) -> None:
    bench.stable_group()
    pending = bench.join().joined.member_id
    bench.pass_time(10.0)
    assert bench.join(pending).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_rebalance_waits_for_those_who_have_just_been_told_their_id(bench: Bench) -> None:
    (leader,) = bench.stable_group(session=30.0)
    pending = bench.join(session=30.0).joined.member_id
    rejoined = bench.join(leader, session=30.0)
    assert rejoined.waits
    joined = bench.join(pending, session=30.0)
    assert (rejoined.error, joined.error) == (ErrorCode.NONE, ErrorCode.NONE)
    assert rejoined.joined.generation_id == joined.joined.generation_id == 2


def test_a_follower_that_joins_again_unchanged_gets_the_current_generation(bench: Bench) -> None:
    _, follower = bench.stable_group(2)
    again = bench.join(follower)
    assert (again.error, again.joined.generation_id, bench.state()) == (ErrorCode.NONE, 1, GroupState.STABLE)


def test_a_follower_with_another_subscription_starts_a_rebalance(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    assert bench.join(follower, protocols={"range": subscription("refunds")}).waits
    assert bench.heartbeat(leader, 1) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_leader_that_joins_again_always_starts_a_rebalance(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    assert bench.join(leader).waits
    assert bench.heartbeat(follower, 1) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_member_that_lost_the_answer_to_its_join_gets_it_again(bench: Bench) -> None:
    leader, join = bench.new_member()
    bench.pass_time(0.0)
    again = bench.join(leader)
    assert again.joined == join.joined


def test_a_join_that_the_same_member_repeats_is_answered_instead_of_the_first(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    first = bench.join(leader)
    second = bench.join(leader)
    assert (first.error, second.waits) == (ErrorCode.REBALANCE_IN_PROGRESS, True)
    bench.join(follower)
    assert second.joined.generation_id == 2


def test_a_static_member_cannot_use_an_id_that_was_given_to_a_dynamic_one(bench: Bench) -> None:
    pending = bench.join().joined.member_id
    assert bench.join(pending, instance_id="till-7").error is ErrorCode.UNKNOWN_SERVER_ERROR


def test_a_lost_connection_does_not_end_the_membership(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    waiting = bench.join(leader)
    bench.cancel(waiting)
    bench.join(follower)
    assert waiting.waits
    assert len(bench.group.members) == 2
    assert bench.coordinator.waiting_handles() == ()

"""Offsets end when their retention is over, counted from the time at which the group became empty (KIP-211)."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.registry import GroupConfig
from tests.support.group_harness import Bench, subscription

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def bench() -> Bench:
    return Bench(GroupConfig(offsets_retention=7 * DAY, offsets_retention_check_interval=HOUR))


def test_offsets_of_a_simple_consumer_are_kept_from_their_commit_on(bench: Bench) -> None:
    bench.commit(7)
    bench.pass_time(3 * DAY)
    bench.commit(8, partition=1)
    bench.pass_time(4 * DAY + 2 * HOUR)
    assert [bench.committed(partition=partition) for partition in (0, 1)] == [-1, 8]
    bench.pass_time(3 * DAY)
    assert bench.list_groups() == {}
    bench.restart()
    assert bench.list_groups() == {}


def test_offsets_of_a_group_are_kept_from_the_leaving_of_its_last_member_on(bench: Bench) -> None:
    (member,) = bench.stable_group(session=1800.0, rebalance=600.0)
    bench.commit(7, member, 1)
    for _ in range(2 * 24 * 10):
        bench.pass_time(1700.0)
        bench.heartbeat(member, 1)
    assert bench.committed() == 7
    bench.leave((member, None))
    bench.pass_time(7 * DAY - HOUR)
    assert bench.committed() == 7
    bench.pass_time(2 * HOUR)
    assert (bench.committed(), bench.list_groups()) == (-1, {})


def test_the_time_of_leaving_survives_a_restart(bench: Bench) -> None:
    (member,) = bench.stable_group()
    bench.commit(7, member, 1)
    bench.leave((member, None))
    bench.pass_time(4 * DAY)
    bench.restart()
    bench.pass_time(3 * DAY - 2 * HOUR)
    assert bench.committed() == 7
    bench.pass_time(4 * HOUR)
    assert bench.committed() == -1


def test_a_stable_group_loses_the_offsets_of_topics_that_it_no_longer_reads(bench: Bench) -> None:
    (member,) = bench.stable_group(session=1800.0, protocols={"range": subscription("orders")})
    bench.commit(7, member, 1, topic="orders")
    bench.commit(8, member, 1, topic="refunds")
    for _ in range(7 * 24 * 3):
        bench.pass_time(1500.0)
        bench.heartbeat(member, 1)
    assert bench.state() is GroupState.STABLE
    assert (bench.committed("orders"), bench.committed("refunds")) == (7, -1)


def test_nothing_expires_where_the_broker_cannot_read_what_members_want(bench: Bench) -> None:
    (member,) = bench.stable_group(session=1800.0, protocols={"range": b"\x00"})
    bench.commit(7, member, 1, topic="refunds")
    for _ in range(7 * 24 * 3):
        bench.pass_time(1500.0)
        bench.heartbeat(member, 1)
    assert bench.committed("refunds") == 7


def test_a_client_of_old_may_ask_for_its_own_retention(bench: Bench) -> None:
    bench.commit(7, retention_time_ms=round(2 * HOUR * 1000), version=4)
    bench.restart()
    bench.pass_time(HOUR + 1)
    assert bench.committed() == 7
    bench.pass_time(HOUR)
    assert bench.committed() == -1


def test_a_group_that_never_committed_ends_at_the_next_check(bench: Bench) -> None:
    (member,) = bench.stable_group()
    bench.leave((member, None))
    bench.pass_time(HOUR)
    assert bench.list_groups() == {}
    assert bench.coordinator.next_deadline() is None

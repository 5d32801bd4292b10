"""Groups come back from ``__consumer_offsets`` as they were, with new sessions."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import Bench, replayed


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_members_carry_on_after_a_restart(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.commit(7, follower, 1)
    before = bench.group
    bench.restart()
    assert bench.group == before
    assert bench.heartbeat(leader, 1) is ErrorCode.NONE
    assert bench.sync(follower, 1).synced.assignment == follower.encode()
    assert bench.commit(8, follower, 1) is ErrorCode.NONE


def test_members_have_their_whole_session_time_after_a_restart(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.pass_time(9.0)
    bench.restart()
    bench.pass_time(9.9)
    assert bench.state() is GroupState.STABLE
    bench.heartbeat(leader, 1)
    bench.pass_time(0.1)
    assert bench.state() is GroupState.PREPARING_REBALANCE
    assert bench.heartbeat(follower, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_restart_within_a_rebalance_goes_back_to_the_last_generation(bench: Bench) -> None:
    leader, follower = bench.stable_group(2)
    bench.join(leader)
    bench.restart()
    assert (bench.state(), bench.group.generation) == (GroupState.STABLE, 1)
    rejoined = bench.join(leader)
    bench.join(follower)
    assert rejoined.joined.generation_id == 2


def test_a_restart_between_join_and_sync_makes_the_members_start_again(bench: Bench) -> None:
    member, _ = bench.new_member()
    bench.pass_time(0.0)
    bench.restart()
    assert bench.sync(member, 1).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_only_the_last_record_of_each_key_counts(bench: Bench) -> None:
    for offset in range(20):
        bench.commit(offset)
    compacted = [bench.log[-1]]
    bench.log = compacted
    bench.restart()
    assert bench.committed() == 19


# The bytes below were written by hand after the schemas that Kafka publishes.

OFFSET_KEY = b"\x00\x01" + b"\x00\x07billing" + b"\x00\x06orders" + b"\x00\x00\x00\x05"
LEGACY_OFFSET_KEY = b"\x00\x00" + OFFSET_KEY[2:]
GROUP_KEY = b"\x00\x02" + b"\x00\x07billing"


def number(value: int, size: int = 8) -> bytes:
    return value.to_bytes(size, "big", signed=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (LEGACY_OFFSET_KEY, b"\x00\x00" + number(7) + b"\x00\x00" + number(1)),
        (OFFSET_KEY, b"\x00\x00" + number(7) + b"\x00\x00" + number(1)),
        (OFFSET_KEY, b"\x00\x01" + number(7) + b"\x00\x00" + number(1) + number(99)),
        (OFFSET_KEY, b"\x00\x03" + number(7) + number(2, 4) + b"\x00\x01x" + number(1)),
        (OFFSET_KEY, b"\x00\x04" + number(7) + number(2, 4) + b"\x01" + number(1) + b"\x00"),
    ],
)
def test_offsets_in_the_formats_of_all_versions_are_read(bench: Bench, key: bytes, value: bytes) -> None:
    bench.log = [(key, value)]
    bench.restart()
    assert bench.committed(partition=5) == 7


def test_a_group_of_before_rebalance_timeouts_is_read(bench: Bench) -> None:
    timeout_and_subscription = number(6000, 4) + number(0, 4)
    member = b"\x00\x03a-1\x00\x01a\x00\x0a/127.0.0.1" + timeout_and_subscription + number(1, 4) + b"x"
    group = b"\x00\x08consumer" + number(4, 4) + b"\x00\x05range\x00\x03a-1"
    bench.log = [(GROUP_KEY, b"\x00\x00" + group + number(1, 4) + member)]
    bench.restart()
    shown = bench.group.members[0]
    assert (bench.group.generation, shown.member_id, shown.assignment) == (4, "a-1", b"x")
    assert shown.rebalance_timeout == shown.session_timeout == 6.0


def test_a_stable_group_is_written_as_kafka_reads_it(bench: Bench) -> None:
    (member,) = bench.stable_group(protocols={"range": b"want"})
    name = number(len(member), 2) + member.encode()
    expected = (
        b"\x00\x03"
        b"\x00\x08consumer"
        + number(1, 4)
        + b"\x00\x05range"
        + name
        + number(1_700_000_000_000)
        + number(1, 4)
        + name
        + b"\xff\xff"
        + b"\x00\x03app"
        + b"\x00\x0a/127.0.0.1"
        + number(60_000, 4)
        + number(10_000, 4)
        + number(4, 4)
        + b"want"
        + number(len(member), 4)
        + member.encode()
    )
    assert bench.log[-1] == (GROUP_KEY, expected)


def test_keys_of_unknown_types_are_left_alone(bench: Bench) -> None:
    bench.log = [(b"\x00\x7f" + b"anything", b"\x00\x00"), (b"\x00\x03" + b"\x00\x07billing", None)]
    bench.restart()
    assert bench.list_groups() == {}


def test_a_record_that_cannot_be_decoded_is_skipped_and_the_others_count(bench: Bench) -> None:
    bench.commit(7)
    bench.log += [(b"k", b"v"), (b"", b""), (b"\x00\x02\x00\x07another", b"\x00\x03\x00"), (b"\x00\x63", None)]
    bench.restart()
    assert bench.committed() == 7
    assert bench.list_groups() == {"billing": "Empty"}
    skipped: list[tuple[int, str]] = []
    bench.coordinator.load(
        replayed(bench.log), now=bench.now, skip=lambda record, why: skipped.append((record.offset, why))
    )
    assert [offset for offset, _ in skipped] == [len(bench.log) - 4 + number for number in range(4)]
    assert skipped[-1][1] == "its type 99 is unknown"


@pytest.mark.parametrize(("end", "offset"), [(None, 7), (b"\x00\x00\x00\x00", 7), (b"\x00\x00\x00\x01", 9)])
def test_a_commit_of_a_transaction_counts_once_it_is_committed(bench: Bench, end: bytes | None, offset: int) -> None:
    bench.commit(7)
    before = replayed(bench.log)
    bench.commit(9)
    within = [record._replace(producer_id=1) for record in replayed(bench.log)[len(before) :]]
    marker = [] if end is None else [ReplayedRecord(end, b"", 99, producer_id=1, is_control=True)]
    bench.log = []
    bench.restart()
    bench.coordinator.load([*before, *within, *marker], now=bench.now)
    assert bench.committed() == offset

"""Time, groups and the broker's being there, steered from the test; what unmodified clients make of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import confluent_kafka
import pytest

from kafkalite.requests.interceptors import Stage
from kafkalite.testing import Handle, TopicPartition, WaitTimeout, run
from tests.support.group_members import BOTH, Join

pytestmark = pytest.mark.also_over_http

ALL = {TopicPartition("clicks", index) for index in range(3)}


@pytest.fixture
def consumer(broker: Handle) -> Iterator[confluent_kafka.Consumer]:
    """A client that only commits and asks, without being a member."""
    made = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "readers"})
    yield made
    made.close()


# Time


@BOTH
def test_a_silent_member_loses_its_partitions_when_time_is_advanced(broker: Handle, join: Join) -> None:
    join("silent")
    join("alive")
    broker.await_stable("readers", members=2)
    before = broker.groups["readers"].member("silent").member_id
    broker.clock.advance(46, keep_alive=["alive"])
    # The silent one hears of it, and comes back as somebody else.
    after = broker.await_stable("readers", members=2)
    assert after.member("silent").member_id != before
    assert after.generation > 1


def test_a_member_that_is_kept_alive_is_the_same_after_an_hour(broker: Handle, join: Join) -> None:
    join("reader")
    before = broker.await_stable("readers", members=1)
    broker.clock.advance(3600, keep_alive=["reader"])
    assert broker.groups["readers"] == before


def test_a_member_is_kept_alive_by_any_of_its_names(broker: Handle, join: Join) -> None:
    join("a", instance="the-first")
    join("b")
    before = broker.await_stable("readers", members=2)
    broker.clock.advance(600, keep_alive=["the-first", before.member("b").member_id])
    assert broker.groups["readers"] == before


def test_only_members_can_be_kept_alive(broker: Handle, join: Join) -> None:
    join("reader")
    broker.await_stable("readers")
    with pytest.raises(LookupError, match="cannot keep 'raeder' alive: in no group; clients that are members: reader"):
        broker.clock.advance(10, keep_alive=["raeder"])
    with pytest.raises(ValueError, match="cannot be advanced"):
        broker.clock.advance(-1)
    with pytest.raises(TypeError, match="'keep_alive' must be a list of strings, not 'reader'"):
        broker.clock.advance(10, keep_alive="reader")


def test_a_century_passes_at_once_and_the_calendar_has_an_end(broker: Handle) -> None:
    began = broker.clock.now_ms()
    broker.clock.advance(100 * 365 * 24 * 3600)
    assert broker.clock.now_ms() - began >= 100 * 365 * 24 * 3600 * 1000
    assert broker.produce("clicks", "much later")[0].timestamp >= began + 100 * 365 * 24 * 3600 * 1000
    with pytest.raises(ValueError, match="the calendar ends with the year 9999"):
        broker.clock.advance(1e300)


def test_a_standby_takes_over_without_waiting_for_any_time_of_the_brokers(broker: Handle, join: Join) -> None:
    """The ad-click story: three partitions, four readers, and the idle one is there when another falls."""
    for number in range(4):
        join(f"reader-{number}", instance=f"reader-{number}")
    group = broker.await_stable("readers", members=4)
    standby = next(member for member in group.members if not member.assignment)
    fallen = next(member for member in group.members if member.assignment)
    with broker.clock.frozen():
        broker.groups.fence("readers", fallen.client_id)
        taken_over = broker.await_stable("readers", members=3)
    assert standby.client_id in {owner.client_id for owner in taken_over.owners.values()}
    assert set(taken_over.owners) == ALL


def test_a_frozen_clock_stamps_all_records_alike(broker: Handle) -> None:
    with broker.clock.frozen():
        first = broker.produce("clicks", "a")[0].timestamp
        broker.clock.advance(90)
        assert broker.produce("clicks", "b")[0].timestamp == first + 90_000 == broker.clock.now_ms()
    assert broker.clock.now_ms() >= first + 90_000


def test_a_delayed_fetch_is_answered_when_time_is_advanced(broker: Handle) -> None:
    client = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap,
        "group.id": "none",
        "fetch.min.bytes": 100_000,
        "fetch.wait.max.ms": 20_000,
    })  # fmt: skip
    broker.requests.start()
    client.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
    broker.clock.freeze()
    broker.produce("clicks", "too little to be worth an answer", partition=0)
    broker.await_request("Fetch", outcome="waiting")
    assert client.poll(0) is None
    broker.clock.advance(20)
    message = client.poll(30)
    assert message is not None
    assert message.value() == b"too little to be worth an answer"
    client.close()


def test_offsets_of_a_group_expire_when_time_is_advanced(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    consumer.commit(offsets=[confluent_kafka.TopicPartition("clicks", 1, 5)], asynchronous=False)
    assert broker.await_committed("readers", "clicks", partition=1, offset=5).committed
    broker.clock.advance(7 * 24 * 3600 + 601)
    assert not broker.groups["readers"].committed


def test_records_are_no_longer_retained_when_time_is_advanced(broker: Handle) -> None:
    broker.topics.create("short", configs={"retention.ms": "60000", "segment.ms": "30000"})
    broker.produce("short", "old")
    broker.clock.advance(40)
    broker.produce("short", "newer")
    broker.clock.advance(600)
    assert broker.topics["short"].start_offsets[0] >= 1
    assert "old" not in [record.text for record in broker.records("short")]


def test_a_rebalance_times_out_when_time_is_advanced(broker: Handle, join: Join) -> None:
    """A member that beats but does not poll holds its group up until the rebalance time-out."""
    stuck = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": "readers", "client.id": "stuck",
        "max.poll.interval.ms": 300_000, "auto.offset.reset": "earliest",
    })  # fmt: skip
    stuck.subscribe(["clicks"], on_revoke=lambda *_: None)
    while not stuck.assignment():
        stuck.poll(0.05)
    broker.requests.start()
    join("newcomer")
    broker.await_request("JoinGroup", client_id="newcomer", outcome="waiting")
    with pytest.raises(WaitTimeout, match="PreparingRebalance"):
        broker.await_stable("readers", members=2, timeout=0.5)
    broker.clock.advance(301, keep_alive=["stuck"])
    group = broker.await_stable("readers", members=1)
    assert [member.client_id for member in group.members] == ["newcomer"]
    stuck.close()


# Groups


def test_a_fenced_member_ends_with_the_error(broker: Handle, join: Join) -> None:
    fenced = join("fenced", instance="first")
    join("other")
    broker.await_stable("readers", members=2)
    broker.await_positioned("readers")
    broker.groups.fence("readers", "first")
    assert fenced.has_ended.wait(30)
    assert isinstance(fenced.failure, confluent_kafka.KafkaException)
    assert "fenced" in str(fenced.failure).lower()
    group = broker.await_stable("readers", members=1)
    assert {owner.client_id for owner in group.owners.values()} == {"other"}


@pytest.mark.in_process
def test_requests_pass_by_one_rule_however_many_members_are_fenced(broker: Handle, join: Join) -> None:
    fenced = [join(instance, instance=instance) for instance in ("first", "second")]
    broker.await_stable("readers", members=2)
    broker.await_positioned("readers")
    for member in fenced:
        broker.groups.fence("readers", member.client_id)
    for member in fenced:
        assert member.has_ended.wait(30)
        assert "fenced" in str(member.failure).lower()
    installed = broker._local.interceptors.installed
    assert len([each for each in installed if each.stage is Stage.GROUP_RULES]) == 1


@BOTH
def test_an_expired_member_joins_again(broker: Handle, join: Join) -> None:
    join("reader")
    before = broker.await_stable("readers", members=1)
    broker.groups.expire("readers", "reader")
    after = broker.await_stable("readers", members=1)
    assert after.member("reader").member_id != before.member("reader").member_id


@BOTH
def test_a_rebalance_is_forced(broker: Handle, join: Join) -> None:
    join("a")
    join("b")
    before = broker.await_stable("readers", members=2)
    broker.groups.rebalance("readers")
    after = broker.await_stable("readers", members=2)
    assert after.generation > before.generation
    assert [member.member_id for member in after.members] == [member.member_id for member in before.members]


def test_what_was_done_from_outside_is_in_the_history(broker: Handle, join: Join) -> None:
    join("reader")
    broker.await_stable("readers")
    broker.groups.expire("readers", "reader")
    with pytest.raises(WaitTimeout, match="reader was expired"):
        broker.await_stable("readers", members=9, timeout=0.05)


def test_a_dynamic_member_cannot_be_fenced(broker: Handle, join: Join) -> None:
    join("reader")
    before = broker.await_stable("readers")
    with pytest.raises(ValueError, match="only static members can be fenced"):
        broker.groups.fence("readers", "reader")
    assert broker.groups["readers"] == before


def test_only_members_can_be_steered(broker: Handle, join: Join) -> None:
    for steer in (broker.groups.expire, broker.groups.fence):
        with pytest.raises(LookupError, match="no member is called 'nobody' in group 'readers'; its members: none"):
            steer("readers", "nobody")
    with pytest.raises(LookupError, match="no members to rebalance"):
        broker.groups.rebalance("readers")


def test_records_do_not_come_from_the_coordinator(broker: Handle, join: Join) -> None:
    member = join("reader")
    broker.await_positioned("readers")
    with broker.coordinator.unavailable():
        broker.produce("clicks", "meanwhile", partition=0)
        assert member.read.get(timeout=30) == (0, 0, b"meanwhile")


@BOTH
def test_members_find_their_coordinator_again(broker: Handle, join: Join) -> None:
    member = join("reader")
    before = broker.await_positioned("readers")
    with broker.coordinator.unavailable():
        broker.produce("clicks", "meanwhile", partition=0)
        with pytest.raises(WaitTimeout):
            broker.await_committed("readers", "clicks", timeout=0.5)
    after = broker.await_committed("readers", "clicks")
    # During the pause or only now: kafka-python reads nothing while it looks for its coordinator.
    assert member.read.get(timeout=30) == (0, 0, b"meanwhile")
    assert [m.member_id for m in after.members] == [m.member_id for m in before.members], "nobody had to leave"


@BOTH
def test_one_groups_coordinator_moves_and_no_other_group_notices(broker: Handle, join: Join) -> None:
    join("reader")
    other = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "others"})
    before = broker.await_positioned("readers")
    with broker.coordinator.unavailable("readers"):
        broker.produce("clicks", "meanwhile", partition=0)
        other.commit(offsets=[confluent_kafka.TopicPartition("clicks", 0, 1)], asynchronous=False)
        with pytest.raises(WaitTimeout):
            broker.await_committed("readers", "clicks", timeout=0.5)
        broker.clock.advance(600)
    after = broker.await_committed("readers", "clicks")
    assert [m.member_id for m in after.members] == [m.member_id for m in before.members], "nobody's session ended"
    assert broker.groups["others"].committed[TopicPartition("clicks", 0)].offset == 1
    other.close()


@BOTH
def test_an_assignment_is_pinned_and_the_leader_decides_again_afterwards(broker: Handle, join: Join) -> None:
    join("a")
    join("b")
    broker.await_stable("readers", members=2)
    with broker.groups.pinned("readers", {"a": [TopicPartition("clicks", 0)], "b": [("clicks", 1), ("clicks", 2)]}):
        group = broker.await_stable("readers", members=2)
        assert [group.owners[partition].client_id for partition in sorted(ALL)] == ["a", "b", "b"]
    with broker.groups.pinned("readers", {"b": ALL}):
        group = broker.await_stable("readers", members=2)
        assert group.member("b").assignment == ALL
        assert not group.member("a").assignment
    group = broker.await_stable("readers", members=2)
    assert all(member.assignment for member in group.members)


def test_what_is_pinned_to_somebody_who_is_gone_is_read_by_others(broker: Handle, join: Join) -> None:
    join("a")
    pinned = join("b", instance="b")
    broker.groups.pin("readers", {"b": ALL})
    assert broker.await_stable("readers", members=2).member("b").assignment == ALL
    pinned.ask_to_stop()
    assert pinned.has_ended.wait(30)
    broker.groups.expire("readers", "b")  # static members do not leave when they are closed (KIP-345)
    assert broker.await_stable("readers", members=1).member("a").assignment == ALL


def test_cooperative_members_let_go_before_another_gets_what_is_pinned(broker: Handle) -> None:
    owned: dict[tuple[str, int], str] = {}
    stop = threading.Event()

    def follow(name: str) -> None:
        def gained(_: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
            for partition in partitions:
                assert owned.setdefault((partition.topic, partition.partition), name) == name, "two owners"
            follower.incremental_assign(partitions)

        def lost(_: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
            for partition in partitions:
                del owned[partition.topic, partition.partition]
            follower.incremental_unassign(partitions)

        follower = confluent_kafka.Consumer({
            "bootstrap.servers": broker.bootstrap,
            "group.id": "readers",
            "client.id": name,
            "partition.assignment.strategy": "cooperative-sticky",
            "heartbeat.interval.ms": 100,
        })  # fmt: skip
        follower.subscribe(["clicks"], on_assign=gained, on_revoke=lost)
        while not stop.is_set():
            follower.poll(0.05)
        follower.close()

    with ThreadPoolExecutor() as pool:
        followers = [pool.submit(follow, name) for name in ("a", "b")]
        try:
            broker.await_stable("readers", members=2)
            for owner in ("a", "b", "a"):
                broker.groups.pin("readers", {owner: ALL})
                group = broker.await_stable("readers", members=2)
                assert group.member(owner).assignment == ALL
            broker.await_positioned("readers")
            assert owned == dict.fromkeys(ALL, "a")
        finally:
            stop.set()
        for follower in followers:
            follower.result(30)


def test_a_partition_is_pinned_to_one_member_only(broker: Handle) -> None:
    with pytest.raises(ValueError, match=r"pairs of topic and number, .* not \('clicks', -1\)"):
        broker.groups.pin("readers", {"a": [("clicks", -1)]})
    with pytest.raises(ValueError, match="clicks-1 cannot be pinned to both 'a' and 'b': it has one owner"):
        broker.groups.pin("readers", {"a": [("clicks", 1)], "b": [("clicks", 1)]})


def test_what_is_pinned_exists_or_is_of_a_topic_to_come(broker: Handle) -> None:
    with pytest.raises(LookupError, match=r"topic 'clicks' has 3 partition\(s\), and no 3"):
        broker.groups.pin("readers", {"a": [("clicks", 3)]})
    broker.groups.pin("readers", {"a": [("to come", 3)]})


def test_a_commit_waits_for_its_coordinator(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    consumer.commit(offsets=[confluent_kafka.TopicPartition("clicks", 0, 1)], asynchronous=False)
    broker.coordinator.move_away()
    broker.coordinator.move_away()
    consumer.commit(offsets=[confluent_kafka.TopicPartition("clicks", 0, 2)], asynchronous=True)
    broker.coordinator.move_back()
    broker.coordinator.move_back()
    assert broker.await_committed("readers", "clicks", partition=0, offset=2).lag == 0


# The broker


def test_a_producer_survives_that_the_broker_is_unavailable(broker: Handle) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": broker.bootstrap, "reconnect.backoff.ms": 10, "log_level": 0}
    )
    producer.produce("clicks", b"before", partition=0)
    assert producer.flush(30) == 0
    with broker.unavailable():
        producer.produce("clicks", b"meanwhile", partition=0)
        assert producer.flush(0.3) == 1
    assert producer.flush(30) == 0
    assert [record.text for record in broker.records("clicks")] == ["before", "meanwhile"]


def test_time_is_each_brokers_own() -> None:
    with run() as first, run() as second:
        first.clock.advance(1_000_000)
        assert first.clock.now_ms() - second.clock.now_ms() > 900_000_000

"""Snapshots of a broker, and what unmodified clients make of coming back to one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiokafka
import confluent_kafka
import kafka
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from kafkalite.errors import StartError
from kafkalite.testing import BrokerFailed, Handle, NotOnThisBroker, connect, run
from tests.support.group_members import BOTH, Join


@pytest.fixture(params=["memory", "disk"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Handle]:
    """A broker in memory, and one that keeps what it has in a directory."""
    with run(topics={"clicks": 3}, data=tmp_path / "data" if request.param == "disk" else None) as handle:
        yield handle


class _Quiet:
    """A logger that says nothing: clients are cut off here on purpose."""

    def log(self, *_: object) -> None:
        pass


def settings(broker: Handle, **more: Any) -> dict[str, Any]:
    return {"bootstrap.servers": broker.bootstrap, "logger": _Quiet(), "reconnect.backoff.max.ms": 200, **more}


def idempotent(broker: Handle) -> confluent_kafka.Producer:
    return confluent_kafka.Producer(settings(broker, **{"enable.idempotence": True}))


def send(producer: confluent_kafka.Producer, *values: str) -> None:
    failed: list[Any] = []

    def delivered(error: confluent_kafka.KafkaError | None, _: object) -> None:
        if error:
            failed.append(error)

    for value in values:
        producer.produce("clicks", value, partition=0, on_delivery=delivered)
    assert producer.flush(30) == 0
    assert not failed


def texts(broker: Handle, topic: str = "clicks") -> list[str]:
    return [record.text for record in broker.records(topic)]


def commit(broker: Handle, offset: int, group: str = "readers") -> None:
    consumer = confluent_kafka.Consumer(settings(broker, **{"group.id": group}))
    consumer.commit(offsets=[confluent_kafka.TopicPartition("clicks", 0, offset)], asynchronous=False)
    consumer.close()


def committed(broker: Handle, group: str = "readers") -> dict[tuple[str, int], int]:
    return {partition: known.offset for partition, known in broker.groups[group].committed.items()}


def set_retention(broker: Handle, ms: str) -> None:
    entry = ConfigEntry("retention.ms", ms, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, "clicks", incremental_configs=[entry])
    admin = AdminClient(settings(broker))
    admin.incremental_alter_configs([resource])[resource].result(30)


def retention(broker: Handle) -> str:
    resource = ConfigResource(ResourceType.TOPIC, "clicks")
    admin = AdminClient(settings(broker))
    return str(admin.describe_configs([resource])[resource].result(30)["retention.ms"].value)


# What comes back


def test_records_topics_offsets_and_configurations_come_back(broker: Handle) -> None:
    broker.topics.create("old", partitions=2)
    broker.produce("old", "kept", partition=1)
    broker.produce("clicks", "a", "b", "c", partition=0)
    commit(broker, 2)
    set_retention(broker, "60000000")
    bootstrap, snapshot = broker.bootstrap, broker.snapshots.take()

    broker.produce("clicks", "d", partition=0)
    commit(broker, 4)
    commit(broker, 1, group="others")
    broker.topics.create("new")
    broker.topics.delete("old")
    set_retention(broker, "5000000")
    admin = AdminClient(settings(broker))
    admin.create_partitions([NewPartitions("clicks", 6)])["clicks"].result(30)

    broker.snapshots.restore(snapshot)
    assert broker.bootstrap == bootstrap
    assert sorted(broker.topics) == ["clicks", "old"]
    assert broker.topics["clicks"].end_offsets == (3, 0, 0)
    assert (texts(broker), texts(broker, "old")) == (["a", "b", "c"], ["kept"])
    assert committed(broker) == {("clicks", 0): 2}
    assert broker.groups["others"].state == "Dead"
    assert retention(broker) == "60000000"


def test_a_snapshot_is_restored_as_often_as_is_wanted(broker: Handle) -> None:
    broker.produce("clicks", "seed", partition=0)
    snapshot = broker.snapshots.take()
    for number in range(5):
        broker.produce("clicks", f"test {number}", partition=0)
        assert texts(broker) == ["seed", f"test {number}"]
        broker.snapshots.restore(snapshot)
        assert texts(broker) == ["seed"]


def test_there_may_be_several_snapshots_and_they_are_restored_in_any_order(broker: Handle) -> None:
    snapshots = []
    for number in range(4):
        snapshots.append(broker.snapshots.take())
        broker.produce("clicks", str(number), partition=0)
    for number in (2, 0, 3, 1):
        broker.snapshots.restore(snapshots[number])
        assert texts(broker) == [str(before) for before in range(number)]
        broker.produce("clicks", "noise", partition=0)


def test_what_happens_in_a_scratch_is_forgotten_even_if_it_fails(broker: Handle) -> None:
    broker.produce("clicks", "seed")

    def fail() -> None:
        with broker.snapshots.scratch():
            broker.produce("clicks", "scratch")
            broker.topics.create("scratch")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert texts(broker) == ["seed"]
    assert list(broker.topics) == ["clicks"]


def test_the_turn_of_partitions_begins_again_with_each_restore(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    for _ in range(2):
        assert [broker.produce("clicks", "x")[0].partition for _ in range(4)] == [0, 1, 2, 0]
        broker.snapshots.restore(snapshot)


def test_retention_rolling_and_time_do_not_reach_a_snapshot(broker: Handle) -> None:
    broker.topics.create("short", configs={"retention.ms": "60000", "segment.ms": "1000"})
    broker.produce("short", "first")
    with broker.clock.frozen():
        snapshot = broker.snapshots.take()
        broker.clock.advance(120)
        broker.produce("short", "second")
        broker.clock.advance(600)
        assert texts(broker, "short") == []
        now = broker.clock.now_ms()
        broker.snapshots.restore(snapshot)
        assert texts(broker, "short") == ["first"]
        assert broker.clock.now_ms() == now, "time is not restored"


# Clients


def test_an_idempotent_producer_goes_on_where_the_snapshot_was_taken(broker: Handle) -> None:
    producer = idempotent(broker)
    send(producer, "a", "b", "c")
    broker.snapshots.restore(broker.snapshots.take())
    send(producer, "d", "e")
    assert texts(broker) == ["a", "b", "c", "d", "e"]


def test_kafka_python_goes_on_after_a_restore(broker: Handle) -> None:
    producer: Any = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    producer.send("clicks", b"a", partition=0).get(30)
    with broker.snapshots.scratch():
        broker.produce("clicks", "scratch", partition=1)
    producer.send("clicks", b"b", partition=0).get(30)
    producer.close()
    assert texts(broker) == ["a", "b"]


def test_producers_of_before_and_after_a_restore_are_never_taken_for_each_other(broker: Handle) -> None:
    """Both would have the first producer id, and each the other's batches for duplicates of its own."""
    snapshot = broker.snapshots.take()
    before = idempotent(broker)
    send(before, "before")
    broker.snapshots.restore(snapshot)
    after = idempotent(broker)
    send(after, "after")
    assert texts(broker) == ["after"]


@BOTH
def test_a_member_goes_on_with_its_group_after_a_restore(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "a", partition=0)
    member = join("reader")
    assert member.read.get(timeout=30) == (0, 0, b"a")
    broker.await_committed("readers", "clicks", partition=0, offset=1)
    before = broker.groups["readers"].member("reader").member_id
    broker.snapshots.restore(broker.snapshots.take())
    assert broker.groups["readers"].member("reader").member_id == before
    broker.produce("clicks", "b", partition=0)
    assert member.read.get(timeout=30) == (0, 1, b"b")
    assert broker.groups["readers"].member("reader").member_id == before


@BOTH
def test_a_member_that_a_restored_group_does_not_know_joins_again(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "a", partition=0)
    snapshot = broker.snapshots.take()
    member = join("reader")
    broker.await_committed("readers", "clicks", partition=0, offset=1)
    broker.snapshots.restore(snapshot)
    assert committed(broker) == {} or broker.groups["readers"].members
    broker.await_stable("readers", members=1)
    broker.produce("clicks", "b", partition=0)
    read = [member.read.get(timeout=30)]
    while read[-1][1:] != (1, b"b"):
        read.append(member.read.get(timeout=30))


def test_a_restore_under_load_loses_nothing_that_is_acknowledged_afterwards(broker: Handle) -> None:
    acknowledged: list[tuple[int, bytes]] = []
    stopping = threading.Event()
    producer = confluent_kafka.Producer(settings(broker, **{"linger.ms": 0, "acks": "all"}))

    def delivered(error: object, message: confluent_kafka.Message) -> None:
        value, offset = message.value(), message.offset()
        if error is None and value is not None and offset is not None:
            acknowledged.append((offset, value))

    def load() -> None:
        number = 0
        while not stopping.is_set():
            producer.produce("clicks", str(number), partition=0, on_delivery=delivered)
            producer.poll(0.001)
            number += 1
        producer.flush(30)

    loading = threading.Thread(target=load)
    loading.start()
    try:
        broker.consume("clicks", 50)
        snapshot = broker.snapshots.take()
        for _ in range(5):
            broker.consume("clicks", 20, partition=0, offset=len(texts(broker)))
            broker.snapshots.restore(snapshot)
            acknowledged.clear()
        broker.consume("clicks", 20, partition=0, offset=len(texts(broker)))
    finally:
        stopping.set()
        loading.join()
    there = {(record.offset, record.value) for record in broker.records("clicks")}
    # An answer that was on its way when the broker was restored may have been heard after the list was cleared.
    lost = [answer for answer in acknowledged if answer not in there]
    assert len(acknowledged) > len(lost)
    assert lost == acknowledged[: len(lost)]


def test_a_consumer_that_waits_for_data_is_served_after_a_restore(broker: Handle) -> None:
    consumer = confluent_kafka.Consumer(settings(broker, **{"group.id": "none", "fetch.wait.max.ms": 30_000}))
    broker.requests.start()
    consumer.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
    broker.await_request("Fetch", outcome="waiting")
    assert consumer.poll(0) is None
    broker.snapshots.restore(broker.snapshots.take())
    broker.produce("clicks", "after", partition=0)
    message = consumer.poll(30)
    assert message is not None
    assert message.value() == b"after"
    consumer.close()


def test_waits_of_the_handle_go_on_over_a_restore(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    broker.produce("clicks", "forgotten")
    waiting = threading.Thread(target=lambda: found.extend(broker.consume("clicks", 2)))
    found: list[Any] = []
    waiting.start()
    broker.snapshots.restore(snapshot)
    broker.produce("clicks", "one", partition=0)
    broker.produce("clicks", "two", partition=0)
    waiting.join()
    assert [record.text for record in found] == ["one", "two"]


async def with_aiokafka(broker: Handle) -> list[str | None]:
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    with broker.aio.handle.snapshots.scratch():
        await producer.send_and_wait("clicks", b"scratch", partition=0)
    await producer.send_and_wait("clicks", b"kept", partition=0)
    await producer.stop()
    (record,) = await broker.aio.consume("clicks")
    return [record.text]


def test_snapshots_work_in_an_event_loop(broker: Handle) -> None:
    assert asyncio.run(with_aiokafka(broker)) == ["kept"]


# Controls


@BOTH
def test_who_was_fenced_after_the_snapshot_is_no_more_after_a_restore(broker: Handle, join: Join) -> None:
    join("reader", instance="reader")
    broker.await_stable("readers", members=1)
    snapshot = broker.snapshots.take()
    broker.groups.fence("readers", "reader")
    broker.snapshots.restore(snapshot)
    assert broker.await_stable("readers", members=1).member("reader")


def test_a_coordinator_that_is_away_stays_away(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    with broker.coordinator.unavailable():
        broker.snapshots.restore(snapshot)
        consumer = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        with pytest.raises(Exception, match="oordinator"):
            consumer.list_group_offsets("readers")
        consumer.close()
    commit(broker, 0)
    assert committed(broker) == {("clicks", 0): 0}


def test_faults_stay_and_act_on_what_was_restored(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    with broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topic="clicks", times=1) as fault:
        broker.snapshots.restore(snapshot)
        send(confluent_kafka.Producer(settings(broker)), "a")
        assert [fired.about for fired in fault.fired] == [("clicks-0",)]
    assert texts(broker) == ["a"]


def test_a_snapshot_without_a_name_gets_a_number_that_is_free(broker: Handle) -> None:
    broker.snapshots.take("1")
    assert broker.snapshots.take().name == "2"


def test_a_snapshot_is_restored_by_its_name(broker: Handle) -> None:
    broker.snapshots.take("seed")
    broker.produce("clicks", "forgotten")
    broker.snapshots.restore("seed")
    assert texts(broker) == []
    with pytest.raises(LookupError, match="there is no snapshot 'sead'; snapshots: 'seed'"):
        broker.snapshots.restore("sead")


def test_a_request_that_is_held_over_a_restore_is_never_done(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    with broker.faults.hold("Produce") as fault:
        producer = confluent_kafka.Producer(settings(broker, retries=0))
        producer.produce("clicks", "of the past", partition=0)
        producer.poll(0)
        fault.await_fired()
        assert fault.held == 1
        broker.snapshots.restore(snapshot)
        assert (fault.held, fault.release()) == (0, 0)
    producer.flush(30)
    assert texts(broker) == []


# Forks


def test_a_fork_begins_with_the_snapshot_and_goes_its_own_way(broker: Handle) -> None:
    producer = idempotent(broker)
    send(producer, "a", "b")
    commit(broker, 1)
    snapshot = broker.snapshots.take()
    send(producer, "c")
    with snapshot.fork() as fork, snapshot.fork() as other:
        assert len({broker.bootstrap, fork.bootstrap, other.bootstrap}) == 3
        send(idempotent(fork), "in the fork")
        commit(fork, 3)
        fork.topics.create("forked")
        assert (texts(broker), texts(fork), texts(other)) == (["a", "b", "c"], ["a", "b", "in the fork"], ["a", "b"])
        assert [committed(one) for one in (broker, fork, other)] == [
            {("clicks", 0): 1},
            {("clicks", 0): 3},
            {("clicks", 0): 1},
        ]
        assert [list(one.topics) for one in (broker, fork, other)] == [["clicks"], ["clicks", "forked"], ["clicks"]]
        broker.snapshots.restore(snapshot)
        send(idempotent(broker), "again")
        assert texts(fork) == ["a", "b", "in the fork"]
        inner = fork.snapshots.take()
        fork.produce("clicks", "more", partition=0)
        fork.snapshots.restore(inner)
        assert texts(fork) == ["a", "b", "in the fork"]
    assert texts(broker) == ["a", "b", "again"]


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_a_fork_ends_with_its_broker_though_it_was_to_end_later(tmp_path: Path, *, is_on_disk: bool) -> None:
    with ExitStack() as later:
        with run(topics={"clicks": 2}, data=tmp_path / "data" if is_on_disk else None) as broker:
            fork = later.enter_context(broker.snapshots.take().fork())
            inner = later.enter_context(fork.snapshots.take().fork())
            inner.produce("clicks", "a", partition=1)
        for ended in (fork, inner):
            with pytest.raises(BrokerFailed, match="stopped"):
                ended.produce("clicks", "b", partition=0)


def test_a_forks_clock_begins_with_its_brokers_time(broker: Handle) -> None:
    broker.clock.advance(7200)
    with broker.snapshots.take().fork() as fork:
        assert abs(fork.clock.now_ms() - broker.clock.now_ms()) < 60_000
        fork.clock.advance(7200)
        assert fork.clock.now_ms() - broker.clock.now_ms() > 7000_000


# Keeping them


def test_a_saved_snapshot_is_a_data_directory(broker: Handle, tmp_path: Path) -> None:
    broker.produce("clicks", "a", "b", partition=0)
    commit(broker, 1)
    snapshot = broker.snapshots.take()
    broker.produce("clicks", "c", partition=0)
    snapshot.save(tmp_path / "copy")
    with run(data=tmp_path / "copy") as other:
        assert texts(other) == ["a", "b"]
        assert committed(other) == {("clicks", 0): 1}
        other.produce("clicks", "its own", partition=0)
    with pytest.raises(FileExistsError, match="not empty"):
        snapshot.save(tmp_path / "copy")
    assert texts(broker) == ["a", "b", "c"]


def test_a_directory_that_came_back_is_one_as_any_other(tmp_path: Path) -> None:
    with run(topics={"clicks": 2}, data=tmp_path / "data") as broker:
        broker.produce("clicks", "a", partition=0)
        snapshot = broker.snapshots.take()
        broker.produce("clicks", "forgotten", partition=1)
        broker.snapshots.restore(snapshot)
        broker.produce("clicks", "b", partition=0)
        with pytest.raises(StartError, match="in use"), run(data=tmp_path / "data"):
            pass
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        ".kafka_cleanshutdown",
        ".lock",
        "__cluster_metadata-0",
        "clicks-0",
        "log-start-offset-checkpoint",
        "meta.properties",
        "recovery-point-offset-checkpoint",
    ]
    with run(data=tmp_path / "data") as broker:
        assert texts(broker) == ["a", "b"]


def test_a_snapshot_that_was_discarded_cannot_be_used(broker: Handle, tmp_path: Path) -> None:
    broker.produce("clicks", "a")
    snapshot = broker.snapshots.take()
    snapshot.discard()
    snapshot.discard()
    with pytest.raises(ValueError, match="was discarded"):
        broker.snapshots.restore(snapshot)
    with pytest.raises(ValueError, match="was discarded"), snapshot.fork():
        pass
    with pytest.raises(ValueError, match="was discarded"):
        snapshot.save(tmp_path / "saved")
    assert texts(broker) == ["a"]


def test_snapshots_are_found_by_their_names(broker: Handle) -> None:
    seed, first = broker.snapshots.take("seed"), broker.snapshots.take()
    assert broker.snapshots["seed"] is seed
    assert list(broker.snapshots) == [seed, first]
    assert repr(seed) == "<snapshot 'seed'>"
    with pytest.raises(ValueError, match="there is a snapshot 'seed' already"):
        broker.snapshots.take("seed")
    seed.discard()
    with pytest.raises(LookupError, match=f"there is no snapshot 'seed'; snapshots: '{first.name}'"):
        broker.snapshots["seed"]


def test_a_snapshot_of_another_broker_is_refused(broker: Handle) -> None:
    with run() as other, pytest.raises(ValueError, match="is of another broker"):
        broker.snapshots.restore(other.snapshots.take())
    with broker.snapshots.take().fork() as fork, pytest.raises(ValueError, match="is of another broker"):
        broker.snapshots.restore(fork.snapshots.take())


def test_a_broker_elsewhere_has_no_snapshots(broker: Handle) -> None:
    with connect(broker.bootstrap) as other, pytest.raises(NotOnThisBroker, match="taking snapshots works only"):
        other.snapshots.take()

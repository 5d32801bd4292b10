"""Faults that a test injects, and what unmodified clients make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka
import aiokafka.errors
import confluent_kafka
import kafka
import kafka.errors
import pytest

from kafkalite.testing import Handle, TopicPartition, WaitTimeout
from tests.support.group_members import _QUIET, BOTH, Join

Produce = Callable[[Handle, bytes], None]


def produce_confluent(broker: Handle, value: bytes, **settings: Any) -> None:
    config = {"bootstrap.servers": broker.bootstrap, "retry.backoff.ms": 10, "logger": _QUIET, **settings}
    producer = confluent_kafka.Producer(config)
    producer.produce("clicks", value, partition=0)
    assert producer.flush(30) == 0


def produce_kafka_python(broker: Handle, value: bytes, **settings: Any) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, retry_backoff_ms=10, **settings)
    producer.send("clicks", value, partition=0).get(timeout=30)
    producer.close()


def produce_aiokafka(broker: Handle, value: bytes, **settings: Any) -> None:
    async def produce() -> None:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap, retry_backoff_ms=10, **settings)
        await producer.start()
        await producer.send_and_wait("clicks", value, partition=0)
        await producer.stop()

    asyncio.run(produce())


PRODUCERS = pytest.mark.parametrize(
    "produce",
    [produce_confluent, produce_kafka_python, produce_aiokafka],
    ids=["confluent", "kafka-python", "aiokafka"],
)

pytestmark = pytest.mark.also_over_http


def values(broker: Handle) -> list[bytes | None]:
    return [record.value for record in broker.records("clicks")]


@pytest.fixture
def consumer(broker: Handle) -> Any:
    """A client that only commits and asks, without being a member."""
    made = confluent_kafka.Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": "readers", "logger": _QUIET, "check.crcs": True}
    )
    yield made
    made.close()


# Errors


@PRODUCERS
def test_a_producer_survives_a_leader_that_has_moved(broker: Handle, produce: Produce) -> None:
    with broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topic="clicks", times=2) as fault:
        produce(broker, b"one")
    assert values(broker) == [b"one"]
    assert [fired.about for fired in fault.fired] == [("clicks-0",), ("clicks-0",)]


def test_records_that_were_written_and_reported_as_not_are_written_twice(broker: Handle) -> None:
    broker.faults.error("Produce", "REQUEST_TIMED_OUT", on="reply", times=1)
    produce_confluent(broker, b"one")
    assert values(broker) == [b"one", b"one"]


@pytest.mark.parametrize("error", ["ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"])
def test_a_commit_fails(broker: Handle, consumer: confluent_kafka.Consumer, error: str) -> None:
    commit = [confluent_kafka.TopicPartition("clicks", 0, 5)]
    with broker.faults.error("OffsetCommit", error, group="readers") as fault:
        with pytest.raises(confluent_kafka.KafkaException) as failure:
            consumer.commit(offsets=commit, asynchronous=False)
        assert failure.value.args[0].name() == error
        fault.await_fired()
    assert not broker.groups["readers"].committed
    consumer.commit(offsets=commit, asynchronous=False)
    assert broker.groups["readers"].committed[TopicPartition("clicks", 0)].offset == 5


def test_a_commit_of_kafka_python_fails(broker: Handle) -> None:
    broker.produce("clicks", "one", partition=0)
    made = kafka.KafkaConsumer(
        "clicks", bootstrap_servers=broker.bootstrap, group_id="readers", auto_offset_reset="earliest"
    )
    made.config["enable_auto_commit"] = False
    assert made.poll(timeout_ms=30_000)
    with (
        broker.faults.error("OffsetCommit", "ILLEGAL_GENERATION"),
        pytest.raises(kafka.errors.CommitFailedError),
    ):
        made.commit()
    made.close(autocommit=False)


@BOTH
def test_a_reader_goes_on_where_only_the_others_partition_fails(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "never read", partition=0)
    broker.produce("clicks", "read", partition=1)
    with broker.faults.error("Fetch", "KAFKA_STORAGE_ERROR", topic="clicks", partition=0) as fault:
        reader = join("anna")
        assert reader.read.get(timeout=30) == (1, 0, b"read")
        fault.await_fired()
    assert reader.read.get(timeout=30) == (0, 0, b"never read")


# Delays and holds


def test_a_delayed_fetch_delays_nobody_else(broker: Handle, join: Join) -> None:
    with broker.faults.delay("Fetch", 3600, client_id="slow") as delay:
        slow = join("slow", group="a")
        delay.await_fired()
        fast = join("fast", group="b")
        broker.produce("clicks", "one", partition=2)
        assert fast.read.get(timeout=30) == (2, 0, b"one")
        assert slow.read.empty()
    broker.clock.advance(3600, keep_alive=["slow", "fast"])
    assert slow.read.get(timeout=30) == (2, 0, b"one")


def test_a_request_is_held_until_it_is_released(broker: Handle) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap})
    with broker.faults.hold("Produce") as hold:
        producer.produce("clicks", b"one", partition=0)
        (fired,) = hold.await_fired()
        assert (producer.flush(0.1), hold.held, fired.released) == (1, 1, False)
        assert values(broker) == []
        assert hold.release() == 1
        assert producer.flush(30) == 0
    assert values(broker) == [b"one"]
    assert hold.fired[0].released


def test_what_is_held_goes_on_when_the_fault_ends(broker: Handle) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap})
    with broker.faults.hold("Produce", on="reply") as hold:
        producer.produce("clicks", b"one", partition=0)
        hold.await_fired()
        broker.consume("clicks")  # it is written
        assert producer.flush(0.1) == 1
    assert producer.flush(30) == 0


def test_a_held_call_is_awaited_from_asyncio(broker: Handle) -> None:
    async def produce() -> None:
        hold = broker.faults.hold("Produce")
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            sent = await producer.send("clicks", b"one", partition=0)
            (fired,) = await broker.aio.await_fired(hold)
            assert fired.client_id.startswith("aiokafka")
            assert not sent.done()
            hold.remove()
            assert (await sent).offset == 0

    asyncio.run(produce())


# Connections and replies that are lost


@PRODUCERS
@pytest.mark.parametrize("on", ["request", "reply"])
def test_a_plain_producer_writes_again_what_it_does_not_know_to_be_written(
    broker: Handle, produce: Any, on: Any
) -> None:
    settings = {"enable_idempotence": False} if produce is produce_kafka_python else {}
    with broker.faults.disconnect("Produce", on=on, times=1) as fault:
        produce(broker, b"one", **settings)
    assert len(fault.fired) == 1
    assert values(broker) == [b"one"] * (1 if on == "request" else 2)


@pytest.mark.parametrize(
    ("produce", "settings"),
    [
        (produce_confluent, {"enable.idempotence": True}),
        (produce_kafka_python, {"enable_idempotence": True}),
        (produce_aiokafka, {"enable_idempotence": True}),
    ],
    ids=["confluent", "kafka-python", "aiokafka"],
)
def test_an_idempotent_producer_that_is_cut_off_writes_nothing_twice(
    broker: Handle, produce: Any, settings: dict[str, Any]
) -> None:
    with broker.faults.disconnect("Produce", on="reply", times=1) as fault:
        produce(broker, b"one", **settings)
    assert len(fault.fired) == 1
    assert values(broker) == [b"one"]


def test_a_producer_that_waits_in_vain_for_a_reply_asks_again(broker: Handle) -> None:
    with broker.faults.drop("Produce", times=1) as fault:
        produce_confluent(broker, b"one", **{"request.timeout.ms": 300, "socket.timeout.ms": 300})
    assert len(fault.fired) == 1
    assert len(values(broker)) > 1, "twice, or more often where the machine is slower than the client waits"


def test_a_member_whose_heartbeats_are_lost_is_expired(broker: Handle, join: Join) -> None:
    join("anna")
    join("ben")
    broker.await_stable("readers", members=2)
    with broker.faults.drop("Heartbeat", on="request", group="readers", member="anna") as fault:
        fault.await_fired()
        broker.clock.advance(46, keep_alive=["ben"])
        group = broker.await_stable("readers", members=1)
        assert group.member("ben").assignment == {("clicks", index) for index in range(3)}


# What replies say


def test_confluent_finds_the_corruption(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    broker.produce("clicks", "one", partition=0)
    with broker.faults.corrupt(topic="clicks", times=1) as fault:
        consumer.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
        damaged = consumer.poll(30)
        assert damaged is not None
        error = damaged.error()
        assert error is not None
        assert error.code() == confluent_kafka.KafkaError._BAD_MSG
        fault.await_fired()
    assert broker.records("clicks")[0].text == "one"
    consumer.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
    read = consumer.poll(30)
    assert read is not None
    assert read.value() == b"one"


def test_kafka_python_finds_the_corruption(broker: Handle) -> None:
    broker.produce("clicks", "one", partition=0)
    reader = kafka.KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", check_crcs=True)
    reader.assign([kafka.TopicPartition("clicks", 0)])
    with broker.faults.corrupt(), pytest.raises(kafka.errors.CorruptRecordError):
        reader.poll(timeout_ms=30_000)
    reader.close()


def test_aiokafka_finds_the_corruption(broker: Handle) -> None:
    async def read() -> None:
        reader = aiokafka.AIOKafkaConsumer(
            "clicks", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", check_crcs=True
        )
        async with reader:
            with pytest.raises(aiokafka.errors.CorruptRecordException):
                await asyncio.wait_for(reader.getone(), 10)

    broker.produce("clicks", "one", partition=0)
    with broker.faults.corrupt():
        asyncio.run(read())


def test_a_client_tells_that_it_is_throttled(broker: Handle) -> None:
    told: list[float] = []
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": broker.bootstrap, "throttle_cb": lambda event: told.append(event.throttle_time)}
    )
    with broker.faults.throttle("Produce", 0.25):
        producer.produce("clicks", b"one", partition=0)
        assert producer.flush(30) == 0
    producer.poll(0)
    assert told == [0.25]


def test_a_client_that_only_tells_of_its_throttling_is_held_back_by_the_broker(broker: Handle) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "logger": _QUIET})
    with broker.clock.frozen():
        broker.faults.throttle("Produce", 60, times=1)
        producer.produce("clicks", b"one", partition=0)
        assert producer.flush(30) == 0
        producer.produce("clicks", b"two", partition=0)
        assert producer.flush(0.3) == 1, "it was sent at once, and not looked at"
        produce_confluent(broker, b"of another client")
        broker.clock.advance(60)
        assert producer.flush(30) == 0
    assert values(broker) == [b"one", b"of another client", b"two"]


def test_a_client_that_waits_by_itself_goes_on(broker: Handle) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    broker.faults.throttle("Produce", 0.1, times=1)
    with broker.requests.recording() as log:
        for value in (b"one", b"two"):
            producer.send("clicks", value, partition=0).get(timeout=30)
    producer.close()
    first, second = log.find("Produce")
    assert (first.response.throttle_time_ms, second.response.throttle_time_ms) == (100, 0)
    assert second.asked_ms - first.asked_ms >= 100


@BOTH
def test_a_throttled_reader_reads_on(broker: Handle, join: Join) -> None:
    fault = broker.faults.throttle("Fetch", 0.05)
    reader = join("anna")
    for number in range(3):
        broker.produce("clicks", f"{number}", partition=0)
        assert reader.read.get(timeout=30) == (0, number, f"{number}".encode())
    assert len(fault.fired) >= 3


# The log and its waits


def test_a_fault_that_does_not_fire_is_told_with_all_that_did(broker: Handle) -> None:
    broker.faults.delay("Produce", 0.01, name="a short delay")
    never = broker.faults.error("Fetch", "UNKNOWN_TOPIC_ID", name="never")
    produce_confluent(broker, b"one", **{"client.id": "shop"})
    with pytest.raises(WaitTimeout) as failure:
        never.await_fired(2, timeout=0.05)
    said = str(failure.value)
    assert "waited for the fault 'never' to act 2 time(s); it acted 0" in said
    assert "(clicks-0)" not in said, "the fault does not choose"
    assert "of shop at 127.0.0.1:" in said
    assert "delayed by 0.01 s [a short delay]" in said
    assert [fired.rule for fired in broker.faults.fired] == ["a short delay"]


def test_a_mistake_in_a_fault_is_told_with_what_is_allowed(broker: Handle) -> None:
    with pytest.raises(ValueError, match=r"api: there is no API 'Produse'; did you mean Produce\?"):
        broker.faults.error("Produse", "NOT_LEADER_OR_FOLLOWER")
    with pytest.raises(ValueError, match="topic: a request of Heartbeat has no topic; those that have: Produce, F"):
        broker.faults.drop("Heartbeat", topic="clicks")


def test_all_faults_are_cleared(broker: Handle) -> None:
    broker.faults.error("Produce", "INVALID_RECORD")
    broker.faults.clear()
    produce_confluent(broker, b"one")
    assert broker.faults.fired == ()

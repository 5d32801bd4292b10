"""The request log: requests, clients and responses, as real clients produce them."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiokafka
import confluent_kafka
import kafka
import pytest
from confluent_kafka.admin import AdminClient

from kafkalite.controls.request_log.criteria import AwaitedRequest
from kafkalite.testing import Handle, NotOnThisBroker, WaitTimeout, connect, run
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from tests.support.blocking_client import BlockingClient
from tests.support.group_members import Join

pytestmark = pytest.mark.also_over_http

QUIET = {"log_level": 0}
TEXT = b"the same words again and again " * 20


def producer(broker: Handle, **settings: Any) -> confluent_kafka.Producer:
    return confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, **QUIET, **settings})


@pytest.fixture
def consumer(broker: Handle) -> Iterator[confluent_kafka.Consumer]:
    made = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap,
        "client.id": "reader",
        "group.id": "readers",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "max.partition.fetch.bytes": 4_000_000,
        **QUIET,
    })  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def patient(broker: Handle) -> Iterator[confluent_kafka.Consumer]:
    """A reader of one partition, whose fetch waits until the test goes on, however slow the machine is."""
    made = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": "g", "fetch.wait.max.ms": 20_000, **QUIET
    })  # fmt: skip
    broker.requests.start()
    made.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
    yield made
    made.close()


def test_a_call_of_an_earlier_log_that_ends_now_is_not_awaited_in_the_next_one(broker: Handle) -> None:
    with broker.faults.hold("Metadata") as fault, BlockingClient(int(broker.bootstrap.rpartition(":")[2])) as client:
        with broker.requests.recording():
            client.send(MetadataRequest(topics=()), 9)
            fault.await_fired()
        with broker.requests.recording() as log:
            wait = broker.requests.wait_for(AwaitedRequest("Metadata"))
            assert fault.release() == 1
            assert client.receive(MetadataResponse, 9).brokers
            assert list(log) == []
            assert not wait.future.done()


# What clients do


def test_a_producer_sends_one_batch_of_three_records(broker: Handle) -> None:
    # It lingers until it is flushed; but what is flushed before it knows where to send it leaves as it becomes known.
    shop = producer(broker, **{"client.id": "shop", "compression.type": "lz4", "linger.ms": 60_000})
    shop.produce("clicks", "the first", partition=1)
    assert shop.flush(30) == 0
    with broker.requests.recording() as log:
        for key in ("a", "b", "c"):
            shop.produce("clicks", TEXT, key=key, partition=1, headers={"from": "web"})
        assert shop.flush(30) == 0
    produce = log.one("Produce", topic="clicks")
    (batch,) = produce.batches
    assert (batch.topic, batch.partition, batch.count, batch.compression) == ("clicks", 1, 3, "lz4")
    assert batch.size_bytes < 3 * len(TEXT)
    assert [(record.key, record.value) for record in batch.records()] == [(b"a", TEXT), (b"b", TEXT), (b"c", TEXT)]
    assert batch.records()[0].headers == (("from", b"web"),)
    assert (produce.client_id, produce.client_host, produce.outcome, produce.errors) == (
        "shop", "127.0.0.1", "answered", ()
    )  # fmt: skip
    assert produce.request.acks == -1
    assert produce.response.responses[0].partition_responses[0].base_offset == 1


def test_a_consumer_commits_exactly_once(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    broker.produce("clicks", "one", "two", partition=0)
    with broker.requests.recording() as log:
        consumer.subscribe(["clicks"])
        assert len(consumer.consume(2, timeout=30)) == 2
        consumer.commit(asynchronous=False)
    commit = log.one("OffsetCommit", group="readers", topic="clicks")
    assert commit.request.topics[0].partitions[0].committed_offset == 2
    assert (commit.groups, commit.topics) == ({"readers"}, {"clicks"})
    assert ("clicks", 0) in commit.partitions


def test_a_fetch_shows_what_it_brought(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    broker.produce("clicks", "one", "two", partition=2)
    with broker.requests.recording() as log:
        consumer.assign([confluent_kafka.TopicPartition("clicks", 2, 0)])
        assert len(consumer.consume(2, timeout=30)) == 2
    (batch,) = (batch for fetch in log.find("Fetch", topic="clicks", partition=2) for batch in fetch.batches)
    assert (batch.topic, batch.partition, batch.base_offset, batch.count) == ("clicks", 2, 0, 2)
    assert [record.value for record in batch.records()] == [b"one", b"two"]
    assert not any(fetch.batches for fetch in log.find("Fetch", partition=1))


def test_each_client_shows_the_versions_it_speaks(broker: Handle) -> None:
    broker.requests.start()
    producer(broker, **{"client.id": "confluent"}).list_topics(timeout=30)
    kafka.KafkaConsumer(bootstrap_servers=broker.bootstrap, client_id="kafka-python").close()

    async def ask() -> None:
        client = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap, client_id="aiokafka")
        await client.start()
        await client.stop()

    asyncio.run(ask())
    spoken = {
        client: {exchange.api: exchange.api_version for exchange in broker.requests.find(client_id=client)}
        for client in ("confluent", "kafka-python", "aiokafka")
    }
    assert all(versions.keys() >= {"ApiVersions", "Metadata"} for versions in spoken.values()), spoken
    assert len({versions["Metadata"] for versions in spoken.values()}) > 1, "they are not the same client"
    hello = broker.requests.find("ApiVersions", client_id="confluent")[0]
    assert hello.request.client_software_name == "confluent-kafka-python"


def test_a_members_way_into_a_group_is_told_in_order(broker: Handle, join: Join) -> None:
    with broker.requests.recording() as log:
        join("anna")
        broker.await_stable("readers", members=1)
    apis = [exchange.api for exchange in log if "readers" in exchange.groups]
    assert apis[0] == "FindCoordinator"
    assert apis[apis.index("JoinGroup") :][:3] == ["JoinGroup", "JoinGroup", "SyncGroup"]
    (required,) = log.find("JoinGroup", error="MEMBER_ID_REQUIRED")
    assert [str(error) for error in required.errors] == ["MEMBER_ID_REQUIRED"]
    assert len({exchange.connection for exchange in log.find("JoinGroup")}) == 1


def test_errors_are_found_wherever_they_stand(broker: Handle) -> None:
    broker.requests.start()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET})
    with pytest.raises(confluent_kafka.KafkaException):
        admin.delete_topics(["missing"])["missing"].result(30)
    deletion = broker.requests.one(error="UNKNOWN_TOPIC_OR_PARTITION")
    (error,) = deletion.errors
    assert (deletion.api, str(error)) == ("DeleteTopics", "UNKNOWN_TOPIC_OR_PARTITION (missing)")
    assert error.path == "responses[0].error_code"
    assert deletion not in broker.requests.find(error="NONE")


def test_a_topic_that_is_gone_keeps_its_name_in_the_log(broker: Handle, patient: confluent_kafka.Consumer) -> None:
    fetch = broker.await_request("Fetch", outcome="waiting")
    broker.topics.delete("clicks")
    assert broker.requests.find("Fetch", topic="clicks")[0].number == fetch.number


# How requests end


def test_a_fetch_that_waits_for_records_is_shown_as_waiting(broker: Handle, patient: confluent_kafka.Consumer) -> None:
    waiting = broker.await_request("Fetch", outcome="waiting")
    assert (waiting.response, waiting.latency) == (None, None)
    broker.produce("clicks", "one", partition=0)
    answered = broker.await_request("Fetch", since=waiting.number - 1)
    assert answered.number == waiting.number
    assert answered.records_count == 1
    assert answered.latency is not None


def test_a_client_that_goes_leaves_its_fetch_disconnected(broker: Handle, patient: confluent_kafka.Consumer) -> None:
    fetch = broker.await_request("Fetch", outcome="waiting")
    patient.close()
    ended = broker.await_request("Fetch", outcome="disconnected")
    assert (ended.connection, ended.response) == (fetch.connection, None)


def test_a_producer_that_wants_no_answer_gets_none(broker: Handle) -> None:
    broker.requests.start()
    careless = producer(broker, acks=0)
    careless.produce("clicks", b"one")
    careless.flush(30)
    produce = broker.await_request("Produce")
    assert (produce.outcome, produce.response, produce.response_bytes) == ("unanswered", None, 0)


def test_the_log_shows_what_a_client_was_told_and_not_what_the_broker_had_to_say(broker: Handle) -> None:
    broker.requests.start()
    broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", times=1)
    client = producer(broker, **{"retry.backoff.ms": 10})
    client.produce("clicks", b"one", partition=1)
    assert client.flush(30) == 0
    refused, written = broker.requests.find("Produce")
    assert [str(error) for error in refused.errors] == ["NOT_LEADER_OR_FOLLOWER (clicks-1)"]
    assert (written.errors, written.topics) == ((), {"clicks"})


def test_a_client_that_is_cut_off_is_told_from_one_that_is_left_without_an_answer(broker: Handle) -> None:
    broker.requests.start()
    broker.faults.disconnect("Metadata", client_id="cut-off", times=1)
    asking = producer(broker, **{"client.id": "cut-off"})
    cut_off = broker.await_request("Metadata", client_id="cut-off")
    assert (cut_off.outcome, cut_off.response) == ("cut off", None)
    assert cut_off.reason == "disconnected by the fault 'Metadata: disconnected'"
    del asking
    broker.faults.drop("Metadata", client_id="left")
    waiting = producer(broker, **{"client.id": "left"})
    with pytest.raises(confluent_kafka.KafkaException):
        waiting.list_topics(timeout=0.2)
    assert broker.await_request("Metadata", client_id="left").outcome == "unanswered"


def test_the_log_goes_on_when_the_broker_goes_back_to_a_snapshot(broker: Handle) -> None:
    snapshot = broker.snapshots.take()
    broker.requests.start()
    client = producer(broker)
    client.list_topics(timeout=30)
    before = broker.requests.mark
    broker.snapshots.restore(snapshot)
    client.list_topics(timeout=30)
    assert broker.requests.find("Metadata", since=before)
    assert broker.requests.find("Metadata", outcome="answered")[0].number <= before


def test_latency_is_measured_by_the_brokers_clock(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    with broker.clock.frozen():
        broker.requests.start()
        now = broker.clock.now_ms()
        consumer.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
        waiting = broker.await_request("Fetch", outcome="waiting")
        broker.clock.advance(0.1)
        broker.produce("clicks", "one", partition=0)
        fetch = broker.await_request("Fetch", since=waiting.number - 1)
        assert fetch.latency == pytest.approx(0.1)
        assert fetch.asked_ms == now
        broker.await_request("Fetch", since=fetch.number, outcome="waiting")
        assert broker.requests.find(since_ms=now + 1, until_ms=now + 101) != []
        assert fetch not in broker.requests.find(since_ms=now + 1)


# The log itself


@pytest.mark.in_process
def test_the_log_is_off_until_it_is_switched_on_and_then_nobody_observes(broker: Handle) -> None:
    interceptors = broker._local.interceptors
    before = interceptors.installed
    producer(broker).list_topics(timeout=30)
    with pytest.raises(LookupError, match="the request log is off"):
        broker.requests.find("Metadata")
    with pytest.raises(ValueError, match="would wait for ever"):
        broker.await_request("Metadata")
    with broker.requests.recording() as log:
        assert len(interceptors.installed) == len(before) + 1
    assert interceptors.installed == before
    producer(broker).list_topics(timeout=30)
    assert list(log) == []


def test_recordings_within_each_other_share_a_log_and_have_their_own_part_of_it(broker: Handle) -> None:
    with broker.requests.recording() as outer:
        producer(broker, **{"client.id": "first"}).list_topics(timeout=30)
        with broker.requests.recording() as inner:
            producer(broker, **{"client.id": "second"}).list_topics(timeout=30)
        producer(broker, **{"client.id": "third"}).list_topics(timeout=30)
    assert {exchange.client_id for exchange in inner} - {"first"} == {"second"}
    assert {exchange.client_id for exchange in outer} == {"first", "second", "third"}
    with broker.requests.recording() as later:
        pass
    assert len(later) == 0
    assert outer.find("Metadata", client_id="third"), "another recording does not empty an earlier one"


def test_the_oldest_requests_go_when_there_are_too_many(broker: Handle) -> None:
    broker.requests.start(calls=10)
    client = producer(broker, **{"client.id": "asker"})
    for _ in range(20):
        client.list_topics(timeout=30)
    assert len(broker.requests) == 10
    numbers = [exchange.number for exchange in broker.requests]
    assert numbers == list(range(broker.requests.mark - 9, broker.requests.mark + 1))
    assert broker.requests.dropped == broker.requests.mark - 10


def test_the_oldest_requests_go_when_they_are_too_large(broker: Handle) -> None:
    broker.requests.start(size_bytes=50_000)
    client = producer(broker, **{"linger.ms": 0})
    for _ in range(20):
        client.produce("clicks", bytes(10_000), partition=0)
        client.flush(30)
    kept = broker.requests.find("Produce")
    assert sum(exchange.request_bytes for exchange in kept) <= 50_000
    assert len(kept) == 4
    assert broker.requests.dropped >= 16


def test_of_large_records_only_the_beginning_is_kept(broker: Handle, consumer: confluent_kafka.Consumer) -> None:
    for _ in range(4):
        broker.produce("clicks", bytes(400_000), partition=0)
    broker.requests.start()
    consumer.assign([confluent_kafka.TopicPartition("clicks", 0, 0)])
    assert len(consumer.consume(4, timeout=30)) == 4
    fetch = broker.requests.find("Fetch", topic="clicks")[0]
    assert fetch.response_bytes > 1_600_000
    assert [batch.is_whole for batch in fetch.batches] == [True, True, False]
    assert sum(len(batch.data) for batch in fetch.batches) == 1 << 20
    assert fetch.batches[2].count == 1, "what its header says is known"
    with pytest.raises(LookupError, match="bytes of this batch"):
        fetch.batches[2].records()

    large = producer(broker, **{"message.max.bytes": 3_000_000})
    large.produce("clicks", bytes(range(256)) * 8000, partition=1)
    broker.await_request("Produce")
    produce = broker.requests.one("Produce")
    assert produce.request_bytes > 2_000_000
    assert len(produce.batches[0].data) == 1 << 20
    assert large.flush(30) == 0


def test_one_request_is_meant_and_others_are_shown(broker: Handle) -> None:
    with broker.requests.recording() as log:
        client = producer(broker)
        client.list_topics(timeout=30)
        client.list_topics("clicks", timeout=30)
    with pytest.raises(LookupError, match=r"there are \d times Metadata:\n  #\d+ rdkafka Metadata v\d+"):
        log.one("Metadata")
    with pytest.raises(LookupError, match=r"there is no Fetch of group 'g'; the last requests:\n  #1 rdkafka ApiVers"):
        log.one("Fetch", group="g")


def test_names_that_kafka_does_not_have_are_refused(broker: Handle) -> None:
    broker.requests.start()
    with pytest.raises(ValueError, match=r"no API 'OffsetComit'; did you mean OffsetCommit\?"):
        broker.requests.find("OffsetComit")
    with pytest.raises(ValueError, match=r"no error 'NOT_COORDINATR'; did you mean NOT_COORDINATOR\?"):
        broker.requests.find(error="NOT_COORDINATR")
    with pytest.raises(ValueError, match=r"no outcome .lost.; outcomes: .waiting., .answered."):
        broker.requests.find(outcome="lost")
    with pytest.raises(TypeError, match="unexpected keyword argument 'gruop'"):
        broker.requests.find(gruop="readers")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="partition='1': a filter of another type would find nothing"):
        broker.requests.find(partition="1")  # type: ignore[arg-type]
    assert broker.requests.find("offsetcommit") == []


# Waiting


def test_a_wait_ends_with_the_request(broker: Handle) -> None:
    broker.requests.start()
    timer = threading.Timer(0.05, lambda: producer(broker, **{"client.id": "late"}).list_topics(timeout=30))
    timer.start()
    assert broker.await_request("Metadata", client_id="late").response.brokers
    timer.join()


def test_a_wait_in_vain_tells_what_there_was(broker: Handle) -> None:
    with broker.requests.recording() as log:
        producer(broker).list_topics(timeout=30)
        with pytest.raises(WaitTimeout) as failure:
            log.await_request("OffsetCommit", group="readers", timeout=0.05)
    lines = str(failure.value).splitlines()
    assert lines[0] == "after 0.05 s: waited for: OffsetCommit of group 'readers'"
    assert lines[1].startswith("in the log: ")
    assert "Metadata" in lines[1]
    assert lines[-1].strip().startswith("#")
    assert "answered after" in lines[-1]


def test_a_wait_in_asyncio_lets_the_client_go_on(broker: Handle) -> None:
    async def commit() -> int:
        broker.requests.start()
        client = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await client.start()
        sending = asyncio.ensure_future(client.send_and_wait("clicks", b"one"))
        produce = await broker.aio.await_request("Produce")
        await sending
        await client.stop()
        with pytest.raises(WaitTimeout):
            await broker.aio.await_request("DeleteTopics", timeout=0.05)
        return produce.records_count

    assert asyncio.run(commit()) == 1


# JSON


def test_json_lines_tell_all_of_it(broker: Handle, tmp_path: Path) -> None:
    with broker.requests.recording() as log:
        shop = producer(broker, **{"client.id": "shop"})
        shop.produce("clicks", "größer", key=b"\xff", partition=1, headers={"from": "web"})
        assert shop.flush(30) == 0
    file = tmp_path / "requests.jsonl"
    assert log.write_json_lines(file, records=True) == len(log)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    (produce,) = (line for line in lines if line["api"] == "Produce")
    assert produce["client_id"] == "shop"
    assert produce["topics"] == ["clicks"]
    assert produce["errors"] == []
    assert produce["asked"].endswith("Z")
    (partition,) = produce["request"]["topic_data"][0]["partition_data"]
    (batch,) = partition["records"]
    assert (batch["count"], batch["compression"]) == (1, "none")
    (record,) = batch["records"]
    assert (record["key"], record["value"], record["headers"]) == ({"base64": "/w=="}, "größer", [["from", "web"]])
    metadata = next(line for line in lines if line["api"] == "Metadata" and line["response"]["topics"])
    ids = {topic["name"]: topic["topic_id"] for topic in metadata["response"]["topics"]}
    assert len(ids["clicks"]) == 22, "as Kafka prints them"

    summaries = io.StringIO()
    broker.requests.write_json_lines(summaries)
    assert '"größer"' not in summaries.getvalue()


def test_what_was_recorded_outlives_the_broker() -> None:
    with run() as broker, broker.requests.recording() as log:
        producer(broker).list_topics(timeout=30)
    assert log.find("Metadata")
    assert broker.requests.write_json_lines(io.StringIO()) == len(log)


# Other brokers


def test_another_broker_has_no_request_log() -> None:
    with run() as broker, connect(broker.bootstrap) as handle:
        with pytest.raises(NotOnThisBroker, match="logging its requests"):
            handle.requests.start()
        with pytest.raises(NotOnThisBroker), handle.requests.recording():
            pass


def test_tokens_of_an_authentication_are_not_in_the_json_lines() -> None:
    with run(security="sasl_plaintext") as broker:
        settings = broker.client_config("confluent")
        lines = io.StringIO()
        with broker.requests.recording() as log:
            AdminClient({**settings, **QUIET}).list_topics(timeout=20)
            log.write_json_lines(lines)
    logged = map(json.loads, lines.getvalue().splitlines())
    tokens = [each["request"] for each in logged if each["api"] == "SaslAuthenticate"]
    assert tokens
    assert tokens == [None] * len(tokens)
    assert settings["sasl.password"] not in lines.getvalue()

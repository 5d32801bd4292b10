"""Durability: what was acknowledged, committed or configured is there after a stop, and after a kill."""

import pytest

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.drivers.events import Acknowledged, Record, TopicPartition
from kafkalite_conformance.stage import Stage

RESTARTS = pytest.mark.parametrize("end", ["stop", "kill"])


def restart(broker: Broker, end: str) -> None:
    """End the broker as an operator or as a crash does, and start it again."""
    if end == "stop":
        broker.stop()
    else:
        broker.kill()
    broker.start_again()


@RESTARTS
def test_topics_records_settings_offsets_and_ids_survive(own_broker: Broker, own_stage: Stage, end: str) -> None:
    """The same cluster with the same topics, by their ids, with their records and their groups' progress."""
    stage = own_stage
    topic, group = stage.topic(2, retention_ms="7654321"), stage.group()
    stage.fill(topic, [b"%d" % number for number in range(10)], partition=1)
    member = stage.member("librdkafka", group, [topic])
    member.wait_until(lambda: len(member.records) == 10, "ten records")
    member.commit({TopicPartition(topic, 1): 7})
    member.call("leave")
    cluster = stage.hand.call("describe_cluster").text("cluster_id")
    identity = stage.clerk("java").call("describe_topic", name=topic).text("topic_id")
    restart(own_broker, end)
    stage.poll(lambda: stage.is_answered("describe_topic", name=topic), "the broker")
    assert stage.hand.call("describe_cluster").text("cluster_id") == cluster
    assert stage.clerk("java").call("describe_topic", name=topic).text("topic_id") == identity
    assert stage.hand.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "7654321"
    assert stage.committed(group) == {TopicPartition(topic, 1): 7}
    again = stage.member("librdkafka", group, [topic])
    stage.await_values(again, [b"7", b"8", b"9"])
    assert stage.fill(topic, [b"10"], partition=1) == [10]


@RESTARTS
def test_a_deleted_topic_stays_deleted(own_broker: Broker, own_stage: Stage, end: str) -> None:
    """And a topic of the same name is a new one, with an id of its own."""
    stage = own_stage
    topic = stage.topic()
    stage.fill(topic, [b"old"])
    before = stage.clerk("java").call("describe_topic", name=topic).text("topic_id")
    stage.hand.call("delete_topic", name=topic)
    restart(own_broker, end)
    stage.poll(lambda: stage.is_answered("list_topics"), "the broker")
    assert topic not in stage.hand.call("list_topics").texts("names")
    stage.hand.call("create_topic", name=topic, partitions=1, configs={})
    stage.await_partitions(topic, 1)
    assert stage.clerk("java").call("describe_topic", name=topic).text("topic_id") != before
    assert stage.fill(topic, [b"new"]) == [0]


@pytest.mark.clients("java", "librdkafka", "franz-go")
def test_no_acknowledged_record_is_lost_when_the_broker_is_killed(
    own_broker: Broker, own_stage: Stage, client: str
) -> None:
    """SIGKILL under load: each acknowledged record is at its offset, once, and the producer goes on by itself."""
    stage = own_stage
    topic = stage.topic()
    producer = stage.driver(client)
    command = producer.send(
        "produce", topic=topic, count=20_000, prefix="load-", acks="all", idempotence=True, timeout_ms=60_000
    )

    def acknowledged() -> dict[int, int]:
        deliveries = producer.deliveries(command)
        return {each.index: each.offset for each in deliveries if isinstance(each, Acknowledged)}

    stage.wait(lambda: len(acknowledged()) >= 200, "the first acknowledgements")
    own_broker.kill()
    before = len(acknowledged())
    own_broker.start_again()
    stage.wait(
        lambda: len(acknowledged()) >= min(20_000, before + 200), "acknowledgements after the restart", timeout=60
    )
    producer.outcome(command, timeout=60)
    promised = acknowledged()
    reader = stage.reader("librdkafka", topic)
    reader.wait_until(lambda: len(reader.records) >= len(promised), "all acknowledged records", timeout=60)
    found = {record.offset: record.value for record in reader.records}
    assert {offset: found.get(offset) for offset in promised.values()} == {
        offset: b"load-%d" % index for index, offset in promised.items()
    }
    values = [record.value for record in reader.records]
    assert len(values) == len(set(values)), "an idempotent producer wrote a record twice"


@pytest.mark.needs("explicit-commit")
@pytest.mark.clients("java", "librdkafka", "kafka-python", "franz-go", "sarama")
def test_running_members_go_on_after_a_restart(own_broker: Broker, own_stage: Stage, client: str) -> None:
    """A group outlives its broker: its members read what comes afterwards, and a commit made before still counts."""
    stage = own_stage
    topic, group = stage.topic(2), stage.group()
    members = [stage.member(client, group, [topic], session_timeout_ms=10_000) for _ in range(2)]
    stage.await_ownership(members, {topic: 2})
    stage.fill(topic, [b"before"], partition=0)
    stage.wait(lambda: any(b"before" in member.values for member in members), "the first record")
    (reader,) = [member for member in members if b"before" in member.values]
    reader.commit({TopicPartition(topic, 0): 1})
    own_broker.kill()
    own_broker.start_again()
    stage.poll(lambda: stage.is_answered("describe_topic", name=topic), "the broker")
    for partition in range(2):
        stage.fill(topic, [b"after-%d" % partition], partition=partition)
    stage.wait(
        lambda: {b"after-0", b"after-1"} <= {value for member in members for value in member.values},
        "the records after the restart",
        timeout=60,
    )
    assert stage.committed(group) == {TopicPartition(topic, 0): 1}


def test_a_producer_waits_for_a_broker_that_comes_back(own_broker: Broker, own_stage: Stage) -> None:
    """Records sent while nobody listens arrive after the restart."""
    stage = own_stage
    topic = stage.topic()
    stage.fill(topic, [b"before"])
    own_broker.stop()
    records = [Record(value=b"during", partition=0).as_json()]
    command = stage.hand.send("produce", topic=topic, records=records, acks="all", timeout_ms=60_000)
    own_broker.start_again()
    stage.hand.outcome(command, timeout=60)
    stage.await_values(stage.reader("librdkafka", topic), [b"before", b"during"])

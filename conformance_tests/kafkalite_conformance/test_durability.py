"""Durability: what was acknowledged, committed or configured is there after a stop, and after a kill."""

import pytest

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.client_mix import available_clients
from kafkalite_conformance.drivers.events import Acknowledged, Record, TopicPartition
from kafkalite_conformance.scenario import Scenario

LOAD = 20_000
"""Records of one producer, enough to be under way for a while."""

RESTARTS = pytest.mark.parametrize("end", ["stop", "kill"])


def restart(broker: Broker, end: str) -> None:
    """End the broker as an operator or as a crash does, and start it again."""
    if end == "stop":
        broker.stop()
    else:
        broker.kill()
    broker.start_again()


@RESTARTS
def test_topics_records_settings_offsets_and_ids_survive(own_broker: Broker, own_scenario: Scenario, end: str) -> None:
    """The same cluster with the same topics, by their ids, with their records and their groups' progress."""
    scenario = own_scenario
    topic, group = scenario.topic(2, retention_ms="7654321"), scenario.group()
    scenario.fill(topic, [b"%d" % number for number in range(10)], partition=1)
    member = scenario.member("librdkafka", group, [topic])
    member.wait_until(lambda: len(member.records) == 10, "ten records")
    member.commit({TopicPartition(topic, 1): 7})
    member.call("leave")
    cluster = scenario.setup_client.call("describe_cluster").text("cluster_id")
    identity = scenario.admin("java").call("describe_topic", name=topic).text("topic_id")
    restart(own_broker, end)
    scenario.poll(lambda: scenario.is_answered("describe_topic", name=topic), "the broker")
    assert scenario.setup_client.call("describe_cluster").text("cluster_id") == cluster
    assert scenario.admin("java").call("describe_topic", name=topic).text("topic_id") == identity
    assert scenario.setup_client.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "7654321"
    assert scenario.committed(group) == {TopicPartition(topic, 1): 7}
    again = scenario.member("librdkafka", group, [topic])
    scenario.await_values(again, [b"7", b"8", b"9"])
    assert scenario.fill(topic, [b"10"], partition=1) == [10]


@RESTARTS
def test_a_deleted_topic_stays_deleted(own_broker: Broker, own_scenario: Scenario, end: str) -> None:
    """And a topic of the same name is a new one, with an id of its own."""
    scenario = own_scenario
    topic = scenario.topic()
    scenario.fill(topic, [b"old"])
    before = scenario.admin("java").call("describe_topic", name=topic).text("topic_id")
    scenario.setup_client.call("delete_topic", name=topic)
    restart(own_broker, end)
    scenario.poll(lambda: scenario.is_answered("list_topics"), "the broker")
    assert topic not in scenario.setup_client.call("list_topics").texts("names")
    scenario.setup_client.call("create_topic", name=topic, partitions=1, configs={})
    scenario.await_partitions(topic, 1)
    assert scenario.admin("java").call("describe_topic", name=topic).text("topic_id") != before
    assert scenario.fill(topic, [b"new"]) == [0]


def test_no_acknowledged_record_is_lost_when_the_broker_is_killed(own_broker: Broker, own_scenario: Scenario) -> None:
    """SIGKILL under load: each acknowledged record is at its offset, once, and the producers go on by themselves."""
    scenario = own_scenario
    loads = [Load(scenario, client) for client in available_clients(["java", "librdkafka", "franz-go"])]
    scenario.wait(lambda: all(len(load.acknowledged()) >= 200 for load in loads), "the first acknowledgements")
    own_broker.kill()
    own_broker.start_again()
    for load in loads:
        load.producer.outcome(load.command, timeout=90)
        promised = load.acknowledged()
        assert len(promised) == LOAD
        reader = scenario.reader("librdkafka", load.topic)
        scenario.await_count(reader, LOAD, timeout=60)
        found = {record.offset: record.value for record in reader.records}
        assert {offset: found.get(offset) for offset in promised.values()} == {
            offset: b"load-%d" % index for index, offset in promised.items()
        }
        assert len(found) == len(set(found.values())) == LOAD, "an idempotent producer wrote a record twice"


class Load:
    """A producer under way with many records."""

    def __init__(self, scenario: Scenario, client: str) -> None:
        self.topic = scenario.topic()
        self.producer = scenario.driver(client)
        self.command = self.producer.send(
            "produce", topic=self.topic, count=LOAD, prefix="load-", acks="all", idempotence=True, timeout_ms=80_000
        )

    def acknowledged(self) -> dict[int, int]:
        """Return the offset of each record that was acknowledged so far."""
        deliveries = self.producer.deliveries(self.command)
        return {each.index: each.offset for each in deliveries if isinstance(each, Acknowledged)}


def test_running_members_go_on_after_a_restart(own_broker: Broker, own_scenario: Scenario) -> None:
    """Groups outlive their broker: members of every language read what comes afterwards, and earlier commits count."""
    scenario = own_scenario
    languages = available_clients(["java", "librdkafka", "kafka-python", "aiokafka", "franz-go", "sarama", "kafkajs"])
    crews = [Crew(scenario, client) for client in languages]
    for crew in crews:
        crew.commit_one()
    own_broker.kill()
    own_broker.start_again()
    scenario.poll(lambda: scenario.is_answered("list_topics"), "the broker")
    for crew in crews:
        crew.read_on()


class Crew:
    """Two members of one group, and what they have to read."""

    def __init__(self, scenario: Scenario, client: str) -> None:
        self._scenario = scenario
        self._topic, self._group = scenario.topic(2), scenario.group()
        self._members = [scenario.member(client, self._group, [self._topic]) for _ in range(2)]

    def _values(self) -> set[bytes | None]:
        return {value for member in self._members for value in member.values}

    def commit_one(self) -> None:
        """Read one record and commit it."""
        self._scenario.await_ownership(self._members, {self._topic: 2}, timeout=40)
        self._scenario.fill(self._topic, [b"before"])
        self._scenario.wait(lambda: b"before" in self._values(), f"the first record of {self._members[0].client}")
        (reader,) = [member for member in self._members if b"before" in member.values]
        reader.commit({TopicPartition(self._topic, 0): 1})

    def read_on(self) -> None:
        """Read a record of each partition that comes after the restart; the commit stands."""
        for partition in range(2):
            self._scenario.fill(self._topic, [b"after-%d" % partition], partition=partition)
        self._scenario.wait(
            lambda: {b"after-0", b"after-1"} <= self._values(),
            f"the records after the restart for {self._members[0].client}",
            timeout=60,
        )
        assert self._scenario.committed(self._group) == {TopicPartition(self._topic, 0): 1}


def test_a_producer_waits_for_a_broker_that_comes_back(own_broker: Broker, own_scenario: Scenario) -> None:
    """Records sent while the broker is down arrive after the restart."""
    scenario = own_scenario
    topic = scenario.topic()
    scenario.fill(topic, [b"before"])
    own_broker.stop()
    records = [Record(value=b"during", partition=0).as_json()]
    command = scenario.setup_client.send("produce", topic=topic, records=records, acks="all", timeout_ms=60_000)
    own_broker.start_again()
    scenario.setup_client.outcome(command, timeout=60)
    scenario.await_values(scenario.reader("librdkafka", topic), [b"before", b"during"])

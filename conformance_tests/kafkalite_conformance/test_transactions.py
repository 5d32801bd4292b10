"""Transactions: all of it or nothing, and offsets together with records."""

from collections.abc import Mapping, Sequence

import pytest

from kafkalite_conformance.drivers.events import Acknowledged, Done, Record, Sendable, TopicPartition
from kafkalite_conformance.scenario import Scenario

pytestmark = [pytest.mark.needs("transaction"), pytest.mark.apis(24, 25, 26, 28)]


def transaction(
    scenario: Scenario,
    client: str,
    topic: str,
    values: list[bytes],
    outcome: str,
    **fields: str | Sequence[Mapping[str, Sendable]],
) -> None:
    """Produce in a transaction of its own and end it."""
    records = [Record(value=value, partition=0).as_json() for value in values]
    identity = scenario.name("tx")
    command = scenario.admin(client).send(
        "transaction", topic=topic, records=records, outcome=outcome, transactional_id=identity, **fields
    )
    outcome_of_it = scenario.admin(client).outcome(command, timeout=40)
    assert isinstance(outcome_of_it, Done), outcome_of_it


def test_committed_records_are_read(scenario: Scenario, client: str) -> None:
    """A read_committed consumer gets a committed transaction, and no consumer gets control records."""
    topic = scenario.topic()
    transaction(scenario, client, topic, [b"a", b"b"], "commit")
    scenario.fill(topic, [b"c"])
    reader = scenario.reader(client, topic, isolation="read_committed")
    scenario.await_values(reader, [b"a", b"b", b"c"])
    # Three records and a marker, whose place is the coordinator's matter.
    assert scenario.setup_client.call("list_offset", topic=topic, partition=0, start="latest").number("offset") == 4


def test_aborted_records_are_read_only_by_those_who_do_not_care(scenario: Scenario, client: str) -> None:
    """Read uncommitted sees them, read committed does not."""
    topic = scenario.topic()
    transaction(scenario, client, topic, [b"gone"], "abort")
    transaction(scenario, client, topic, [b"stays"], "commit")
    scenario.await_values(scenario.reader(client, topic, isolation="read_uncommitted"), [b"gone", b"stays"])
    scenario.await_values(scenario.reader(client, topic, isolation="read_committed"), [b"stays"])


def test_an_open_transaction_holds_readers_back(scenario: Scenario, client: str) -> None:
    """The last stable offset: what comes after an open transaction waits for its end, here for its fencing."""
    topic, name = scenario.topic(), scenario.name("tx")
    opener = scenario.driver(client)
    records = [Record(value=b"open", partition=0).as_json()]
    command = opener.send("transaction", topic=topic, records=records, outcome="open", transactional_id=name)
    scenario.wait(lambda: any(isinstance(each, Acknowledged) for each in opener.deliveries(command)), "the open record")
    scenario.fill(topic, [b"after"])
    patient = scenario.reader(client, topic, isolation="read_committed")
    hasty = scenario.reader(client, topic, isolation="read_uncommitted")
    scenario.await_values(hasty, [b"open", b"after"])
    assert patient.records == []
    opener.crash()
    # The same transactional id begins again: the broker fences the crashed producer and aborts what it left open.
    scenario.admin(client).call(
        "transaction",
        topic=topic,
        records=[Record(value=b"next", partition=0).as_json()],
        outcome="commit",
        transactional_id=name,
        timeout=40,
    )
    scenario.await_values(patient, [b"after", b"next"])


@pytest.mark.needs("transactional-offsets")
def test_offsets_are_committed_with_the_transaction(scenario: Scenario, client: str) -> None:
    """TxnOffsetCommit: the group's progress comes with the records, or not at all."""
    source, target, group = scenario.topic(), scenario.topic(), scenario.group()
    transaction(
        scenario,
        client,
        target,
        [b"out"],
        "commit",
        group=group,
        offsets=[{"topic": source, "partition": 0, "offset": 5}],
    )
    # The coordinator answers before the group's partition has its marker.
    scenario.poll(lambda: scenario.committed(group) == {TopicPartition(source, 0): 5}, "the committed offset")
    transaction(
        scenario,
        client,
        target,
        [b"lost"],
        "abort",
        group=group,
        offsets=[{"topic": source, "partition": 0, "offset": 9}],
    )
    scenario.hold(
        lambda: scenario.committed(group) == {TopicPartition(source, 0): 5}, "the committed offset", seconds=0.5
    )

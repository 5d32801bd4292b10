"""Transactions: all of it or nothing, and offsets together with records."""

from collections.abc import Mapping, Sequence

import pytest

from kafkalite_conformance.drivers.events import Acknowledged, Done, Record, Sendable, TopicPartition
from kafkalite_conformance.stage import Stage

pytestmark = [pytest.mark.needs("transaction"), pytest.mark.apis(24, 25, 26, 28)]


def transaction(
    stage: Stage,
    client: str,
    topic: str,
    values: list[bytes],
    outcome: str,
    **fields: str | Sequence[Mapping[str, Sendable]],
) -> None:
    """Produce in a transaction of its own and end it."""
    records = [Record(value=value, partition=0).as_json() for value in values]
    identity = stage.name("tx")
    command = stage.clerk(client).send(
        "transaction", topic=topic, records=records, outcome=outcome, transactional_id=identity, **fields
    )
    outcome_of_it = stage.clerk(client).outcome(command, timeout=40)
    assert isinstance(outcome_of_it, Done), outcome_of_it


def test_committed_records_are_read(stage: Stage, client: str) -> None:
    """Read committed sees a committed transaction, and a control record is nobody's record."""
    topic = stage.topic()
    transaction(stage, client, topic, [b"a", b"b"], "commit")
    stage.fill(topic, [b"c"])
    reader = stage.reader(client, topic, isolation="read_committed")
    stage.await_values(reader, [b"a", b"b", b"c"])
    # Three records and a marker, whose place is the coordinator's matter.
    assert stage.hand.call("list_offset", topic=topic, partition=0, start="latest").number("offset") == 4


def test_aborted_records_are_read_only_by_those_who_do_not_care(stage: Stage, client: str) -> None:
    """Read uncommitted sees them, read committed does not."""
    topic = stage.topic()
    transaction(stage, client, topic, [b"gone"], "abort")
    transaction(stage, client, topic, [b"stays"], "commit")
    stage.await_values(stage.reader(client, topic, isolation="read_uncommitted"), [b"gone", b"stays"])
    stage.await_values(stage.reader(client, topic, isolation="read_committed"), [b"stays"])


def test_an_open_transaction_holds_readers_back(stage: Stage, client: str) -> None:
    """The last stable offset: what comes after an open transaction waits for its end, here for its fencing."""
    topic, name = stage.topic(), stage.name("tx")
    opener = stage.driver(client)
    records = [Record(value=b"open", partition=0).as_json()]
    command = opener.send("transaction", topic=topic, records=records, outcome="open", transactional_id=name)
    stage.wait(lambda: any(isinstance(each, Acknowledged) for each in opener.deliveries(command)), "the open record")
    stage.fill(topic, [b"after"])
    patient = stage.reader(client, topic, isolation="read_committed")
    hasty = stage.reader(client, topic, isolation="read_uncommitted")
    stage.await_values(hasty, [b"open", b"after"])
    assert patient.records == []
    opener.crash()
    # The same transactional id begins again: the broker fences the crashed producer and aborts what it left open.
    stage.clerk(client).call(
        "transaction",
        topic=topic,
        records=[Record(value=b"next", partition=0).as_json()],
        outcome="commit",
        transactional_id=name,
        timeout=40,
    )
    stage.await_values(patient, [b"after", b"next"])


@pytest.mark.needs("transactional-offsets")
def test_offsets_are_committed_with_the_transaction(stage: Stage, client: str) -> None:
    """TxnOffsetCommit: the group's progress comes with the records, or not at all."""
    source, target, group = stage.topic(), stage.topic(), stage.group()
    transaction(
        stage, client, target, [b"out"], "commit", group=group, offsets=[{"topic": source, "partition": 0, "offset": 5}]
    )
    # The coordinator answers before the group's partition has its marker.
    stage.poll(lambda: stage.committed(group) == {TopicPartition(source, 0): 5}, "the committed offset")
    transaction(
        stage, client, target, [b"lost"], "abort", group=group, offsets=[{"topic": source, "partition": 0, "offset": 9}]
    )
    stage.hold(lambda: stage.committed(group) == {TopicPartition(source, 0): 5}, "the committed offset", seconds=0.5)

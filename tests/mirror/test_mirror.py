"""`kafkalite mirror` between two kafkalites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkalite.controls.controls import Controls
from kafkalite.testing import run
from kafkalite.tools.cli import commands
from kafkalite.tools.mirror.clusters import Cluster
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.mirror import Plan, Result, mirror
from kafkalite.tools.mirror.topics import own_configs

TIMEOUT = 30
START = 1_700_000_000_000


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Controls, Controls]]:
    with run() as source, run() as target:
        yield source, target


@pytest.fixture
def clusters(servers: tuple[Controls, Controls]) -> Iterator[tuple[Controls, Controls]]:
    source, target = servers
    with source.snapshots.scratch(), target.snapshots.scratch():
        yield servers


def mirrored(source: Controls, target: Controls, **options: Any) -> Result:
    plan = Plan(source=Cluster(source.bootstrap), target=Cluster(target.bootstrap), **options)
    return mirror(plan, note=lambda _: None, is_over=lambda: False)


def transact(producer: Producer, partition: int, *values: str, commit: bool) -> None:
    producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce(
            "orders", value, "key" if number else None, partition, timestamp=START + number, headers={"n": str(number)}
        )
    producer.flush(TIMEOUT)
    producer.commit_transaction(TIMEOUT) if commit else producer.abort_transaction(TIMEOUT)


def contents(kafka: Controls, partition: int) -> list[Any]:
    """Return the records that are not those of an aborted transaction."""
    return [
        (record.key, record.value, record.headers, record.timestamp)
        for record in kafka.records("orders", partition=partition)
        if record.value != b"gone"
    ]


def commit_offset(kafka: Controls, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "readers"})
    consumer.commit(offsets=[TopicPartition("orders", 0, offset)], asynchronous=False)
    consumer.close()


def committed(kafka: Controls) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "readers"})
    (found,) = consumer.committed([TopicPartition("orders", 0)], TIMEOUT)
    consumer.close()
    return int(found.offset)


def test_committed_records_arrive_once_and_a_group_goes_on_where_it_was(clusters: tuple[Controls, Controls]) -> None:
    source, target = clusters
    source.topics.create("orders", 2, configs={"retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": source.bootstrap, "transactional.id": "writer"})
    producer.init_transactions(TIMEOUT)
    transact(producer, 0, "a", "b", "c", commit=True)
    transact(producer, 0, "gone", commit=False)
    transact(producer, 0, "d", "e", commit=True)
    transact(producer, 1, "f", commit=True)
    commit_offset(source, 7)  # at e: behind three records, a marker, an aborted record, its marker, and d

    first = mirrored(source, target)
    assert (first.records, first.is_good) == (6, True)
    assert first.verified is not None
    assert first.verified.records == 6
    for partition in range(2):
        assert contents(target, partition) == contents(source, partition)
    assert [value for _, value, *_ in contents(target, 0)] == [b"a", b"b", b"c", b"d", b"e"]
    assert committed(target) == 4
    assert own_configs(Cluster(target.bootstrap).admin(), ["orders"]) == {"orders": {"retention.ms": "-1"}}

    transact(producer, 1, "g", "h", commit=True)
    again = mirrored(source, target)
    assert (again.records, again.is_good) == (2, True)
    assert contents(target, 1) == contents(source, 1)


def test_a_topic_with_other_records_is_refused(clusters: tuple[Controls, Controls]) -> None:
    source, target = clusters
    for kafka in clusters:
        kafka.produce("orders", "one")
    with pytest.raises(MirrorError, match="orders-0 of the target cluster holds records that this mirror"):
        mirrored(source, target)


def test_what_others_write_behind_the_copied_records_is_not_compared(clusters: tuple[Controls, Controls]) -> None:
    source, target = clusters
    source.produce("orders", "one")
    mirrored(source, target)
    target.produce("orders", "stranger")
    again = mirrored(source, target)
    assert again.verified is not None
    assert (again.records, again.verified.records, again.verified.differences) == (0, 1, ())


def test_the_command_prints_what_it_has_done(clusters: tuple[Controls, Controls]) -> None:
    source, target = clusters
    source.produce("orders", "one")
    arguments = ["mirror", "--from", source.bootstrap, "--to", target.bootstrap]
    missing = CliRunner().invoke(commands.kafkalite, [*arguments, "--topics", "nothing"])
    assert (missing.exit_code, missing.output) == (1, "Error: there is no 'nothing' in the source cluster\n")
    done = CliRunner().invoke(commands.kafkalite, [*arguments, "--topics", "ord*", "--groups", ""])
    assert done.exit_code == 0, done.output
    assert "created topic orders with 1 partition" in done.stderr
    assert done.stdout.endswith("Compared 1 records: no difference.\n")

"""`kafkalite mirror` between kafkalite and Kafka, both ways: a million records, transactions, a kill in the middle.

Run by its name, because it takes minutes: `python -m kafkalite_conformance <path of this file>`.
"""

import importlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.starters import starter_named

_ADMIN: Final[Any] = importlib.import_module("confluent_kafka.admin")
"""Typed by halves."""
_RECORDS: Final = 1_000_000
_PARTITIONS: Final = 6
_A_TRANSACTION: Final = 5_000
_EACH_ABORTED: Final = 5
_TIMEOUT: Final = 60
_LONGEST: Final = 900


@pytest.fixture(params=[("kafkalite", "kafka"), ("kafka", "kafkalite")], ids="-to-".join)
def clusters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    """Start one of each."""
    brokers = [starter_named(kind).start(tmp_path / kind) for kind in request.param]
    yield brokers[0], brokers[1]
    for broker in brokers:
        broker.close()


def _mirror(source: Broker, target: Broker) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "kafkalite", "mirror", "--from", source.bootstrap, "--to", target.bootstrap]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _fill(bootstrap: str) -> None:
    """Write half of the records plainly, and half in transactions, of which some are aborted."""
    admin = _ADMIN.AdminClient({"bootstrap.servers": bootstrap})
    topic = _ADMIN.NewTopic("orders", _PARTITIONS, -1, config={"retention.ms": "-1", "max.message.bytes": "2000000"})
    admin.create_topics([topic])["orders"].result(_TIMEOUT)
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "linger.ms": 20,
        "queue.buffering.max.messages": 2_000_000,
    }
    plain = Producer({**settings, "enable.idempotence": True})
    for number in range(_RECORDS // 2):
        _produce(plain, number)
    plain.flush(_TIMEOUT)
    producer = Producer({**settings, "transactional.id": "filling"})
    producer.init_transactions(_TIMEOUT)
    written = 0
    for transaction in range(10_000):
        producer.begin_transaction()
        for number in range(_A_TRANSACTION):
            _produce(producer, written + number)
        producer.flush(_TIMEOUT)
        if transaction % _EACH_ABORTED == 1:
            producer.abort_transaction(_TIMEOUT)
            continue
        producer.commit_transaction(_TIMEOUT)
        written += _A_TRANSACTION
        if written >= _RECORDS // 2:
            break


def _produce(producer: Producer, number: int) -> None:
    value = None if number % 1000 == 0 else b"value %d" % number
    key = b"key %d" % (number % 100) if number % 3 else None
    headers: Any = [("h", b"%d" % number), ("none", None)] if number % 10 == 0 else None
    producer.produce("orders", value, key, number % _PARTITIONS, headers=headers, timestamp=1_700_000_000_000 + number)
    if number % 10_000 == 0:
        producer.poll(0)


def _read(bootstrap: str) -> dict[int, list[tuple[object, ...]]]:
    settings = {
        "bootstrap.servers": bootstrap, "group.id": "reading", "isolation.level": "read_committed",
        "enable.partition.eof": True, "auto.offset.reset": "earliest", "enable.auto.commit": False,
    }  # fmt: skip
    consumer = Consumer(settings)
    consumer.assign([TopicPartition("orders", number, 0) for number in range(_PARTITIONS)])
    found: dict[int, list[tuple[object, ...]]] = {number: [] for number in range(_PARTITIONS)}
    ended: set[int | None] = set()
    while len(ended) < _PARTITIONS:
        for message in consumer.consume(10_000, 1):
            if message.error() is not None:
                ended.add(message.partition())
            else:
                found[message.partition() or 0].append(_content(message))
    consumer.close()
    return found


def _content(message: Message) -> tuple[object, ...]:
    return message.key(), message.value(), message.headers(), message.timestamp()


def _next_record(bootstrap: str, partition: int) -> tuple[object, ...]:
    """Return the record at which the group goes on."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "readers", "isolation.level": "read_committed",
        "auto.offset.reset": "error", "enable.auto.commit": False,
    })  # fmt: skip
    (committed,) = consumer.committed([TopicPartition("orders", partition)], _TIMEOUT)
    consumer.assign([committed])
    (message,) = consumer.consume(1, _TIMEOUT)
    consumer.close()
    assert message.error() is None, message.error()
    return _content(message)


def test_a_million_records_are_mirrored(clusters: tuple[Broker, Broker]) -> None:
    """They are there once and in order, although the mirror is killed; the group goes on at the same records."""
    source, target = clusters
    _fill(source.bootstrap)
    offsets = [TopicPartition("orders", number, 30_000 * number + 11) for number in range(_PARTITIONS)]
    group = Consumer({"bootstrap.servers": source.bootstrap, "group.id": "readers"})
    group.commit(offsets=offsets, asynchronous=False)
    group.close()

    killed = _mirror(source, target)
    assert killed.stderr is not None
    for line in killed.stderr:
        if line.endswith("records\n") and int(line.split()[0].replace(",", "")) > _RECORDS // 10:
            break
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    began = time.monotonic()
    resumed = _mirror(source, target)
    output, errors = resumed.communicate(timeout=_LONGEST)
    print(f"{output}{time.monotonic() - began:.0f} s in all")
    assert resumed.returncode == 0, (output, errors)

    ours, theirs = _read(source.bootstrap), _read(target.bootstrap)
    assert sum(map(len, ours.values())) == _RECORDS
    assert ours == theirs
    for number in range(_PARTITIONS):
        assert _next_record(source.bootstrap, number) == _next_record(target.bootstrap, number)
    resource = _ADMIN.ConfigResource(_ADMIN.ResourceType.TOPIC, "orders")
    for bootstrap in (source.bootstrap, target.bootstrap):
        admin = _ADMIN.AdminClient({"bootstrap.servers": bootstrap})
        (described,) = admin.describe_configs([resource]).values()
        configs = described.result(_TIMEOUT)
        assert (configs["retention.ms"].value, configs["max.message.bytes"].value) == ("-1", "2000000")

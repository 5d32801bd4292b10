"""Records of `__consumer_offsets` that cannot be decoded, and partitions that cannot be read, cost only themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not in its __all__

from kafkalite.coordinators.groups.coordinator import partition_for
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.broker_process import KillableBroker

OFFSETS = "__consumer_offsets"
PARTITIONS = 3
NOW = time.time_ns() // 1_000_000


def groups_by_partition() -> dict[int, str]:
    return {partition_for(name, PARTITIONS): name for name in ("a", "b", "c", "d", "e", "f")}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KillableBroker]:
    """A broker that was stopped after a group of each partition has committed offset 7."""
    broker = KillableBroker(tmp_path / "data", [f"offsets.topic.num.partitions={PARTITIONS}"])
    broker.launch()
    broker.await_ready()
    address = f"127.0.0.1:{broker.port}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("t", 1, 1)])["t"].result(30)
    for group in groups_by_partition().values():
        with closing(consumer(broker, group)) as client:
            client.commit(offsets=[TopicPartition("t", 0, 7)], asynchronous=False)
    assert broker.stop() == 0
    yield broker
    assert broker.stop() == 0


def consumer(broker: KillableBroker, group: str) -> Consumer:
    return Consumer({"bootstrap.servers": f"127.0.0.1:{broker.port}", "group.id": group, "session.timeout.ms": 6000})


def committed(broker: KillableBroker, group: str, seconds: float = 30) -> int:
    with closing(consumer(broker, group)) as client:
        [found] = client.committed([TopicPartition("t", 0)], timeout=seconds)
        return found.offset


def append(directory: Path, partition: int, *pairs: tuple[bytes, bytes]) -> None:
    with closing(Storage.open(directory, new_uuid=lambda: os.urandom(16), now_ms=NOW)) as storage:
        records = [Record(offset=n, timestamp=NOW, key=key, value=value) for n, (key, value) in enumerate(pairs)]
        storage.log(OFFSETS, partition).append(build_batch(records), now_ms=NOW)


def test_records_that_are_not_kafkas_are_skipped_and_named(broker: KillableBroker) -> None:
    for partition in range(PARTITIONS):
        append(broker.data, partition, (b"k", b"v"), (b"\x00\x63key", b"\x00\x00"), (b"\x00\x02\x00\x01a", b"\x00"))
    broker.launch()
    broker.await_ready()
    for group in groups_by_partition().values():
        assert committed(broker, group) == 7
    assert broker.stop() == 0
    complaints = broker.complaints[-1]
    assert complaints.count("skipped the record at offset") == 3 * PARTITIONS, "each once"
    assert f"{OFFSETS}-0/00000000000000000000.log: skipped the record at offset" in complaints
    assert "its type 99 is unknown" in complaints
    assert "Traceback" not in complaints
    broker.launch()
    broker.await_ready()


def test_a_partition_that_cannot_be_read_costs_only_its_own_groups(broker: KillableBroker) -> None:
    groups = groups_by_partition()
    [log] = (broker.data / f"{OFFSETS}-0").glob("*.log")
    content = bytearray(log.read_bytes())
    content[-3] ^= 0xFF
    log.write_bytes(content)
    broker.launch()
    broker.await_ready()
    assert committed(broker, groups[1]) == 7
    assert committed(broker, groups[2]) == 7
    with pytest.raises(KafkaException):
        committed(broker, groups[0], seconds=3)
    with closing(consumer(broker, groups[1])) as client:
        client.commit(offsets=[TopicPartition("t", 0, 8)], asynchronous=False)
    assert committed(broker, groups[1]) == 8
    assert broker.stop() == 0
    complaints = broker.complaints[-1]
    assert complaints.count(f"cannot load partition {OFFSETS}-0") == 1
    assert "Traceback" not in complaints
    broker.launch()
    broker.await_ready()

"""Age a data directory with Apache Kafka: compaction, deleted records, new leaders, rolls by time, the broker's time.

`python -m tests.storage.kafka_golden` writes `golden/kafka-4.4.0-aged/` again and, beside it, what kafkalite finds
there, after it has been compared with what Kafka itself serves.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path

from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, Kafka, class_data_archive
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.records import Record, build_batch
from tests.storage.release_golden import GOLDEN, open_storage
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_contents import Partition, partition
from tests.support.storage.description import described, read_all

NAME = "kafka-4.4.0-aged"
TOPICS = ("table", "timed", "stamped", "led")
SETTINGS = {
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "100",
    "auto.create.topics.enable": "false",
    # After a restart the controller refuses the node until its old session is over.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
}


def main() -> None:
    """Make the directory and its description."""
    now = time.time_ns() // 1_000_000
    times = tuple(now - ago for ago in (60_000, 55_555, 47_777, 39_999))
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        kafka = Kafka(SETTINGS, CONFORMANCE_JVM_FLAGS, Path(folder), archive=class_data_archive())
        try:
            kafka.wait_until_ready()
            for life in range(3):
                if life:
                    kafka.start_again()
                with BlockingClient(int(kafka.bootstrap.rpartition(":")[2])) as client:
                    live(client, life, now)
                    wait_for(lambda: is_compacted(Path(folder) / "logs"))
                    served = {name: partition(client, name, 0, times) for name in TOPICS}
                kafka.stop()
        finally:
            kafka.kill()
        keep(Path(folder) / "logs", served, times)


def live(client: BlockingClient, life: int, now: int) -> None:
    """Write under one leader."""
    if life == 0:
        compacted = {"cleanup_policy": "compact", "min_cleanable_dirty_ratio": "0.01", "delete_retention_ms": "3600000"}
        calls.create_topic(client, "table", 1, segment_ms="1000", index_interval_bytes="200", **compacted)
        calls.create_topic(client, "timed", 1, segment_ms="1000", index_interval_bytes="200", retention_ms="-1")
        calls.create_topic(client, "stamped", 1, message_timestamp_type="LogAppendTime", compression_type="lz4")
        calls.create_topic(client, "led", 1)
    wait_for(lambda: all(calls.is_served(client, topic, (0,)) for topic in TOPICS))
    producer_id = calls.new_producer_id(client)
    for number in range(40):
        at = now - 60_000 + life * 10_000 + number * 100
        key = b"once-%d-%d" % (life, number) if number % 8 == 1 else b"key-%d" % (number % 4)
        value = None if number % 5 == 0 else b"%d of life %d" % (number, life)
        batch = build_batch(
            [Record(key, value, at), Record(b"always", b"%d" % number, at, (("h", b"x"),))],
            compression=number % 5,
            producer_id=producer_id,
            producer_epoch=0,
            base_sequence=2 * number,
        )
        calls.produce(client, "table", 0, batch)
        calls.produce(client, "timed", 0, batch)
    calls.produce(client, "stamped", 0, build_batch([Record(None, b"when?", 12345), Record(None, b"then?", 54321)]))
    for number in range(2):
        calls.produce(client, "led", 0, build_batch([Record(None, b"%d under leader %d" % (number, life), now)]))
    if life == 1:
        shortened = DeleteRecordsTopic(name="timed", partitions=(DeleteRecordsPartition(partition_index=0, offset=55),))
        answer = client.call(DeleteRecordsRequest(topics=(shortened,), timeout_ms=1000), 2)
        assert answer.topics[0].partitions[0].low_watermark == 55


def is_compacted(logs: Path) -> bool:
    """Return whether the cleaner has reached the active segment."""
    active = max(int(path.stem) for path in (logs / "table-0").glob("*.log"))
    checkpoint = logs / "cleaner-offset-checkpoint"
    return checkpoint.exists() and f"table 0 {active}" in checkpoint.read_text().splitlines()


def wait_for(probe: object) -> None:
    """Wait until Kafka's own threads have done something."""
    assert callable(probe)
    deadline = time.monotonic() + 60
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def keep(logs: Path, served: dict[str, Partition], times: tuple[int, ...]) -> None:
    """Copy what Kafka left, without preallocated indexes, and describe it."""
    target = GOLDEN / NAME
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.deleted", ".lock", "bootstrap.checkpoint*", "*.tmp")
    shutil.copytree(logs, target, ignore=ignored)
    for path in target.glob("__cluster_metadata-0/*index"):
        path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(target, Path(folder) / "data")
        with closing(open_storage(copy)) as storage:
            for name, theirs in served.items():
                log = storage.log(name, 0)
                ours = (log.log_start_offset, log.log_end_offset, log.last_stable_offset)
                assert ours == (theirs.start, theirs.end, theirs.stable), name
                assert b"".join(read_all(log)) == theirs.batches, name
                found = [log.max_timestamp(), *map(log.offset_for_timestamp, times)]
                assert [-1 if each is None else each.offset for each in found] == [theirs.newest, *theirs.by_time], name
            expected = described(storage)
    target.with_name(f"{NAME}.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()

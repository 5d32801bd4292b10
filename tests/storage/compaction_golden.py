"""Compact a log twice with Apache Kafka's own cleaner, and keep its input and output.

`python -m tests.storage.compaction_golden` writes `golden/compaction/` again: the segments that Kafka found
(`first-given`, `second-given`) and what it left (`first-left`, `second-left`). Between the two a little is appended,
and the delete horizons of the first one pass.
"""

import random
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker

GOLDEN = Path(__file__).parent / "golden" / "compaction"
CONFIGS = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100"}
_SEED = 20


def write_first(log: PartitionLog) -> None:
    """Append a bit of everything."""
    chance = random.Random(_SEED)
    now = time.time_ns() // 1_000_000
    sequences = dict.fromkeys((100, 101, 102, 103), 0)
    open_since: dict[int, int] = {}

    def append(batch: bytes) -> None:
        log.append(batch, now_ms=now, origin=AppendOrigin.BROKER)

    def end(producer: int) -> None:
        append(
            build_end_txn_marker(
                producer_id=producer,
                producer_epoch=0,
                commit=chance.random() < 0.5,
                coordinator_epoch=0,
                timestamp=now,
            )
        )
        del open_since[producer]

    for number in range(120):
        now += chance.randint(0, 3)
        records = [
            Record(
                None if chance.random() < 0.05 else b"key-%d" % chance.randint(0, 25),
                None if chance.random() < 0.2 else chance.randbytes(chance.randint(0, 30)),
                now + chance.randint(-2, 2),
                (("h", b"x"),) if chance.random() < 0.2 else (),
            )
            for _ in range(chance.randint(1, 4))
        ]
        producer = chance.choice((-1, -1, *sequences))
        is_transactional = producer in (102, 103)
        options: dict[str, int | bool] = {"compression": chance.choice((0, 0, 0, 1, 2, 3, 4))}
        if producer >= 0:
            options |= {"producer_id": producer, "producer_epoch": 0, "base_sequence": sequences[producer]}
            sequences[producer] += len(records)
        append(build_batch(records, is_transactional=is_transactional, **options))  # type: ignore[arg-type]  # of their types
        if is_transactional:
            open_since.setdefault(producer, number)
        for producer, since in list(open_since.items()):
            if number - since > 4:
                end(producer)
        if number % 25 == 24:
            log.roll()
    for producer in list(open_since):
        end(producer)
    log.roll()


def write_second(log: PartitionLog) -> None:
    """Append what makes the log dirty again and supersedes a part of it."""
    now = time.time_ns() // 1_000_000
    for number in range(12):
        batch = build_batch([Record(b"key-%d" % number, b"second", now)])
        log.append(batch, now_ms=now, origin=AppendOrigin.BROKER)
    log.roll()


def main() -> None:
    """Write the golden files."""
    with tempfile.TemporaryDirectory(prefix="kafkalite-golden-") as name:
        node = Path(name)
        for round_name, write in (("first", write_first), ("second", write_second)):
            storage = Storage.open(
                node / "logs",
                new_uuid=lambda: uuid.uuid4().bytes,
                now_ms=time.time_ns() // 1_000_000,
            )
            if "t" not in storage.topics:
                storage.create_topic("t", 1, CONFIGS, now_ms=time.time_ns() // 1_000_000)
            log = storage.log("t", 0)
            write(log)
            end = log.log_end_offset
            storage.close()
            _keep(node / "logs" / "t-0", f"{round_name}-given")
            _let_kafka_clean(node, end)
            _keep(node / "logs" / "t-0", f"{round_name}-left")


def _let_kafka_clean(node: Path, end: int) -> None:
    properties = {"log.cleaner.backoff.ms": "100"}
    with start_kafka(properties, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=node) as kafka:
        checkpoint = node / "logs" / "cleaner-offset-checkpoint"
        deadline = time.monotonic() + 60
        while not checkpoint.exists() or f"t 0 {end}\n" not in checkpoint.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka did not clean; see {kafka.log_file}")
            time.sleep(0.2)
        kafka.stop()


def _keep(partition: Path, name: str) -> None:
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for suffix in ("*.log", "*.txnindex"):
        for file in partition.glob(suffix):
            if file.stat().st_size:
                shutil.copy(file, folder)


if __name__ == "__main__":
    main()

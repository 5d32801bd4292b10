"""A well-used directory comes back to a snapshot as it was served before, and Apache Kafka serves a saved one alike."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from kafkalite.testing import Handle, run
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_wire.records import Record, build_batch
from tests.interop.test_round_trip import KAFKA_SETTINGS, await_coordinator, check_the_same
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_contents import Served, everything
from tests.support.directory_with_history import SETTINGS, Used
from tests.support.reference_kafka import java, kafka_libs

PROPERTIES = dict(setting.split("=") for setting in SETTINGS)


def port(bootstrap: str) -> int:
    return int(bootstrap.rpartition(":")[2])


def served(broker: Handle, times: tuple[int, ...]) -> Served:
    with BlockingClient(port(broker.bootstrap)) as client:
        return everything(client, times)


def test_kafka_serves_a_saved_snapshot_as_kafkalite_did(used: Used, tmp_path: Path) -> None:
    java()
    kafka_libs()
    shutil.copytree(used.path, tmp_path / "data")
    now = time.time_ns() // 1_000_000
    times = (0, now - 58_000, now - 30_000, now + 3_600_000)
    with run(PROPERTIES, data=tmp_path / "data") as broker:
        before = served(broker, times)
        snapshot = broker.snapshots.take()
        with BlockingClient(port(broker.bootstrap)) as client:
            for topic in broker.topics:
                calls.produce(client, topic, 0, build_batch([Record(b"key", b"of another time", now)]))
            calls.commit(client, "bystander", "codecs", {0: 6})
            calls.create_topic(client, "another", 2)
        broker.topics.delete("moved")
        assert served(broker, times).topics != before.topics
        snapshot.save(tmp_path / "logs")
        with snapshot.fork() as fork:
            check_the_same(served(fork, times), before)
        broker.snapshots.restore(snapshot)
        check_the_same(served(broker, times), before)
    with (
        start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka,
        BlockingClient(port(kafka.bootstrap)) as client,
    ):
        await_coordinator(client)
        check_the_same(everything(client, times), before)

"""Apache Kafka is started on a copy of what kafkalite wrote, goes on with it, and gives it back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.records import Record, build_batch
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_contents import GROUPS, Served, everything
from tests.support.broker_process import KillableBroker
from tests.support.directory_with_history import SETTINGS, Used
from tests.support.reference_kafka import java, kafka_libs

OUT_OF_ORDER = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
NOT_YET = (ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR)
STOPPED_BY_SIGTERM = 143  # what a JVM returns
KAFKA_SETTINGS = {"offsets.topic.num.partitions": "2", "auto.create.topics.enable": "false"}


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_kafka_goes_on_where_kafkalite_ended_and_gives_it_back(used: Used, tmp_path: Path, end: str) -> None:
    java()
    kafka_libs()
    data = tmp_path / "logs"
    shutil.copytree(used.path, data)
    used = replace(used, sequences=dict(used.sequences))
    now = time.time_ns() // 1_000_000
    times = (0, now - 58_000, now - 30_000, now + 3_600_000)
    broker = KillableBroker(data, SETTINGS)

    with served_by(broker, end) as client:
        for number in range(3):
            calls.produce(client, "moved", 0, build_batch([Record(b"%d" % number, b"at the end", now)]))
        written = everything(client, times)
        given_ids = {used.producer_id, calls.new_producer_id(client)}
    with start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka:
        with BlockingClient(int(kafka.bootstrap.rpartition(":")[2])) as client:
            await_coordinator(client)
            check_the_same(everything(client, times), written)
            producer_goes_on(client, used, b"to Kafka", now)
            given_ids |= check_ids_are_new(client, given_ids)
            calls.create_topic(client, "from-kafka", 2, retention_ms="345678901")
            calls.produce(client, "from-kafka", 1, build_batch([Record(b"k", b"of Kafka", now)]))
            calls.commit(client, "bystander", "codecs", {0: 6})
            left = everything(client, times)
        if end == "stopped":
            assert kafka.stop() == STOPPED_BY_SIGTERM
        else:
            kafka.kill()
    with served_by(broker, "stopped") as client:
        check_the_same(everything(client, times), left)
        producer_goes_on(client, used, b"and back", now)
        check_ids_are_new(client, given_ids)
        if end == "killed":
            broker.await_recovery()
    assert (broker.complaints[-1] == "") == (end == "stopped")


@contextmanager
def served_by(broker: KillableBroker, end: str) -> Iterator[BlockingClient]:
    """Run kafkalite until it is stopped, or killed."""
    broker.launch()
    try:
        broker.await_ready()
        with BlockingClient(broker.port) as client:
            yield client
    except BaseException:
        broker.kill()
        raise
    if end == "stopped":
        assert broker.stop() == 0
    else:
        broker.kill()


def check_the_same(now: Served, before: Served) -> None:
    assert now.cluster_id == before.cluster_id
    assert now.topics == before.topics
    assert now.overrides == before.overrides
    assert now.committed == before.committed
    assert now.groups == before.groups
    for key, partition in before.partitions.items():
        assert now.partitions[key] == partition, key


def producer_goes_on(client: BlockingClient, used: Used, value: bytes, now: int) -> None:
    """The producer that kafkalite knew is known: what it repeats is recognised, and a gap is refused."""
    assert calls.produce(client, "codecs", 0, used.last_batch) == used.last_offset
    used.last_batch = used.batch("codecs", 0, [Record(None, value, now)])
    used.last_offset = calls.produce(client, "codecs", 0, used.last_batch)
    gap = replace(used, sequences={key: sequence + 1 for key, sequence in used.sequences.items()})
    calls.produce(client, "codecs", 0, gap.batch("codecs", 0, [Record(None, b"gap", now)]), error=OUT_OF_ORDER)


def check_ids_are_new(client: BlockingClient, given: set[int]) -> set[int]:
    made = calls.new_producer_id(client)
    assert made > max(given)
    return {made}


def await_coordinator(client: BlockingClient) -> None:
    """Wait until Kafka has taken the groups over."""
    deadline = time.monotonic() + 60
    request = DescribeGroupsRequest(groups=GROUPS)
    while any(group.error_code in NOT_YET for group in client.call(request, 4).groups):
        assert time.monotonic() < deadline

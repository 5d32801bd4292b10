"""Kafka's own consumer and formatters, and a client in Python, read `__consumer_offsets` of a running kafkalite."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from kafkalite_wire.messages.coordinator_records import GroupMetadataKey, OffsetCommitKey, decode_key
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker
from tests.support.directory_with_history import SETTINGS, Used
from tests.support.reference_kafka import java, kafka_tools_libs
from tests.support.requests import LATEST

OFFSETS = "__consumer_offsets"


@pytest.fixture(scope="module")
def port(used: Used, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A kafkalite over a copy of the well-used directory."""
    data = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(used.path, data)
    broker = KillableBroker(data, SETTINGS)
    broker.launch()
    broker.await_ready()
    yield broker.port
    assert broker.stop() == 0


@pytest.fixture(scope="module")
def counts(port: int) -> dict[int, int]:
    """How many records each partition of the topic has."""
    with BlockingClient(port) as client:
        return calls.offsets(client, OFFSETS, (0, 1), LATEST)


def shown_by(formatter: str, port: int, counts: dict[int, int]) -> list[Any]:
    """Return what a formatter of Kafka's shows of the topic."""
    consumers = [console_consumer(formatter, port, partition, count) for partition, count in counts.items() if count]
    shown: list[Any] = []
    for consumer in consumers:
        out, err = consumer.communicate(timeout=300)
        assert consumer.returncode == 0, err
        assert "Processed a total of" in err
        shown += values_of(out)
    return shown


def values_of(text: str) -> Iterator[Any]:
    """Read JSON values that follow each other without a line's end between them."""
    decoder = json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        text = text[end:]
        yield value


def console_consumer(formatter: str, port: int, partition: int, count: int) -> subprocess.Popen[str]:
    command = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_tools_libs()}/*"]
    command += ["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", f"127.0.0.1:{port}"]
    command += ["--topic", OFFSETS, "--partition", str(partition), "--offset", "earliest"]
    command += ["--max-messages", str(count), "--timeout-ms", "60000"]
    command += ["--formatter", f"org.apache.kafka.tools.consumer.{formatter}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_kafkas_formatter_shows_the_committed_offsets(port: int, counts: dict[int, int]) -> None:
    shown = shown_by("OffsetsMessageFormatter", port, counts)
    assert {each["key"]["type"] for each in shown} == {1}
    found = [{**each["key"]["data"], **each["value"]["data"]} for each in shown]
    rows = [(each["group"], each["topic"], each["partition"], each["offset"], each["metadata"]) for each in found]
    assert sorted(rows) == [
        ("bystander", "codecs", 0, 5, "as far as this"),
        ("bystander", "codecs", 1, 7, "as far as this"),
        ("bystander", "codecs", 1, 9, ""),
        ("bystander", "timed", 0, 100, ""),
        ("crew", "codecs", 0, 11, ""),
    ]


def test_kafkas_formatter_shows_the_groups(port: int, counts: dict[int, int]) -> None:
    shown = shown_by("GroupMetadataMessageFormatter", port, counts)
    assert {each["key"]["type"] for each in shown} == {2}
    assert {each["key"]["data"]["group"] for each in shown} == {"crew"}
    assert [len(each["value"]["data"]["members"]) for each in shown] == [0, 1]
    group = shown[-1]["value"]["data"]
    assert (group["protocolType"], group["protocol"], group["generation"]) == ("consumer", "range", 1)
    [member] = group["members"]
    assert group["leader"] == member["memberId"]
    assert (member["clientId"], member["sessionTimeout"]) == ("test", 600_000)


@pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated")
def test_kafka_python_reads_the_topic(port: int, counts: dict[int, int]) -> None:
    import kafka

    consumer = kafka.KafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{port}", auto_offset_reset="earliest", enable_auto_commit=False
    )
    partitions = [kafka.TopicPartition(OFFSETS, number) for number in counts]
    consumer.assign(partitions)
    kinds: list[type] = []
    while len(kinds) < sum(counts.values()):
        for records in consumer.poll(timeout_ms=10_000).values():
            kinds += [type(decode_key(record.key)) for record in records]
    consumer.close()
    assert set(kinds) == {OffsetCommitKey, GroupMetadataKey}

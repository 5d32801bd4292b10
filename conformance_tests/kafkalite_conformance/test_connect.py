"""Kafka Connect does its job: it copies lines between files and topics, over crashes."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from kafkalite_conformance.drivers.events import TopicPartition
from kafkalite_conformance.programs.connect import Worker
from kafkalite_conformance.scenario import CRASH_TIMEOUT_MS, Scenario

STARTING = 90.0
"""Seconds: a worker starts a web server and a group, on a machine that other scenarios use too."""


def lines(first: int, count: int) -> list[str]:
    """Return numbered lines.

    The source task reads 1024 characters at a time, and leaves lines in its buffer once a batch is full. Two of these
    lines do not fit.
    """
    return [f"line {number:06} {'.' * 600}" for number in range(first, first + count)]


LINE_SIZE = len(lines(0, 1)[0]) + 1


def append(file: Path, more: Iterable[str]) -> None:
    """Append lines to a file."""
    with file.open("a") as stream:
        stream.writelines(f"{line}\n" for line in more)


def lines_in(file: Path) -> list[str]:
    """Return the whole lines of a file; a crash may have left others."""
    return re.findall(r"line \d{6} \.{600}", file.read_text()) if file.exists() else []


def as_lines(values: Iterable[bytes | None]) -> list[str]:
    """Return the values of records as lines."""
    return [(value or b"").decode() for value in values]


def source_connector(name: str, file: Path, topic: str, batch_size: int) -> dict[str, str]:
    """Return the settings of a connector from a file to a topic."""
    return {
        "name": name,
        "connector.class": "FileStreamSource",
        "tasks.max": "1",
        "file": str(file),
        "topic": topic,
        "batch.size": str(batch_size),
    }


def is_resumed(found: Sequence[str], all_lines: Sequence[str], resumed_at: int) -> bool:
    """Return whether lines were copied in order up to some place, and once more from `resumed_at` to the end."""
    before = len(found) - (len(all_lines) - resumed_at)
    return before >= resumed_at and [*found] == [*all_lines[:before], *all_lines[resumed_at:]]


@pytest.mark.apis(19, 32)
def test_connect_standalone_resumes_at_its_stored_offsets_after_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """Each line is copied once; after SIGKILL, lines after the stored offsets of source and sink are copied again."""
    topic, sink_name = scenario.topic(), scenario.name("sink")
    source, sink, offsets = tmp_path / "source.txt", tmp_path / "sink.txt", tmp_path / "offsets"
    connectors = (
        source_connector(scenario.name("source"), source, topic, batch_size=20),
        {"name": sink_name, "connector.class": "FileStreamSink", "file": str(sink), "topics": topic},
    )
    settings = {
        "offset.storage.file.filename": str(offsets),
        "consumer.session.timeout.ms": str(CRASH_TIMEOUT_MS),
        "consumer.heartbeat.interval.ms": "300",
    }
    quiet, busy, late = lines(0, 100), lines(100, 6000), lines(6100, 10)

    def stored_offset() -> int:
        """Return the last offset of the source that the worker has stored, in lines."""
        found = re.findall(rb'"position":(\d+)', offsets.read_bytes()) if offsets.exists() else []
        return int(found[0]) // LINE_SIZE if found else 0

    def committed_offset() -> int:
        """Return the offset that the sink has committed."""
        return scenario.committed(f"connect-{sink_name}").get(TopicPartition(topic, 0), 0)

    reader = scenario.reader("librdkafka", topic)
    append(source, quiet)
    with Worker(scenario.bootstrap, settings, tmp_path / "first", *connectors) as first:
        scenario.poll(lambda: first.has_running(sink_name), "the sink to run", timeout=STARTING)
        scenario.poll(lambda: len(lines_in(sink)) >= len(quiet), "all lines in the sink", timeout=STARTING)
        assert as_lines(reader.values) == lines_in(sink) == quiet
        scenario.poll(lambda: stored_offset() == len(quiet), "the stored offset of the source")
        scenario.poll(lambda: committed_offset() == len(quiet), "the committed offset of the sink")
        append(source, busy)
        scenario.wait(lambda: len(reader.records) >= 1000, "some of the lines")
        first.kill()
    source_offset, sink_offset = stored_offset(), committed_offset()
    append(source, late)
    with Worker(scenario.bootstrap, settings, tmp_path / "second", *connectors) as second:
        scenario.wait(lambda: as_lines(reader.values)[-1] == late[-1], "the last line", timeout=STARTING)
        scenario.poll(lambda: lines_in(sink)[-1] == late[-1], "the last line in the sink", timeout=STARTING)
        second.terminate()
    copied = as_lines(reader.values)
    assert is_resumed(copied, quiet + busy + late, source_offset)
    assert is_resumed(lines_in(sink), copied, sink_offset)


@pytest.mark.apis(22, 24, 26, 32)
def test_connect_distributed_copies_each_line_exactly_once_over_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """Records and source offsets are in one transaction: what SIGKILL leaves open is aborted, and copied again."""
    topic, cluster, name = scenario.topic(), scenario.name("connect"), scenario.name("source")
    source = tmp_path / "source.txt"
    settings = {
        "group.id": cluster,
        "exactly.once.source.support": "enabled",
        "session.timeout.ms": str(CRASH_TIMEOUT_MS),
        "heartbeat.interval.ms": "300",
        "scheduled.rebalance.max.delay.ms": "0",
        # A worker reads the topic of offsets to its end first. It waits there for what a killed task left open.
        "producer.transaction.timeout.ms": "6000",
    }
    for kind in ("config", "offset", "status"):
        settings[f"{kind}.storage.topic"] = f"{cluster}-{kind}"
        settings[f"{kind}.storage.replication.factor"] = "1"
    for kind in ("offset", "status"):
        settings[f"{kind}.storage.partitions"] = "1"
    connector = {
        **source_connector(name, source, topic, batch_size=5),
        "exactly.once.support": "required",
        "transaction.boundary": "poll",
    }
    early, late = lines(0, 800), lines(800, 20)

    reader = scenario.reader("librdkafka", topic, isolation="read_committed")
    append(source, early)
    with Worker(scenario.bootstrap, settings, tmp_path / "first") as first:
        scenario.poll(
            lambda: first.put(f"/connectors/{name}/config", connector), "the connector's creation", timeout=STARTING
        )
        scenario.wait(lambda: len(reader.records) >= 100, "some of the lines", timeout=STARTING)
        first.kill()
    assert len(reader.records) < len(early)
    append(source, late)
    with Worker(scenario.bootstrap, settings, tmp_path / "second") as second:
        scenario.wait(lambda: as_lines(reader.values)[-1:] == late[-1:], "the last line", timeout=STARTING)
        assert second.has_running(name)
        stored = second.get(f"/connectors/{name}/offsets")
        second.terminate()
    assert as_lines(reader.values) == early + late
    assert stored is not None
    assert stored.values == {
        "offsets": [{"partition": {"filename": str(source)}, "offset": {"position": source.stat().st_size}}]
    }

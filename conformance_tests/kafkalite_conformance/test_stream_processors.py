"""Stream processors in Python and on the JVM count, copy, crash, and go on: faust, Flink."""

from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.programs.java_program import JavaProgram, compiled
from kafkalite_conformance.programs.python_program import PythonProgram, environment
from kafkalite_conformance.reference_broker import maven_jars
from kafkalite_conformance.scenario import Scenario

FAUST: Final = "faust-streaming==0.15.3"
FLINK: Final = "2.2.1"
FLINK_KAFKA: Final = "5.0.0-2.2"
FLINK_FLAGS: Final = tuple(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "util"))

WORDS: Final = ("apple", "pear", "plum")
ROUNDS: Final = 40
RECORDS: Final = 600
STARTING: Final = 60.0


def fill_with_words(scenario: Scenario, topic: str) -> None:
    """Put each word into both partitions, as often as there are rounds."""
    for partition in (0, 1):
        scenario.fill(topic, [word.encode() for _ in range(ROUNDS) for word in WORDS], partition=partition)


def counts_of(reader: DriverProcess) -> dict[bytes | None, list[int]]:
    """Return the counts that a reader has seen of each word, in order."""
    counts: dict[bytes | None, list[int]] = defaultdict(list)
    for record in reader.records:
        counts[record.key].append(int(record.value or b"0"))
    return counts


@pytest.mark.once
@pytest.mark.apis(8, 11, 19)
def test_faust_recovers_its_table_from_the_changelog(scenario: Scenario, tmp_path: Path) -> None:
    """A killed worker of faust is followed by another, which knows the counts by the changelog of its table.

    It is killed when all that it has counted is in the changelog and committed, and gets more when it has restored its
    table. Otherwise faust counts some words twice or leaves some out, with Apache Kafka too. All of a word is in one
    partition, because the table's changelog has the partitions of the topic.
    """
    python = environment("faust", FAUST)
    source, sink, application = scenario.topic(2), scenario.topic(1), scenario.name("faust")
    reader = scenario.reader("librdkafka", sink)

    def start(number: int) -> PythonProgram:
        arguments = (scenario.bootstrap, application, source, sink, str(tmp_path / f"data-{number}"))
        return PythonProgram(python, "faust_word_count", arguments, tmp_path / f"output-{number}.txt")

    def fill() -> None:
        for number, word in enumerate(WORDS):
            scenario.fill(source, [word.encode()] * ROUNDS, partition=number % 2)

    def has_saved() -> bool:
        changelog = f"{application}-counts-changelog"
        latest = [
            scenario.setup_client.call("list_offset", topic=changelog, partition=partition, start="latest")
            for partition in (0, 1)
        ]
        offsets = scenario.committed(application)
        committed = sum(offset for place, offset in offsets.items() if place.topic == source)
        return committed == sum(each.number("offset") for each in latest) == ROUNDS * len(WORDS)

    fill()
    with start(1) as first:
        scenario.wait(lambda: len(reader.records) >= ROUNDS * len(WORDS), "the first counts", timeout=STARTING)
        scenario.poll(has_saved, "the counts to be saved")
        first.kill()
    with start(2) as second:
        scenario.poll(lambda: second.has_printed("Worker ready"), "the table to be restored", timeout=STARTING)
        fill()
        scenario.wait(lambda: len(reader.records) >= 2 * ROUNDS * len(WORDS), "all counts", timeout=STARTING)
        second.terminate(STARTING)
    assert counts_of(reader) == {word.encode(): list(range(1, 2 * ROUNDS + 1)) for word in WORDS}


@pytest.mark.once
@pytest.mark.apis(22, 24, 26, 61, 66)
def test_flink_copies_each_record_once_over_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """Flink's exactly-once sink goes on from a checkpoint, and ends or aborts the transactions of the killed job.

    The first job names its transactions by incremented numbers; the second reuses names, and lists open transactions.
    """
    jars = maven_jars(
        f"flink-{FLINK}",
        ("org.apache.flink", "flink-streaming-java", FLINK),
        ("org.apache.flink", "flink-clients", FLINK),
        ("org.apache.flink", "flink-connector-base", FLINK),
        ("org.apache.flink", "flink-connector-kafka", FLINK_KAFKA),
    )
    path = compiled("FlinkCopy", jars)
    source, sink, prefix = scenario.topic(2), scenario.topic(1), scenario.name("flink")
    values = [str(number).encode() for number in range(2 * RECORDS)]
    for partition in (0, 1):
        scenario.fill(source, values[partition::2], partition=partition)
    reader = scenario.reader("librdkafka", sink, isolation="read_committed")

    def start(number: int, naming: str) -> JavaProgram:
        arguments = (scenario.bootstrap, prefix, naming, source, sink, str(tmp_path / "checkpoints"))
        return JavaProgram("FlinkCopy", path, arguments, tmp_path / f"output-{number}.txt", flags=FLINK_FLAGS)

    with start(1, "INCREMENTING") as first:
        scenario.wait(lambda: len(reader.records) >= RECORDS // 4, "some records", timeout=STARTING)
        first.kill()
    read_before = len(reader.records)
    with start(2, "POOLING") as second:
        scenario.wait(lambda: len(reader.records) >= len(values), "all records", timeout=STARTING)
        second.terminate(STARTING)
    assert read_before < len(values)
    assert sorted(value or b"" for value in reader.values) == sorted(values)

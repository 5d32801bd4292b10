"""Programs written for Kafka do their jobs: Kafka Streams with exactly-once processing, consumers of all kinds."""

from collections import defaultdict
from pathlib import Path

import pytest

from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.programs.java_program import JavaProgram, compiled
from kafkalite_conformance.reference_broker import KAFKA_VERSION, kafka_jars, maven_jars
from kafkalite_conformance.scenario import Scenario

WORDS = ("apple", "pear", "plum")
ROUNDS = 40
STARTING = 60.0


@pytest.mark.apis(22, 24, 25, 26, 28)
def test_streams_counts_each_word_once_over_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """The counts of each word are 1, 2, 3, ..., although the program is killed while it works."""
    source, sink, application = scenario.topic(2), scenario.topic(1), scenario.name("streams")
    reader = scenario.reader("librdkafka", sink, isolation="read_committed")
    with word_count(scenario, tmp_path / "1", application, source, sink, protocol="classic") as first:
        scenario.poll(lambda: first.has_printed("RUNNING"), "the program to run", timeout=STARTING)
        fill(scenario, source, ROUNDS)
        scenario.wait(lambda: len(reader.records) >= 30, "some counts", timeout=STARTING)
        first.kill()
    fill(scenario, source, ROUNDS)
    with word_count(scenario, tmp_path / "2", application, source, sink, protocol="classic") as second:
        expected = 4 * ROUNDS * len(WORDS)
        scenario.wait(lambda: len(reader.records) >= expected, "all counts", timeout=STARTING)
        second.close()
    assert counts_in(reader) == {word.encode(): list(range(1, 4 * ROUNDS + 1)) for word in WORDS}


@pytest.mark.apis(88, 89)
def test_streams_whose_tasks_the_broker_assigns_survives_the_loss_of_an_instance(
    scenario: Scenario, tmp_path: Path
) -> None:
    """KIP-1071: two instances share the tasks, one is killed, the other goes on where it was."""
    source, sink, application = scenario.topic(2), scenario.topic(1), scenario.name("streams")
    reader = scenario.reader("librdkafka", sink, isolation="read_committed")
    with (
        word_count(scenario, tmp_path / "1", application, source, sink, protocol="streams") as first,
        word_count(scenario, tmp_path / "2", application, source, sink, protocol="streams") as second,
    ):
        for program in (first, second):
            scenario.poll(lambda: program.has_printed("RUNNING"), "the programs to run", timeout=STARTING)  # noqa: B023
        fill(scenario, source, ROUNDS)
        scenario.wait(lambda: len(reader.records) >= 30, "some counts", timeout=STARTING)
        first.kill()
        fill(scenario, source, ROUNDS)
        expected = 4 * ROUNDS * len(WORDS)
        scenario.wait(lambda: len(reader.records) >= expected, "all counts", timeout=STARTING)
        second.close()
    assert counts_in(reader) == {word.encode(): list(range(1, 4 * ROUNDS + 1)) for word in WORDS}


def word_count(
    scenario: Scenario, folder: Path, application: str, source: str, sink: str, *, protocol: str
) -> JavaProgram:
    """Start a Kafka Streams program that counts the words of a topic."""
    folder.mkdir()
    jars = maven_jars(f"kafka-streams-{KAFKA_VERSION}", ("org.apache.kafka", "kafka-streams", KAFKA_VERSION))
    path = compiled("WordCount", jars)
    state = str(folder / "state")
    arguments = (scenario.bootstrap, application, source, sink, "exactly_once_v2", state, protocol)
    return JavaProgram("WordCount", path, arguments, folder / "output.txt")


def fill(scenario: Scenario, source: str, rounds: int) -> None:
    """Send each word so many times to each of two partitions."""
    for partition in (0, 1):
        scenario.fill(source, [word.encode() for word in WORDS for _ in range(rounds)], partition=partition)


def counts_in(reader: DriverProcess) -> dict[bytes | None, list[int]]:
    """Return the counts of each word in the order in which they were read."""
    counts: dict[bytes | None, list[int]] = defaultdict(list)
    for record in reader.records:
        counts[record.key].append(int(record.value or b"0"))
    return counts


@pytest.mark.apis(68, 69, 76, 77, 78, 79, 90)
def test_java_reads_with_the_new_kinds_of_groups(scenario: Scenario, tmp_path: Path) -> None:
    """A consumer of KIP-848 and a share consumer: what is released is delivered again, what is accepted is not."""
    path = compiled("GroupKinds", kafka_jars())
    arguments = (scenario.bootstrap, scenario.name("kinds"))
    with JavaProgram("GroupKinds", path, arguments, tmp_path / "output.txt") as program:
        program.close(STARTING)
        lines = program.output.splitlines()
    expected = ["CONSUMED 30", "SHARED 30", "MEMBERS Consumer", "SHARES share", "OFFSETS 3", "DONE"]
    assert [line for line in lines if line in expected] == expected, program.output

"""Programs written for Kafka do their jobs: Kafka Streams with exactly-once processing, consumers of all kinds."""

from collections import defaultdict
from pathlib import Path

import pytest

from kafkalite_conformance.programs.java_program import JavaProgram, compiled
from kafkalite_conformance.reference_broker import KAFKA_VERSION, kafka_jars, maven_jars
from kafkalite_conformance.scenario import Scenario

WORDS = ("apple", "pear", "plum")
ROUNDS = 40
STARTING = 60.0


@pytest.mark.apis(22, 24, 25, 26, 28)
def test_streams_counts_each_word_once_over_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """The counts of each word are 1, 2, 3, ..., although the program is killed while it works."""
    jars = maven_jars(f"kafka-streams-{KAFKA_VERSION}", ("org.apache.kafka", "kafka-streams", KAFKA_VERSION))
    path = compiled("WordCount", jars)
    source, sink, application = scenario.topic(2), scenario.topic(1), scenario.name("streams")

    def start(number: int) -> JavaProgram:
        arguments = (
            scenario.bootstrap,
            application,
            source,
            sink,
            "exactly_once_v2",
            str(tmp_path / f"state-{number}"),
            "classic",
        )
        return JavaProgram("WordCount", path, arguments, tmp_path / f"output-{number}.txt")

    def fill(rounds: int) -> None:
        for partition in (0, 1):
            scenario.fill(source, [word.encode() for word in WORDS for _ in range(rounds)], partition=partition)

    reader = scenario.reader("librdkafka", sink, isolation="read_committed")
    with start(1) as first:
        scenario.poll(lambda: first.has_printed("RUNNING"), "the program to run", timeout=STARTING)
        fill(ROUNDS)
        scenario.wait(lambda: len(reader.records) >= 30, "some counts", timeout=STARTING)
        first.kill()
    fill(ROUNDS)
    with start(2) as second:
        expected = 4 * ROUNDS * len(WORDS)
        scenario.wait(lambda: len(reader.records) >= expected, "all counts", timeout=STARTING)
        second.close()
    counts: dict[bytes | None, list[int]] = defaultdict(list)
    for record in reader.records:
        counts[record.key].append(int(record.value or b"0"))
    assert counts == {word.encode(): list(range(1, 4 * ROUNDS + 1)) for word in WORDS}


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

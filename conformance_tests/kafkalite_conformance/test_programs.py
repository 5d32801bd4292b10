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


class WordCounts:
    """An application of Kafka Streams that counts words, and what it has counted."""

    def __init__(self, scenario: Scenario, folder: Path, protocol: str) -> None:
        jars = maven_jars(f"kafka-streams-{KAFKA_VERSION}", ("org.apache.kafka", "kafka-streams", KAFKA_VERSION))
        self._path = compiled("WordCount", jars)
        self._scenario, self._folder, self._protocol = scenario, folder, protocol
        self._source, self._sink, self._application = scenario.topic(2), scenario.topic(1), scenario.name("streams")
        self._reader = scenario.reader("librdkafka", self._sink, isolation="read_committed")
        self._expected = 0

    def start(self, number: int) -> JavaProgram:
        """Start an instance of the application."""
        arguments = (
            self._scenario.bootstrap,
            self._application,
            self._source,
            self._sink,
            "exactly_once_v2",
            str(self._folder / f"state-{number}"),
            self._protocol,
        )
        return JavaProgram("WordCount", self._path, arguments, self._folder / f"output-{number}.txt")

    def until_running(self, program: JavaProgram) -> None:
        """Wait until an instance has its tasks."""
        self._scenario.poll(lambda: program.has_printed("RUNNING"), "the program to run", timeout=STARTING)

    def fill(self) -> None:
        """Write words to both partitions."""
        words = [word.encode() for word in WORDS for _ in range(ROUNDS)]
        for partition in (0, 1):
            self._scenario.fill(self._source, words, partition=partition)
        self._expected += 2 * len(words)

    def wait(self, least: int | None = None) -> None:
        """Wait for all counts, or for a number of them."""
        wanted = self._expected if least is None else least
        self._scenario.wait(lambda: len(self._reader.records) >= wanted, "counts", timeout=STARTING)

    def check(self) -> None:
        """Check that each word was counted once."""
        counts: dict[bytes | None, list[int]] = defaultdict(list)
        for record in self._reader.records:
            counts[record.key].append(int(record.value or b"0"))
        assert counts == {word.encode(): list(range(1, self._expected // len(WORDS) + 1)) for word in WORDS}


@pytest.mark.apis(22, 24, 25, 26, 28)
def test_streams_counts_each_word_once_over_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """The counts of each word are 1, 2, 3, ..., although the program is killed while it works."""
    words = WordCounts(scenario, tmp_path, "classic")
    with words.start(1) as first:
        words.until_running(first)
        words.fill()
        words.wait(30)
        first.kill()
    words.fill()
    with words.start(2) as second:
        words.wait()
        second.close()
    words.check()


@pytest.mark.apis(22, 24, 25, 26, 28, 88)
def test_streams_whose_tasks_the_broker_assigns_survives_the_loss_of_an_instance(
    scenario: Scenario, tmp_path: Path
) -> None:
    """KIP-1071: two instances share the tasks, one is killed, and the other takes its tasks over."""
    words = WordCounts(scenario, tmp_path, "streams")
    with words.start(1) as first, words.start(2) as second:
        words.until_running(first)
        words.until_running(second)
        words.fill()
        words.wait(30)
        first.kill()
        words.fill()
        words.wait()
        second.close()
    words.check()


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

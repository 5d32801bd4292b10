"""The commands against Apache Kafka itself: one start, and everything that differs from our own broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer

from kafkalite.cli.commands import kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from tests.reference import java, kafka_libs

POLLS = 100


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    java()
    kafka_libs()
    with start_kafka(jvm_flags=CONFORMANCE_JVM_FLAGS) as running:
        yield running.bootstrap


@pytest.fixture
def run(kafka: str) -> Callable[..., Result]:
    def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
        environment = {"KAFKALITE_BOOTSTRAP": kafka}
        return CliRunner().invoke(kafkalite, arguments, env=environment, input=input, catch_exceptions=False)

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_first_question_about_a_group_waits_for_the_topic_of_offsets(run: Callable[..., Result]) -> None:
    assert run("topics", "create", "early", "-p", "2").exit_code == 0
    assert run("groups", "reset", "first", "--to", "earliest", "-t", "early", "--execute").exit_code == 0
    [group] = told(run("groups", "describe", "first", "--json"))
    assert (group["state"], group["lag"], len(group["partitions"])) == ("Empty", 0, 2)
    result = run("groups", "describe", "frist")
    assert (result.exit_code, result.stderr) == (4, "Error: there is no group 'frist'.\nDid you mean first?\n")
    assert run("groups", "delete", "first", "-y").exit_code == 0


def test_records_and_configurations_go_there_and_back(run: Callable[..., Result]) -> None:
    assert run("topics", "create", "orders", "-p", "1").exit_code == 0
    assert run("records", "produce", "orders", "-k", "=", input="a=1\nb=2\n").exit_code == 0
    rows = [json.loads(line) for line in run("records", "consume", "orders", "--json").stdout.splitlines()]
    assert [(row["offset"], row["key"], row["value"]) for row in rows] == [(0, "a", "1"), (1, "b", "2")]
    assert told(run("records", "delete", "orders", "--before", "1", "--execute", "--json"))["executed"]
    assert run("records", "consume", "orders").stdout == "2\n"
    assert run("configs", "alter", "topic", "orders", "--set", "retention.ms=5000000").exit_code == 0
    assert told(run("configs", "describe", "topic", "orders", "--json"))[0]["value"] == "5000000"
    refused = run("configs", "alter", "topic", "orders", "--set", "retention.ms=soon")
    assert refused.stderr.startswith("Error: topic 'orders' is not changed: Invalid value soon for configuration")
    assert run("topics", "alter", "orders", "-p", "2").exit_code == 0
    assert "currently has 2 partition(s)" in run("topics", "alter", "orders", "-p", "1").stderr
    assert run("topics", "delete", "orders", "-y").exit_code == 0


@pytest.mark.parametrize(("protocol", "members"), [("classic", 1), ("consumer", 0)])
def test_groups_of_both_protocols_are_shown(
    run: Callable[..., Result], kafka: str, protocol: str, members: int
) -> None:
    topic = f"read-{protocol}"
    run("topics", "create", topic, "-p", "1")
    run("records", "produce", topic, input="1\n2\n3\n")
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": protocol, "client.id": "reader",
                         "group.protocol": protocol, "auto.offset.reset": "earliest"})  # fmt: skip
    consumer.subscribe([topic])
    read = next(message for _ in range(POLLS) if (message := consumer.poll(0.2)) is not None)
    consumer.commit(read, asynchronous=False)
    [group] = told(run("groups", "describe", protocol, "--json"))
    assert (group["state"], group["lag"], len(group["members"])) == ("Stable", 2, members)
    assert [row["committed"] for row in group["partitions"]] == [1]
    assert {"group": protocol, "state": "Stable", "type": protocol, "protocol_type": "consumer"} in told(
        run("groups", "list", "--json")
    )
    consumer.close()


def test_the_doctor_finds_nothing_wrong(run: Callable[..., Result], kafka: str) -> None:
    result = told(run("doctor", kafka, "--json"))
    assert [finding["code"] for finding in result["findings"]] == ["advertised-loopback"]
    assert all(job["works"] for client in result["clients"] for job in client["jobs"].values())

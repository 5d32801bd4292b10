"""`kafkalite topics` and `kafkalite configs` against a broker."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from click.testing import Result

from kafkalite_conformance.broker import free_port

Run = Callable[..., Result]
Told = Callable[..., Any]


def test_a_topic_lives_from_create_to_delete(run: Run, told: Told) -> None:
    assert run("topics", "create", "life", "-p", "2", "-c", "retention.ms=60000").output == (
        "life is created, with 2 partitions.\n"
    )
    assert {"life": 2}.items() <= {row["topic"]: len(row["partitions"]) for row in told("topics", "list")}.items()
    [topic] = told("topics", "describe", "life")
    assert len(topic["topic_id"]) == 22
    assert [(row["partition"], row["leader"], row["earliest"], row["end"]) for row in topic["partitions"]] == [
        (0, 1, 0, 0),
        (1, 1, 0, 0),
    ]
    assert run("topics", "alter", "life", "-p", "3", "--reset", "retention.ms").exit_code == 0
    assert len(told("topics", "describe", "life")[0]["partitions"]) == 3
    assert told("configs", "describe", "topic", "life") == []
    assert run("topics", "delete", "life", "--yes").output == "life is deleted.\n"
    assert run("topics", "describe", "life").exit_code == 4


def test_tables_are_for_people(run: Run) -> None:
    run("topics", "create", "shown", "-p", "1")
    lines = run("topics", "describe", "shown").stdout.splitlines()
    assert lines[0].split() == ["topic", "partition", "leader", "replicas", "in", "sync", "earliest", "end", "offsets"]
    assert lines[2].split() == ["shown", "0", "1", "1", "1", "0", "0", "0"]


def test_raising_the_number_of_partitions_warns_that_keys_move(run: Run) -> None:
    run("topics", "create", "growing", "-p", "1")
    result = run("topics", "alter", "growing", "-p", "2")
    assert result.stdout == "growing is changed.\n"
    assert "Keys move" in result.stderr


def test_a_dry_run_changes_nothing(run: Run, told: Told) -> None:
    assert run("topics", "create", "never", "--dry-run").output == "never could be created.\n"
    assert run("topics", "describe", "never").exit_code == 4
    run("topics", "create", "same", "-p", "1")
    run("topics", "alter", "same", "-p", "2", "-c", "retention.ms=1", "--dry-run")
    assert len(told("topics", "describe", "same")[0]["partitions"]) == 1
    assert told("configs", "describe", "topic", "same") == []


def test_an_unknown_topic_is_exit_code_4_with_the_names_that_are_near(run: Run) -> None:
    run("topics", "create", "invoices")
    result = run("topics", "describe", "invocies")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == "Error: there is no topic 'invocies'.\nDid you mean invoices?\n"


def test_a_topic_that_exists_is_refused_unless_that_is_fine(run: Run) -> None:
    run("topics", "create", "twice")
    result = run("topics", "create", "twice")
    assert result.exit_code == 1
    assert "Topic 'twice' already exists. (TOPIC_ALREADY_EXISTS)" in result.stderr
    assert run("topics", "create", "twice", "--if-not-exists").exit_code == 0


def test_deleting_asks_first(run: Run, told: Told) -> None:
    run("topics", "create", "kept")
    assert run("topics", "delete", "kept", input="n\n").exit_code == 1
    assert told("topics", "describe", "kept")[0]["topic"] == "kept"


def test_configurations_are_set_shown_and_set_back(run: Run, told: Told) -> None:
    run("topics", "create", "tuned")
    assert run("configs", "alter", "topic", "tuned", "--set", "cleanup.policy=compact").exit_code == 0
    [setting] = told("configs", "describe", "topic", "tuned")
    assert (setting["key"], setting["value"], setting["source"]) == (
        "cleanup.policy",
        "compact",
        "DYNAMIC_TOPIC_CONFIG",
    )
    assert ("topic", "tuned") in {(row["kind"], row["name"]) for row in told("configs", "list")}
    everything = {row["key"] for row in told("configs", "describe", "topic", "tuned", "--all")}
    assert {"cleanup.policy", "retention.ms", "segment.bytes"} <= everything
    run("configs", "alter", "topic", "tuned", "--reset", "cleanup.policy")
    assert run("configs", "describe", "topic", "tuned").output.startswith("Nothing has been set for the topic tuned")


def test_an_unknown_key_is_told_with_those_that_are_near(run: Run) -> None:
    run("topics", "create", "mistaken")
    result = run("configs", "alter", "topic", "mistaken", "--set", "retention.msec=1")
    assert result.exit_code == 4
    assert "Did you mean retention.ms" in result.stderr


def test_a_value_that_the_broker_refuses_is_exit_code_1(run: Run) -> None:
    run("topics", "create", "refusing")
    result = run("configs", "alter", "topic", "refusing", "--set", "retention.ms=soon")
    assert result.exit_code == 1
    assert "topic 'refusing' is not changed" in result.stderr


def test_a_broker_is_configured_by_its_number(run: Run, told: Told) -> None:
    assert any(row["key"] == "log.retention.ms" for row in told("configs", "describe", "broker", "1", "--all"))
    assert run("configs", "describe", "broker", "7").exit_code == 4


def test_a_broker_that_is_not_there_is_exit_code_3_at_once(run: Run) -> None:
    port = free_port()
    result = run("topics", "list", "-b", f"127.0.0.1:{port}")
    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: no broker at 127.0.0.1:{port}: Connection refused.\n"
        f"Is it running, and is --bootstrap right? `kafkalite doctor 127.0.0.1:{port}` tells more.\n"
    )


def test_a_server_that_is_no_broker_is_exit_code_3_within_the_timeout(run: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = run("topics", "list", "-b", address, "--timeout", "0.3")
    assert result.exit_code == 3
    assert f"`kafkalite doctor {address}`" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["topics", "list", "-b", "9092"], "'9092' is not of the form HOST:PORT"),
        (["topics", "list", "-X", "sasl.mecanism=PLAIN"], "unknown client setting 'sasl.mecanism'"),
        (["topics", "list", "-X", "sasl.mechanism"], "'sasl.mechanism' is not of the form KEY=VALUE"),
        (["topics", "list", "--client-config", "missing"], "cannot read missing: No such file or directory"),
        (["topics", "create", "t", "-c", "retention.ms"], "'retention.ms' is not of the form KEY=VALUE"),
        (["topics", "alter", "t"], "Nothing to change"),
        (["configs", "alter", "topic", "t"], "Nothing to change"),
        (["topics", "alter", "t", "-c", "a=1", "--reset", "a"], "--config and --reset exclude each other"),
        (["configs", "alter", "topic", "t", "-s", "a=1", "--reset", "a"], "exclude each other, and both name a."),
        (["configs", "describe", "tpoic", "t"], "'tpoic' is not one of"),
    ],
)
def test_a_mistake_of_usage_is_exit_code_2(run: Run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_missing_extra_is_said_with_the_command_that_installs_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kafkalite.tools.cli.broker_options.find_spec", lambda module: module != "kafka" or None)
    monkeypatch.setitem(sys.modules, "kafka", None)
    result = run("topics", "list")
    assert result.exit_code == 1
    assert result.stderr == "Error: kafka-python is missing: run pip install 'kafkalite[cli]'\n"

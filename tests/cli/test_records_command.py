"""`kafkalite records` against a broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kafkalite.testing import run as start
from kafkalite.tools.cli.commands import kafkalite
from kafkalite.tools.cli.printing import progress

Run = Callable[..., Result]
Told = Callable[..., Any]


def made(run: Run, topic: str, partitions: int = 1) -> None:
    assert run("topics", "create", topic, "-p", str(partitions), "-c", "retention.ms=-1").exit_code == 0


def read(run: Run, topic: str, *options: str) -> list[str]:
    result = run("records", "consume", topic, *options)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_lines_go_in_and_come_out(run: Run) -> None:
    made(run, "lines")
    assert run("records", "produce", "lines", input="a\nb\n\nc").output == "4 records written to lines.\n"
    assert read(run, "lines") == ["a", "b", "", "c"]


def test_a_file_is_read_line_by_line(run: Run, tmp_path: Path) -> None:
    made(run, "from-file")
    file = tmp_path / "values"
    file.write_bytes("één\r\ntwee\r\n".encode() + b"a\rb\n\xff\n")
    run("records", "produce", "from-file", str(file))
    rows = [json.loads(line) for line in read(run, "from-file", "--json")]
    assert [row.get("value") for row in rows] == ["één", "twee", "a\rb", None]
    assert rows[3]["value_base64"] == "/w=="


def test_keys_stand_before_a_separator_and_choose_the_partition(run: Run, told: Told) -> None:
    made(run, "keyed", 3)
    summary = told("records", "produce", "keyed", "-k", "=", input="a=1\nb=2\na=3\n")
    assert (summary["records"], summary["errors"]) == (3, {})
    assert sum(summary["partitions"].values()) == 3
    lines = read(run, "keyed", "--format", r"{key}:{value}\n")
    assert sorted(lines) == ["a:1", "a:3", "b:2"]
    assert lines.index("a:1") < lines.index("a:3")


def test_what_is_consumed_as_json_is_produced_again_to_the_same(run: Run) -> None:
    made(run, "first", 2)
    made(run, "second", 2)
    rows = [
        {"key": "k", "value": {"a": 1}, "headers": {"h": "x"}, "partition": 1, "timestamp": 1_700_000_000_000},
        {"key": "gone", "value": None, "partition": 0, "timestamp": 1_700_000_000_001},
        {"key_base64": "/w==", "value_base64": "AP8=", "partition": 0, "timestamp": 1_700_000_000_002},
    ]
    run("records", "produce", "first", "--json-lines", input="".join(f"{json.dumps(row)}\n" for row in rows))
    exported = read(run, "first", "--json")
    run("records", "produce", "second", "--json-lines", input="".join(f"{line}\n" for line in exported))
    again = read(run, "second", "--json")
    assert sorted(line.replace('"second"', '"first"') for line in again) == sorted(exported)
    assert {"topic": "first", "partition": 1, "offset": 0, "timestamp": 1_700_000_000_000, "key": "k",
            "value": '{"a":1}', "headers": {"h": "x"}} in [json.loads(line) for line in exported]  # fmt: skip


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_records_are_read_back(run: Run, compression: str) -> None:
    made(run, f"packed-{compression}")
    run("records", "produce", f"packed-{compression}", "--compression", compression, input="x\n" * 50)
    assert read(run, f"packed-{compression}") == ["x"] * 50


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_records_are_written_with_any_acknowledgement(run: Run, acks: str) -> None:
    made(run, f"acks-{acks}")
    assert run("records", "produce", f"acks-{acks}", "--acks", acks, input="x\n").exit_code == 0


def test_reading_starts_and_ends_where_it_is_told(run: Run) -> None:
    made(run, "places")
    lines = (
        json.dumps({"value": str(minute), "timestamp": 1_700_000_000_000 + 60_000 * minute}) for minute in range(10)
    )
    run("records", "produce", "places", "--json-lines", input="".join(f"{line}\n" for line in lines))
    assert read(run, "places", "--from", "7") == ["7", "8", "9"]
    assert read(run, "places", "--from", "-2") == ["8", "9"]
    assert read(run, "places", "--until", "2") == ["0", "1"]
    assert read(run, "places", "--from", "latest") == []
    assert read(run, "places", "--from", "2023-11-14T22:20:00Z", "--max", "1") == ["7"]
    assert read(run, "places", "--from", "2023-11-14T22:15:00Z", "--until", "2023-11-14T22:17:00Z") == ["2", "3"]


def test_reading_some_partitions_leaves_out_the_others(run: Run) -> None:
    made(run, "parts", 3)
    for partition in ("0", "1", "2"):
        run("records", "produce", "parts", "-p", partition, input=f"{partition}\n")
    assert sorted(read(run, "parts", "-p", "0", "-p", "2")) == ["0", "2"]


def test_following_goes_on_until_there_are_enough(run: Run) -> None:
    made(run, "endless")
    run("records", "produce", "endless", input="1\n2\n3\n")
    assert read(run, "endless", "--follow", "--max", "3") == ["1", "2", "3"]


def test_deleting_is_a_dry_run_unless_it_is_executed(run: Run, told: Told) -> None:
    made(run, "shortened")
    run("records", "produce", "shortened", input="0\n1\n2\n")
    row = {"topic": "shortened", "partition": 0, "earliest": 0, "new_earliest": 2}
    assert told("records", "delete", "shortened", "--before", "2") == {"executed": False, "partitions": [row]}
    assert read(run, "shortened") == ["0", "1", "2"]
    assert told("records", "delete", "shortened", "--before", "2", "--execute")["executed"]
    assert read(run, "shortened") == ["2"]
    assert "shortened" in run("records", "delete", "shortened", "--before", "latest").stdout


def test_a_record_that_is_too_large_is_exit_code_1(run: Run) -> None:
    assert run("topics", "create", "small", "-p", "1", "-c", "max.message.bytes=100").exit_code == 0
    result = run("records", "produce", "small", input="x\n" + "y" * 200 + "\n")
    assert result.exit_code == 1
    assert "1 refused: MESSAGE_TOO_LARGE" in result.stderr
    assert read(run, "small") == ["x"]


def test_a_topic_that_does_not_exist_is_created_by_the_broker(run: Run, told: Told) -> None:
    result = run("records", "produce", "brand-new", input="a\nb\n")
    assert (result.exit_code, result.stdout) == (0, "2 records written to brand-new.\n")
    assert result.stderr == "Topic brand-new did not exist; the broker has created it.\n"
    assert read(run, "brand-new") == ["a", "b"]
    assert told("records", "produce", "brand-new", input="c\n")["created"] is False


def test_where_the_broker_creates_no_topics_producing_to_a_new_one_is_not_found() -> None:
    with start({"auto.create.topics.enable": False}) as kafka:
        arguments = ["records", "produce", "no-such", "-b", kafka.bootstrap, "--timeout", "1"]
        result = CliRunner().invoke(kafkalite, arguments, input="x\n")
    assert result.exit_code == 4
    assert "there is no topic 'no-such'" in result.stderr
    assert "The broker does not create topics by itself." in result.stderr


@pytest.mark.parametrize("error", ["FENCED_LEADER_EPOCH", "KAFKA_STORAGE_ERROR"])
@pytest.mark.parametrize("follow", [False, True])
def test_reading_what_is_refused_for_ever_ends_with_what_the_broker_answers(error: str, follow: bool) -> None:
    with start(topics={"orders": 1}) as kafka:
        kafka.produce("orders", "apple")
        with kafka.faults.error("Fetch", error):
            arguments = ["records", "consume", "orders", "-b", kafka.bootstrap, "--timeout", "1"]
            result = CliRunner().invoke(kafkalite, arguments + ["--follow"] * follow)
    assert result.exit_code == 1
    assert f"orders-0 cannot be read at offset 0: {error}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "lines", "status", "message"),
    [
        (["produce", "here", "-p", "9"], "x\n", 4, "topic 'here' has no partition 9"),
        (["produce", "here", "--json-lines"], "{}", 1, "neither a key nor a value"),
        (["produce", "here", "--json-lines"], '{"value": 1}\n[]\n', 2, "line 2: not a JSON object"),
        (["produce", "here", "-k", ":"], "ab\n", 2, "line 1: no ':' between key and value"),
        (["produce", "here", "-k", ":", "--json-lines"], "", 2, "exclude each other"),
        (["consume", "no-such"], None, 4, "there is no topic 'no-such'"),
        (["consume", "here", "-p", "9"], None, 4, "topic 'here' has no partition 9"),
        (["consume", "here", "--format", "{secret}"], None, 2, "a format cannot name {secret}"),
        (["consume", "here", "--from", "noon"], None, 2, "'noon' is no position"),
        (["consume", "here", "--follow", "--until", "5"], None, 2, "exclude each other"),
        (["delete", "here"], None, 2, "Missing option '--before'"),
    ],
)
def test_mistakes_have_their_exit_codes(
    run: Run, arguments: list[str], lines: str | None, status: int, message: str
) -> None:
    run("topics", "create", "here", "-p", "1", "--if-not-exists")
    result = run("records", *arguments, input=lines)
    assert result.exit_code == status
    assert message in result.stderr


@pytest.mark.parametrize("shown", [True, False])
def test_progress_is_told_on_the_error_stream_or_not_at_all(
    shown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("producing", 3, shown=shown) as advance:
        advance(2)
    told = capsys.readouterr()
    assert told.out == ""
    assert ("producing" in told.err) is shown

"""`kafkalite log`: what its users see, and the exit codes that scripts go by."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kafkalite.tools.cli.commands import kafkalite
from kafkalite_storage.files.filesystem import OsFileSystem
from tests.support.storage.used_directory import fill


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(OsFileSystem(), str(tmp_path))
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(kafkalite, ["log", *map(str, arguments)])


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_sound_directory_exits_with_0_and_a_summary(data: Path) -> None:
    done = run("verify", data)
    assert done.exit_code == 0
    assert done.output.endswith(" bytes of batches: sound\n")
    assert done.output.count("\n") == 1


def test_damage_exits_with_1_and_a_line_that_names_file_and_byte(data: Path) -> None:
    log = data / "orders-1" / "00000000000000000000.log"
    flip(log, 80)
    done = run("verify", data)
    assert done.exit_code == 1
    assert f"damage: {log}, byte 0: the CRC of the batch at 0 is " in done.output
    assert done.output.splitlines()[-1].endswith(" 1 damage")


def test_a_wrong_cache_exits_with_1_too_but_a_note_with_0(data: Path) -> None:
    (data / "lost-0").mkdir()
    assert run("verify", data).exit_code == 0
    flip(data / "orders-1" / "00000000000000000000.index", 7)
    done = run("verify", data)
    assert done.exit_code == 1
    assert "1 cache" in done.output
    assert "note" in done.output


def test_verify_for_programs_is_one_object_a_line(data: Path) -> None:
    flip(data / "orders-1" / "00000000000000000000.log", 80)
    done = run("verify", "--json", data / "orders-1")
    finding, summary = map(json.loads, done.output.splitlines())
    assert (finding["severity"], finding["byte"]) == ("damage", 0)
    assert finding["file"] == str(data / "orders-1" / "00000000000000000000.log")
    assert (summary["summary"]["damage"], summary["summary"]["sound"]) == (1, False)


def test_dump_shows_batches_as_kafkas_tool_does(data: Path) -> None:
    log = data / "orders-1" / "00000000000000000000.log"
    lines = run("dump", log).output.splitlines()
    assert lines[0] == f"{log}:"
    assert lines[1].startswith(
        "baseOffset: 0 lastOffset: 2 count: 3 baseSequence: 0 lastSequence: 2 producerId: 7 producerEpoch: 0 "
        "partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1700000000002 size: "
    )
    assert lines[1].endswith(" isvalid: true")


def test_records_are_shown_safely(data: Path) -> None:
    shown = run("dump", "--deep", data / "plain-0").output
    assert "| offset: 0 LogAppendTime: 1700000000000 headers: [] key: null value: \\xff\\x1b[31m\n" in shown
    assert "\x1b" not in shown


def test_dump_for_programs_loses_nothing(data: Path) -> None:
    rows = [json.loads(line) for line in run("dump", "--json", "--records", data / "plain-0").output.splitlines()]
    records = [row for row in rows if row["type"] == "record"]
    assert records[0]["value"] == {"base64": "/xtbMzFt"}
    assert (records[1]["key"], records[1]["value"]) == ("", None)


def test_dump_can_start_late_and_stop_early(data: Path) -> None:
    shown = run("dump", "--records", "--from", 4, "--max", 2, data / "orders-1" / "00000000000000000000.log").output
    assert [line.split()[:3] for line in shown.splitlines()[1:]] == [
        ["baseOffset:", "3", "lastOffset:"],
        ["|", "offset:", "4"],
    ]


def test_every_file_of_a_data_directory_has_its_heading(data: Path) -> None:
    shown = run("dump", data).output
    for path in data.rglob("*"):
        if path.is_file() and path.name != ".lock":
            assert f"{path}:\n" in shown


def test_what_cannot_be_read_exits_with_1(data: Path) -> None:
    (data / "recovery-point-offset-checkpoint").write_text("nonsense")
    done = run("dump", data)
    assert done.exit_code == 1
    assert "recovery-point-offset-checkpoint cannot be read: " in done.output


@pytest.mark.parametrize(
    "arguments",
    [("verify",), ("dump",), ("verify", "nowhere"), ("dump", "--max", "-1", "."), ("dump", "pyproject.toml")],
)
def test_mistakes_of_usage_exit_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", [("dump", "--json"), ("verify",)])
def test_a_reader_that_has_seen_enough_is_no_damage(data: Path, command: tuple[str, ...]) -> None:
    (data / "lost-0").mkdir()  # verify has something to say before its end, too
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [sys.executable, "-u", "-m", "kafkalite", "log", *command, str(data)]
    try:
        done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")

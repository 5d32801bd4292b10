"""`kafkalite demo` as a user runs it, with a broker of its own."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from kafkalite.tools.cli import demo as demo_command
from kafkalite.tools.cli.commands import kafkalite

WITHIN = 300  # seconds, on the busiest of machines; the command itself aims at less than 30


def test_the_fast_story_keeps_every_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kafkalite", "demo", "--fast", "--json"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN, check=False)
    outcome = json.loads(result.stdout)
    assert [promise for promise in outcome["promises"] if not promise["held"]] == []
    assert outcome["failure"] is None
    assert outcome["held"] is True
    assert outcome["clicks"] > 0
    assert len(outcome["promises"]) == 8
    assert result.returncode == 0
    assert "D has joined and owns nothing: a hot standby" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_broker_that_is_not_there_breaks_every_promise_in_words(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kafkalite", "demo", "--fast", "--json", "--bootstrap", "127.0.0.1:1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    outcome = json.loads(result.stdout)
    assert outcome["failure"].startswith("cannot use the broker 127.0.0.1:1")
    assert not any(promise["held"] for promise in outcome["promises"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_story_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "kafkalite", "demo", "--fast", "--json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "a broker of the demo's own listens on" in first
    assert len(still_running(tmp_path)) > 1, "it, and its broker"
    process.send_signal(number)
    output, errors = process.communicate(timeout=WITHIN)
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


def still_running(temporary: Path) -> list[str]:
    """Name the processes that put their temporary files there; the broker's port may be somebody else's by now."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"TMPDIR={temporary}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
    return found


def test_missing_packages_are_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_extras(name: str) -> object:
        return None if name in ("kafka", "rich") else found(name)

    monkeypatch.setattr(demo_command, "find_spec", without_extras)
    result = CliRunner().invoke(kafkalite, ["demo"])
    assert result.exit_code == 1
    assert result.stderr == "Error: kafka-python and rich are missing: run pip install 'kafkalite[demo]'\n"

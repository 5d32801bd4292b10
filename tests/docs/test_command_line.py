"""The page of the command line is current, and its blocks print what they show."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from click.testing import CliRunner

from kafkalite.tools.cli.commands import kafkalite
from kafkalite.tools.cli.reference import with_reference

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
DIAGNOSIS = Path(__file__).parents[2] / "kafkalite" / "tools" / "doctor" / "diagnosis.py"


def test_the_reference_is_current() -> None:
    page = PAGE.read_text()
    assert page == with_reference(page), "run: python -m kafkalite.tools.cli.reference docs/command-line.md"


def test_every_finding_of_the_doctor_stands_on_the_page() -> None:
    found = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', DIAGNOSIS.read_text()))
    assert {"tls-expected", "advertised-other-cluster"} <= found
    assert [code for code in sorted(found) if f"`{code}`" not in PAGE.read_text()] == []


def test_the_blocks_print_what_they_show(tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "kafkalite", "serve", "--quiet", "--listen=127.0.0.1:0", f"--data={tmp_path}"]
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    shown = "".join(blocks)
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as broker:
        try:
            assert broker.stdout is not None
            address = re.search(r"listening on (\S+:\d+)", broker.stdout.readline())
            assert address is not None
            environment = {"KAFKALITE_BOOTSTRAP": address.group(1)}
            printed = "".join(
                f"$ {command}\n{_run(command, environment)}"
                for command in re.findall(r"^\$ (.*)$", shown, re.MULTILINE)
            )
        finally:
            broker.terminate()
    assert printed == shown


def _run(command: str, environment: dict[str, str]) -> str:
    """Do what a shell would, with kafkalite in this very process, because starting it twenty times takes long."""
    line, shows_status, _ = command.partition(' || echo "exit code $?"')
    words = shlex.shlex(line, posix=True, punctuation_chars="|")
    words.whitespace_split = True
    stages = [list(stage) for piped, stage in groupby(words, "|".__eq__) if not piped]
    passed, shown, status = "", "", 0
    for program, *arguments in stages:
        if program == "kafkalite":
            result = CliRunner().invoke(kafkalite, arguments, input=passed, env=environment)
            passed, shown, status = result.stdout, result.output, result.exit_code
        else:
            done = subprocess.run([program, *arguments], input=passed, stdout=subprocess.PIPE, text=True, check=True)
            passed = shown = done.stdout
    if shows_status:
        return f"{shown}exit code {status}\n"
    assert status == 0, shown
    return shown

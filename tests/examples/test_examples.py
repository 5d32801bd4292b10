"""The examples run as their first lines say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.toolchains import program

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*arguments: object) -> str:
    """Run Python far from this project's own pytest configuration, which other projects do not have."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=EXAMPLES
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("folder", "passed"), [("pytest", 5), ("asyncio", 1)])
def test_an_example_of_tests_passes(folder: str, passed: int) -> None:
    output = run(
        "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--rootdir", EXAMPLES, EXAMPLES / folder
    )
    assert f"{passed} passed" in output


def test_a_trio_program_has_a_broker_of_its_own() -> None:
    assert run(EXAMPLES / "trio" / "own_broker.py") == "hello from trio\n"


def run_elsewhere(folder: str, commands: list[list[str]], tmp_path: Path) -> str:
    """Run commands in a copy of an example, as a stranger would; gives what the last of them printed."""
    project = tmp_path / folder
    shutil.copytree(EXAMPLES / folder, project, ignore=shutil.ignore_patterns("node_modules", "target"))
    environment = {**os.environ, "KAFKALITE": str(Path(sys.executable).with_name("kafkalite"))}
    output = ""
    for name, *arguments in commands:
        # The first run on a machine fetches what the example needs.
        done = subprocess.run(
            [program(name), *arguments], capture_output=True, text=True, timeout=600, cwd=project, env=environment
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
    return output


def test_the_example_in_java_passes(tmp_path: Path) -> None:
    output = run_elsewhere("java", [["mvn", "--batch-mode", "test"]], tmp_path)
    assert "Tests run: 7, Failures: 0, Errors: 0, Skipped: 0\n" in output


def test_the_example_in_go_passes(tmp_path: Path) -> None:
    output = run_elsewhere("go", [["go", "test", "-v", "./..."]], tmp_path)
    assert output.count("--- PASS: ") == 7


def test_the_example_in_node_passes(tmp_path: Path) -> None:
    output = run_elsewhere("node", [["npm", "ci", "--no-audit", "--no-fund"], ["npm", "test"]], tmp_path)
    assert re.search(r"\bpass 6$", output, re.MULTILINE)

"""The examples run as their first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*arguments: object) -> str:
    """Run Python far from this project's own pytest configuration, which other projects do not have."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=EXAMPLES
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("folder", "passed"), [("pytest", 2), ("asyncio", 1)])
def test_an_example_of_tests_passes(folder: str, passed: int) -> None:
    output = run(
        "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--rootdir", EXAMPLES, EXAMPLES / folder
    )
    assert f"{passed} passed" in output


def test_a_trio_program_has_a_broker_of_its_own() -> None:
    assert run(EXAMPLES / "trio" / "own_broker.py") == "hello from trio\n"

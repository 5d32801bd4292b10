"""One `kafkalite serve` for all tests of commands that talk to a broker."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kafkalite.tools.cli.commands import kafkalite


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that tests share: each uses names of its own."""
    folder: Path = tmp_path_factory.mktemp("broker")
    command = [sys.executable, "-m", "kafkalite", "serve", "--quiet", "--listen=127.0.0.1:0", "--data=data"]
    command.append("--set=group.initial.rebalance.delay.ms=0")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"listening on (127\.0\.0\.1:\d+)", process.stdout.readline())
            assert found is not None
            yield found.group(1)
        finally:
            process.terminate()


Run = Callable[..., Result]


@pytest.fixture
def run(bootstrap: str) -> Run:
    """Run a command against the broker."""

    def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002  (click's name)
        environment = {"KAFKALITE_BOOTSTRAP": bootstrap}
        return CliRunner().invoke(kafkalite, arguments, env=environment, input=input, catch_exceptions=False)

    return run


@pytest.fixture
def told(run: Run) -> Callable[..., Any]:
    """Run a command with --json, and return what it printed; the command must succeed."""

    def told(*arguments: str, input: str | None = None) -> Any:  # noqa: A002
        result = run(*arguments, "--json", input=input)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return told

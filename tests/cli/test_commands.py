"""The command line around its commands."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kafkalite import __version__
from kafkalite.tools.cli.commands import COMMANDS, kafkalite


def test_version_is_the_packages() -> None:
    result = CliRunner().invoke(kafkalite, ["--version"])
    assert (result.exit_code, result.output) == (0, f"kafkalite {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["groups", "assign", "--strategy=range", "--members=A", "--topic=t:3"], ["log", "verify", "docs"]],
)
def test_output_that_does_not_fit_on_a_disk_is_told_in_words(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "kafkalite", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "Error: cannot write: No space left on device\n")


def test_help_lists_every_command_without_importing_it() -> None:
    # In a process of its own, because this one may have imported the commands already.
    program = (
        "import sys; from kafkalite.tools.cli.commands import COMMANDS, kafkalite\n"
        "kafkalite(['--help'], standalone_mode=False)\n"
        "assert not {module for module, _ in COMMANDS.values()} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for name, (_, line) in COMMANDS.items():
        assert f"  {name}" in result.stdout
        assert line in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_page(name: str) -> None:
    result = CliRunner().invoke(kafkalite, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: kafkalite {name}")


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    result = CliRunner().invoke(kafkalite, ["sevre"])
    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.output


def test_serve_imports_nothing_that_only_other_commands_need() -> None:
    program = "import sys, kafkalite.tools.cli.serve; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for heavy in ("rich", "kafka", "construct", "cramjam", "tomllib", "difflib", "kafkalite.tools.demo"):
        assert heavy not in result.stdout.split()

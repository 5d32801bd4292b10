"""Shell completion asks the broker."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from kafkalite.tools.cli.commands import kafkalite


def complete(line: str, bootstrap: str) -> list[str]:
    environment = {
        "_KAFKALITE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1),
        "KAFKALITE_BOOTSTRAP": bootstrap,
    }  # fmt: skip
    result: Result = CliRunner().invoke(kafkalite, env=environment, prog_name="kafkalite")
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_commands_and_options_are_completed(bootstrap: str) -> None:
    assert {"topics"} == set(complete("kafkalite top", bootstrap))
    assert {"list", "describe", "create", "alter", "delete"} == set(complete("kafkalite topics ", bootstrap))
    assert complete("kafkalite groups describe --wat", bootstrap) == ["--watch"]


def test_topics_and_groups_of_the_broker_are_completed(bootstrap: str) -> None:
    run = CliRunner()
    run.invoke(kafkalite, ["topics", "create", "completed", "-b", bootstrap])
    run.invoke(
        kafkalite, ["groups", "reset", "completers", "--to", "0", "-t", "completed", "--execute", "-b", bootstrap]
    )
    assert complete("kafkalite topics describe comple", bootstrap) == ["completed"]
    assert complete("kafkalite groups describe comple", bootstrap) == ["completers"]


def test_a_broker_that_is_not_there_completes_nothing_and_says_nothing() -> None:
    assert complete("kafkalite topics describe ", "127.0.0.1:1") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell: str) -> None:
    assert "_KAFKALITE_COMPLETE" in CliRunner().invoke(kafkalite, ["completion", shell]).stdout

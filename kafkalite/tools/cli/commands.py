"""The command `kafkalite` and the table of its subcommands."""

from importlib import import_module
from typing import Final

import click

from kafkalite import __version__

COMMANDS: Final = {
    "serve": ("kafkalite.tools.cli.serve", "Run a broker."),
    "proxy": ("kafkalite.tools.cli.proxy", "Run a proxy in front of a Kafka cluster."),
    "mirror": ("kafkalite.tools.cli.mirror", "Copy topics and the offsets of groups to another cluster."),
    "trace": ("kafkalite.tools.cli.trace", "Show the requests that a broker or a proxy gets."),
    "replay": ("kafkalite.tools.cli.replay", "Send recorded requests again and compare the responses."),
    "ready": ("kafkalite.tools.cli.one_broker", "Wait until a broker answers."),
    "advertise": ("kafkalite.tools.cli.one_broker", "Set the published address of a broker in a container."),
    "topics": ("kafkalite.tools.cli.topics", "List, describe, create, alter and delete topics."),
    "groups": ("kafkalite.tools.cli.groups", "List, describe, reset and delete groups; preview an assignment."),
    "records": ("kafkalite.tools.cli.records", "Produce, consume and delete records."),
    "configs": ("kafkalite.tools.cli.configs", "Show and change configurations."),
    "doctor": ("kafkalite.tools.cli.doctor", "Find out why clients cannot use a broker."),
    "completion": ("kafkalite.tools.cli.completion", "Print the script for shell completion."),
    "demo": ("kafkalite.tools.cli.demo", "Watch consumer groups at work, with real clients."),
    "log": ("kafkalite.tools.cli.log", "Inspect the files of a data directory: dump and verify."),
}
"""Name of each subcommand: the module that holds it under its name, and its line in the help."""


class _LazyGroup(click.Group):
    """Import a subcommand when it is called, not when another one is or when the help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all subcommands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="kafkalite")
def kafkalite() -> None:
    """Kafka in one small process: a broker that unmodified Kafka clients can use."""

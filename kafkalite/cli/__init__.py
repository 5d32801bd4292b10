"""The command line: one module a command, imported when the command is called.

May import click, rich (demo extra) and everything of kafkalite; what is heavy is imported inside the commands.
Must not hold logic of its own: a command turns options into a call, and its result into lines and an exit code.
"""


def main() -> None:
    """Run the command line of this process; never returns."""
    from kafkalite.cli.commands import kafkalite

    kafkalite()

"""The command line: modules of commands, imported when a command is called.

May import click, rich (demo extra) and everything of kafkalite; what is heavy is imported inside the commands.
Must not hold logic of its own: a command turns options into a call, and its result into lines and an exit code.
"""


def main() -> None:
    """Run the command line of this process; never returns."""
    import errno
    import os
    import sys

    if os.getpid() == 1:
        _exit_on_sigterm()
    from kafkalite.tools.cli.commands import kafkalite

    try:
        kafkalite()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # What waits in the buffer of the output would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"Error: cannot write: {error.strerror}")


def _exit_on_sigterm() -> None:
    """Exit on SIGTERM: the first process of a container ignores signals that it does not handle."""
    import signal
    import sys

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
